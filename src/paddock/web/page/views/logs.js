/** Logs over all runs: followed, searched, filtered, downloaded. Only the lines in sight are ever drawn. */

import { ask } from "../api.js";
import { Refused } from "../parts.js";
import { addressOf } from "../route.js";
import { addressOfLog, Tail } from "../tail.js";
import { Transcript } from "../transcript.js";
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { go } from "../history.js";
import * as words from "../words.js";

const LINE = 18; // CSS pixels, as `.log` of the style sheet has it
const BESIDE = 20; // lines drawn above and below what is in sight
const ERROR = /\b(E|error|failed|fatal)\b/;

/** @typedef {import("../state.js").View} View */

/** @param {{view: View, name: string}} props */
export function Logs({ view, name }) {
    const choose = (/** @type {any} */ event) => go(addressOf("logs", event.target.value));
    const names = view.models.map((model) => model.id);
    if (name && name !== "daemon" && !names.includes(name)) names.unshift(name);
    return html`<section aria-labelledby="logs-title" class="logs">
        <header class="bar-of-tools"><h1 id="logs-title" tabindex="-1">Log</h1>
            <label>of <select value=${name} onChange=${choose}>
                <option value="">all models</option><option value="daemon">the daemon</option>
                ${names.map((id) => html`<option value=${id}>${id}</option>`)}
            </select></label></header>
        <${Log} key=${name} name=${name} />
    </section>`;
}

/** @param {{name: string}} props */
function Log({ name }) {
    const [, draw] = useState(0), redraw = () => draw((n) => n + 1);
    const [error, setError] = useState(/** @type {any} */ (null)), [isLive, setIsLive] = useState(false);
    const [sought, setSought] = useState(""), [wanted, setWanted] = useState("");
    const box = useRef(/** @type {HTMLElement | null} */ (null)), transcript = useRef(new Transcript());
    const follows = useRef(true), at = useRef(-1), forgotten = useRef(0);
    useEffect(() => {
        const tail = new Tail(name, {
            lines(lines, isAnew) {
                if (isAnew) transcript.current = Object.assign(new Transcript(), { wanted: transcript.current.wanted, sought: transcript.current.sought });
                forgotten.current += transcript.current.add(lines);
                redraw();
            },
            state(problem, live) {
                setError(problem);
                setIsLive(live);
            },
        });
        void tail.run();
        return () => tail.stop();
    }, [name]);
    useEffect(() => { // after the lines are drawn: stay at the end, or where the reader is
        const place = box.current;
        if (!place) return;
        if (follows.current) place.scrollTop = place.scrollHeight;
        else if (forgotten.current) place.scrollTop -= forgotten.current * LINE;
        forgotten.current = 0;
    });
    const log = transcript.current, place = box.current;
    const move = (/** @type {1 | -1} */ step) => {
        const found = log.nextAfter(at.current < 0 ? log.shown.length * Number(step < 0) : at.current, step);
        if (found === null || !place) return;
        at.current = found;
        follows.current = false;
        place.scrollTop = Math.max(found * LINE - place.clientHeight / 2, 0);
        redraw();
    };
    const scrolled = () => {
        if (!place) return;
        follows.current = place.scrollTop + place.clientHeight >= place.scrollHeight - LINE;
        redraw();
    };
    const seen = Math.ceil((place?.clientHeight ?? 600) / LINE) + 2 * BESIDE;
    const last = Math.max(log.shown.length - seen, 0); // fewer lines than it was scrolled over: a filter was typed
    const first = Math.max(Math.floor((place?.scrollTop ?? 0) / LINE) - BESIDE, 0);
    const from = follows.current ? last : Math.min(first, last);
    return html`
        <div class="bar-of-tools" role="search">
            <input type="search" aria-label="find in the log" placeholder="find ( / ), Enter: the next" value=${sought}
                onInput=${(/** @type {any} */ e) => { setSought(e.target.value); log.seek(e.target.value); at.current = -1; move(-1); redraw(); }}
                onKeyDown=${(/** @type {KeyboardEvent} */ e) => e.key === "Enter" && move(e.shiftKey ? -1 : 1)} />
            ${sought && html`<span class="dim" aria-live="polite">${words.count(log.found, "line")}</span>
                <button onClick=${() => move(-1)} aria-label="the match before">↑</button><button onClick=${() => move(1)} aria-label="the next match">↓</button>`}
            <input type="search" aria-label="show only lines with" placeholder="show only lines with…" value=${wanted}
                onInput=${(/** @type {any} */ e) => { setWanted(e.target.value); log.showOnly(e.target.value); at.current = -1; redraw(); }} />
            <button aria-pressed=${follows.current} onClick=${() => { follows.current = !follows.current; redraw(); }}>Follow</button>
            <button onClick=${() => void download(name).catch(setError)}>Download</button>
        </div>
        <${Refused} error=${error} />
        <div ref=${box} class="log" role="log" aria-live="off" tabindex="0" aria-label=${`log of ${name || "all models"}`} onScroll=${scrolled}>
            <div style=${{ height: `${log.shown.length * LINE}px` }}>
                <div class="lines" style=${{ transform: `translateY(${from * LINE}px)` }}>
                    ${log.shown.slice(from, from + seen).map((line, i) => html`<div class=${lineClass(line, from + i === at.current)}>${log.pieces(line).map((piece, n) => (n % 2 ? html`<mark>${piece}</mark>` : piece))}</div>`)}
                </div>
            </div>
        </div>
        <p class="dim">${words.count(log.shown.length, "line")}${isLive ? "" : error ? "" : ", reading…"}</p>`;
}

/** @param {string} line @param {boolean} isFound */
function lineClass(line, isFound) {
    const kind = line.startsWith("── ") ? "turn" : ERROR.test(line.slice(0, 60)) ? "error" : "";
    return isFound ? `${kind} found` : kind;
}

/** All of it, as a file. @param {string} name */
async function download(name) {
    const content = await (await ask(addressOfLog(name))).blob();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = `${(name || "all-models").replaceAll(/[^\w.-]/g, "_")}.log`;
    link.click();
    URL.revokeObjectURL(link.href);
}
