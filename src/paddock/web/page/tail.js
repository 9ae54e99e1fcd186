/** A log as it is written: lines in batches, read again from where the daemon has it after a loss. */

import { ask, Refusal } from "./api.js";

const LATE = 50; // milliseconds: what comes within them is taken in at once
const PAUSE = 2000; // milliseconds between two attempts
const PAST = 2000; // lines it begins with

/** The address of a log over all its runs; of everybody where no name is given. @param {string} name */
export function addressOfLog(name) {
    if (!name) return "/logs";
    return `/logs/${encodeURIComponent(name)}${name === "daemon" ? "" : "?runs=all"}`;
}

export class Tail {
    /** @param {string} name @param {{lines: (lines: string[], isAnew: boolean) => void, state: (error: Error | null, isLive: boolean) => void}} reader */
    constructor(name, reader) {
        this._name = name;
        this._reader = reader;
        this._line = new AbortController();
        this._isOver = false;
    }

    /** Until it is stopped. */
    async run() {
        while (!this._isOver) {
            try {
                await this._read();
                this._reader.state(null, false); // the log is over
            } catch (error) {
                if (this._isOver) return;
                this._reader.state(/** @type {Error} */ (error), false);
                if (error instanceof Refusal && error.status >= 400 && error.status < 500) return;
            }
            if (!this._isOver) await new Promise((resolve) => setTimeout(resolve, PAUSE));
        }
    }

    stop() {
        this._isOver = true;
        this._line.abort();
    }

    async _read() {
        const path = addressOfLog(this._name);
        const follow = `${path}${path.includes("?") ? "&" : "?"}follow=1&lines=${PAST}`;
        const answer = await ask(follow, { signal: this._line.signal });
        const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
        this._reader.state(null, true);
        let rest = "", isAnew = true, due = 0;
        /** @type {string[]} */
        let batch = [];
        const pass = () => {
            due = 0;
            if (this._isOver) return;
            this._reader.lines(batch, isAnew);
            batch = [];
            isAnew = false;
        };
        for (;;) {
            const piece = await reader?.read();
            if (!piece || piece.done) break;
            const lines = (rest + piece.value).split("\n");
            rest = lines.pop() ?? "";
            batch.push(...lines);
            due ||= setTimeout(pass, LATE);
        }
        clearTimeout(due);
        if (rest) batch.push(rest);
        if (batch.length) pass();
    }
}
