/** The first view, as the terminal's: switches under way, all models, devices, requests, what happened. */

import { DeviceBar, fraction, Mark, marked, Switches, Waterfall } from "../parts.js";
import { addressOf } from "../route.js";
import { chosen, next, said, sorted, turned } from "../sorting.js";
import { instanceOf } from "../state.js";
import { useClock } from "../store.js";
import { Component, html, useEffect, useState } from "../vendor/htm-preact.js";
import * as words from "../words.js";
import { RequestTable } from "./requests.js";

/** @typedef {import("../state.js").View} View */
/** @typedef {import("../state.js").ProfileInfo} ProfileInfo */

const LEAST_HEIGHT = 36; // CSS pixels of a row of one line
const SHOWN = 60; // seconds: the waterfall of a switch that has ended
const STEP = 250; // rows that are drawn in addition with each frame

/** How many rows this page has drawn: kept, so that the way back finds the same height. */
let drawn = 0;

/** Whether benchmark profiles are shown: kept, so that the way back finds them so. */
let showsBenches = false;

/** @type {import("../sorting.js").Sorting} By which column they are sorted: kept likewise. */
let sortedBy = { by: "", isReversed: false };

/** So many of all rows: first as many as a window holds, then more with each frame. @param {number} all */
function useSoMany(all) {
    const [rows, setRows] = useState(Math.max(drawn, Math.ceil(innerHeight / LEAST_HEIGHT)));
    useEffect(() => { // once the frame is painted, and what the reader did meanwhile was answered
        if (rows >= all) return;
        let later = 0;
        const frame = requestAnimationFrame(() => { later = setTimeout(() => setRows((drawn = rows + STEP))); });
        return () => {
            cancelAnimationFrame(frame);
            clearTimeout(later);
        };
    }, [rows, all]);
    return rows;
}

/** @param {{view: View}} props */
export function Models({ view }) {
    const [wanted, setWanted] = useState(""), [hasBenches, setHasBenches] = useState(showsBenches);
    const [sorting, setSorting] = useState(sortedBy);
    const sort = (/** @type {import("../sorting.js").Sorting} */ by) => setSorting((sortedBy = by));
    const now = useClock(30);
    const shown = view.models.filter((model) => isListed(view, model) || model.state !== "unloaded");
    const matching = shown.filter((model) => matches(model, wanted));
    const all = sorted(matching, sorting, (model) => (live(view, model).context ?? undefined));
    const benches = all.filter((model) => model.bench), isFolded = !hasBenches && !wanted.trim();
    const ordered = [...all.filter((model) => !model.bench), ...(isFolded ? benches.filter((model) => model.state !== "unloaded") : benches)];
    const turn = () => setHasBenches((showsBenches = !hasBenches));
    const rows = useSoMany(ordered.length);
    return html`
        <${Switches} view=${view} />
        <${JustEnded} view=${view} />
        <div class="columns">
            <section class="main" aria-labelledby="models-title">
                <header class="bar-of-tools">
                    <h1 id="models-title" tabindex="-1">Models</h1>
                    <input type="search" placeholder="filter ( / )" aria-label="filter models" value=${wanted}
                        onInput=${(/** @type {any} */ event) => setWanted(event.target.value)} />
                    <button id="sort" title="sorts by the next column ( s )" aria-live="polite" onClick=${() => sort(next(sorting))}>${said(sorting)}</button>
                    <button id="turn" class="plain" title="reverses the order ( S )" aria-label="reverse the order" onClick=${() => sort(turned(sorting))}>⇅</button>
                    <a class="button" href=${addressOf("switch")}>Switch…</a>
                </header>
                <div role="table" class="table models" aria-label="models" aria-rowcount=${ordered.length}>
                    <div role="row" class="head">
                        ${["model", "state", "speed", "context", "size", "verdict", "last used"].map((name) => html`<span role="columnheader"
                            aria-sort=${sorting.by === name ? (sorting.isReversed ? "descending" : "ascending") : undefined}>${name === "verdict" ? name : html`<button class="heading"
                            onClick=${() => sort(chosen(sorting, name))}>${name}${sorting.by === name && html`<span aria-hidden="true">${sorting.isReversed ? " ▲" : " ▼"}</span>`}</button>`}</span>`)}
                    </div>
                    ${ordered.slice(0, rows).map((model) => html`<${Row} key=${model.id} model=${model} ...${live(view, model)}
                        used=${lastUsed(view, model, now)} isCurrent=${view.current === model.id} />`)}
                </div>
                ${benches.length > 0 && !wanted.trim() && html`<p><button id="benches" aria-expanded=${hasBenches} onClick=${turn}>
                    ${hasBenches ? "fold" : "show"} ${words.count(benches.length, "benchmark")} ( b )</button></p>`}
                ${!ordered.length && !benches.length && html`<p class="dim">${empty(view, wanted)}</p>`}
            </section>
            <div class="aside">
                <section aria-labelledby="devices-title">
                    <h2 id="devices-title"><a href=${addressOf("devices")}>Devices</a></h2>
                    ${view.devices.map((device) => html`<${DeviceBar} key=${device.name} view=${view} device=${device} />`)}
                </section>
                <section aria-labelledby="requests-title">
                    <h2 id="requests-title"><a href=${addressOf("requests")}>Requests</a></h2>
                    <${RequestTable} view=${view} />
                    <p class="dim">${totals(view)}</p>
                </section>
                <${Notices} view=${view} />
            </div>
        </div>`;
}

/** One profile; drawn anew only when something of it is another, also among a thousand. */
class Row extends Component {
    /** @param {Record<string, unknown>} next */
    shouldComponentUpdate(next) {
        const props = /** @type {Record<string, unknown>} */ (this.props);
        return Object.keys(next).some((name) => next[name] !== props[name]);
    }

    /** @param {any} props */
    render({ model, note, context, used, isCurrent }) {
        const { verdict } = model;
        const why = verdict?.state === "degraded" ? (verdict.reasons ?? []).map((/** @type {{message: string}} */ r) => r.message).join("; ") : "";
        return html`<div role="row" class="row" data-model=${model.id}>
            <span role="cell" class="name">
                <a href=${addressOf("models", model.id)}>${model.id}</a>
                ${isCurrent && html`<span class="tag">current</span>`}${model.pin && html`<span class="tag">pinned</span>`}
                ${model.bench && html`<span class="tag">bench</span>`}
                ${model.title && html`<span class="dim title">${model.title}</span>`}
                ${model.variants?.length > 0 && html`<span class="dim title">also as ${model.variants.join(", ")}</span>`}
                ${note && html`<span class="note">${note}</span>`}
            </span>
            <span role="cell" data-label="state">${marked(words.STATES[model.state])}</span>
            <span role="cell" data-label="speed" class="number">${speeds(model)}</span>
            <span role="cell" data-label="context" class="number">${words.tokens(context)}</span>
            <span role="cell" data-label="size" class="number">${words.mib(model.size_mib)}</span>
            <span role="cell" data-label="verdict">${verdict && marked(words.VERDICTS[verdict.state])}
                ${why && html`<span class="note">${why}</span>`}</span>
            <span role="cell" data-label="last used" class="number">${used}</span>
        </div>`;
    }
}

/** What of a row comes from elsewhere: plain values, so that they can be compared. @param {View} view @param {ProfileInfo} model */
function live(view, model) {
    const one = view.switches[model.id], isComing = one !== undefined && !one.failure;
    const parts = [];
    if (isComing) parts.push(words.percent(fraction(one.progress)) || words.stage(one.progress.stage, one.progress.part));
    if (model.waiting) parts.push(`${words.whole(model.waiting)} waiting`);
    if (model.failure && !isComing) parts.push(words.reason(model.id, model.failure));
    if (model.stale) parts.push("models.conf has changed since");
    if (model.yielded) parts.push("the GPUs are yielded");
    const loaded = instanceOf(view, model.id)?.placement?.n_ctx;
    return { note: parts.join(", "), context: loaded || model.ctx_size };
}

/** Measured, and what is promised: `105 of ~112 t/s`; else the file's own words. @param {ProfileInfo} model */
export function speeds(model) {
    const measured = model.speed?.generation, promised = model.expected_speed;
    if (measured != null && promised != null) return `${words.speed(measured).replace(" t/s", "")} of ~${words.speed(promised)}`;
    if (measured != null) return words.speed(measured);
    return promised != null ? `~${words.speed(promised)}` : (model.speed_text ?? "");
}

/** @param {View} view @param {ProfileInfo} model @param {number} now */
export function lastUsed(view, model, now) {
    if (model.state === "busy") return "now";
    const at = Date.parse(model.last_used ?? "") / 1000;
    return Number.isNaN(at) || view.epoch === null ? "" : words.ago(view.epoch + now - at);
}

/** Whether it, or a variant of it, is for everybody to see. @param {View} view @param {ProfileInfo} model */
export function isListed(view, model) {
    return !model.hidden || view.variants.some((variant) => variant.variant_of === model.id && !variant.hidden);
}

/** Whether all of these words are of its names. @param {ProfileInfo} model @param {string} wanted */
export function matches(model, wanted) {
    const names = [model.id, ...(model.aliases ?? []), ...(model.variants ?? []), model.title, model.description];
    const text = names.join(" ").toLowerCase();
    return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** @param {View} view @param {string} wanted */
function empty(view, wanted) {
    if (view.models.length) return wanted ? "no model has such a name" : "all models are hidden";
    return view.link === "live" ? "models.conf has no profile: `paddock add MODEL.gguf` adds one" : "nothing known yet";
}

/** What was served since the daemon began, and what waits now. @param {View} view */
function totals({ totals: t, waiting, pressure }) {
    const waits = Object.values(waiting).reduce((a, b) => a + b, 0);
    return [
        words.count(t.requests ?? 0, "request"),
        t.failed ? `${words.whole(t.failed)} failed` : "",
        `${words.amount(t.prompt_tokens ?? 0)} tokens read`,
        `${words.amount(t.generated_tokens ?? 0)} written`,
        waits ? `${words.whole(waits)} waiting` : "",
        (pressure ?? 0) >= 1 ? `memory pressure ${words.whole(pressure)} %` : "",
    ].filter(Boolean).join(" · ");
}

/** The waterfall of a switch that has just ended, until it is closed or another goes on. @param {{view: View}} props */
function JustEnded({ view }) {
    const [closed, setClosed] = useState(0), now = useClock(10);
    const notice = view.notices.findLast(({ about }) => "type" in about && about.type === "switch-ended" && about.outcome === "ready");
    const about = notice?.about;
    if (!notice || !about || !("type" in about) || about.type !== "switch-ended" || !about.phases?.length) return null;
    const isOver = notice.at === closed || now - notice.at > SHOWN || Object.values(view.switches).some((one) => !one.failure);
    if (isOver) return null;
    return html`<section aria-label="the switch that has just ended"><article class="card">
        <header><h2><a href=${addressOf("models", notice.profile)}>${notice.profile}</a> <${Mark} mark=${words.OUTCOMES.ready} /> after ${words.seconds(about.seconds)}</h2>
            <button onClick=${() => setClosed(notice.at)}>Close</button></header>
        <${Waterfall} phases=${about.phases} />
    </article></section>`;
}

/** What happened since the page was opened. @param {{view: View}} props */
function Notices({ view }) {
    if (!view.notices.length) return null;
    return html`<section aria-labelledby="notices-title">
        <h2 id="notices-title">What happened</h2>
        <ol class="notices" aria-live="polite">${view.notices.slice(-8).reverse().map((notice) => html`<li>
            <time>${view.epoch === null ? "" : words.clock(view.epoch + notice.at)}</time>
            <span class=${words.OUTCOMES[notice.kind].tone} aria-hidden="true">${words.OUTCOMES[notice.kind].symbol}</span> ${words.notice(notice)}
        </li>`)}</ol>
    </section>`;
}
