/**
 * The connection to the daemon: one stream of events, read on after every loss from where it broke off.
 *
 * `fetch` and not `EventSource`, which cannot send a key. After a loss it waits, longer each time, or until the
 * reader comes back to the tab or the device is on line again. A stream that is silent for longer than the
 * daemon ever is (a device that slept) counts as lost.
 */

import { ask, Refusal } from "./api.js";
import { createParser } from "./vendor/eventsource-parser.js";

const FIRST_PAUSE = 500, LONGEST_PAUSE = 5000; // milliseconds
const SILENCE = 40_000; // milliseconds: the daemon sends at least a comment every 15 s
const NEEDS_KEY = new Set([401, 403]);

/** @typedef {import("./state.js").Event} Event */
/** @typedef {import("./state.js").LinkChanged} LinkChanged */

export class Feed {
    /** @param {(news: Event | LinkChanged) => void} hear */
    constructor(hear) {
        this._hear = hear;
        this._pause = FIRST_PAUSE;
        /** @type {string} The number of the last event. */
        this._after = "";
        this._line = new AbortController();
        this._wake = () => {};
        this._wantsSnapshot = false;
    }

    /** The first event, which came within the page. @param {string} data */
    begin(data) {
        const event = JSON.parse(data);
        this._after = String(event.seq);
        this._hear(event);
    }

    /** Read for as long as the page is open. */
    async run() {
        for (;;) {
            const isQuiet = this._wantsSnapshot; // the moment between is nobody's concern
            if (this._wantsSnapshot) this._after = "";
            this._wantsSnapshot = false;
            this._line = new AbortController();
            if (!isQuiet) this._hear({ link: "connecting" });
            const lost = await this._read();
            if (this._wantsSnapshot) continue;
            this._hear(lost);
            await this._wait(NEEDS_KEY.has(lost.status ?? 0) ? Infinity : this._pause);
            this._pause = Math.min(2 * this._pause, LONGEST_PAUSE);
        }
    }

    /** Begin anew with a snapshot: a key was typed, or the profiles are others. */
    refresh() {
        this._wantsSnapshot = true;
        this._line.abort();
        this._wake();
    }

    /** Try again now, where it waits. */
    retry() {
        this._wake();
    }

    /** Until nothing more comes; why. @returns {Promise<LinkChanged>} */
    async _read() {
        const signal = this._line.signal;
        let guard = this._guard(undefined);
        try {
            /** @type {Record<string, string>} */
            const headers = { Accept: "text/event-stream" };
            if (this._after) headers["Last-Event-ID"] = this._after;
            const answer = await ask("/events", { headers, signal });
            this._hear({ link: "live" });
            this._pause = FIRST_PAUSE;
            const parser = createParser({ onEvent: (event) => this._take(event) });
            const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
            for (;;) {
                guard = this._guard(guard);
                const piece = await reader?.read();
                if (!piece || piece.done) return { link: "lost", error: "the daemon has ended" };
                parser.feed(piece.value);
            }
        } catch (error) {
            if (!(error instanceof Refusal)) return { link: "lost", error: "the connection broke" };
            return { link: "lost", error: error.message, status: error.status };
        } finally {
            clearTimeout(guard);
        }
    }

    /** @param {number | undefined} running @returns {number} */
    _guard(running) {
        clearTimeout(running);
        const line = this._line;
        return setTimeout(() => line.abort(), SILENCE);
    }

    /** @param {{id?: string, data: string}} event */
    _take({ id, data }) {
        if (this._wantsSnapshot) return;
        if (id) this._after = id;
        this._hear(JSON.parse(data));
    }

    /** @param {number} pause milliseconds */
    async _wait(pause) {
        await new Promise((resolve) => {
            this._wake = () => resolve(undefined);
            if (pause !== Infinity) setTimeout(resolve, pause);
        });
        this._wake = () => {};
    }
}
