/** Benchmarks that are kept: their list, one run with its figures by depth, and what changed since another. */

import { useAnswer } from "../asking.js";
import { byDepth, overlaid } from "../depths.js";
import { go } from "../history.js";
import { Mark, Refused } from "../parts.js";
import { Plot } from "../plot.js";
import { addressOf } from "../route.js";
import { html, useMemo } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../../types").BenchRun} BenchRun */
/** @typedef {import("../../types").BenchedProfile} BenchedProfile */
/** @typedef {import("../../types").BenchRuns} BenchRuns */
/** @typedef {import("../../types").BenchComparison} BenchComparison */
/** @typedef {import("../../types").Spread} Spread */
/** @template T @typedef {import("../asking.js").Answer<T>} Answer */

/** @type {Record<string, words.Mark>} */
const OUTCOMES = {
    done: { symbol: "✓", word: "done", tone: "good" },
    running: { symbol: "◐", word: "running, or killed", tone: "busy" },
    interrupted: { symbol: "–", word: "interrupted", tone: "warn" },
    failed: { symbol: "✗", word: "failed", tone: "bad" },
};
/** @type {Record<string, words.Mark>} */
const JUDGEMENTS = {
    better: { symbol: "▲", word: "better", tone: "good" },
    worse: { symbol: "▼", word: "worse", tone: "bad" },
    same: { symbol: "=", word: "within the spread", tone: "dim" },
    unproven: { symbol: "?", word: "too few samples", tone: "dim" },
};

/** @param {{name: string, query: URLSearchParams}} props */
export function Bench({ name, query }) {
    const { value, error } = /** @type {Answer<BenchRuns>} */ (useAnswer("/bench?limit=200"));
    const runs = value?.runs ?? [];
    if (name) return html`<${Run} key=${name} id=${name} against=${query.get("against") ?? ""} runs=${runs} />`;
    return html`<section aria-labelledby="bench-title">
        <h1 id="bench-title" tabindex="-1">Benchmarks</h1>
        <p class="dim">What <code>paddock bench</code> measured here. <code>paddock bench MODEL</code> measures one.</p>
        <${Refused} error=${error} />
        ${value && !runs.length && html`<p class="dim">none yet</p>`}
        ${runs.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="benchmarks"><table>
            <thead><tr><th class="number">run</th><th>begun</th><th>outcome</th><th class="number">took</th><th>profiles</th><th>compare</th></tr></thead>
            <tbody>${runs.map((run, i) => html`<tr key=${run.id}>
                <td class="number"><a href=${addressOf("bench", String(run.id))}>${run.id}</a></td>
                <td>${words.moment(run.begun_at)}</td>
                <td><${Mark} mark=${OUTCOMES[run.outcome]} /></td>
                <td class="number">${words.seconds(run.seconds ?? 0)}</td>
                <td>${(run.profiles ?? []).join(", ")}</td>
                <td>${before(runs, i) && html`<a href=${addressOf("bench", String(run.id), { against: String(before(runs, i)) })}>with ${before(runs, i)}</a>`}</td>
            </tr>`)}</tbody>
        </table></div>`}
    </section>`;
}

/** The last run before this one with a profile of it. @param {BenchRuns["runs"]} runs the newest first @param {number} at */
function before(runs, at) {
    const own = new Set(runs[at].profiles ?? []);
    return runs.slice(at + 1).find((run) => (run.profiles ?? []).some((profile) => own.has(profile)))?.id;
}

/** @param {{id: string, against: string, runs: BenchRuns["runs"]}} props */
function Run({ id, against, runs }) {
    const path = `/bench/${encodeURIComponent(id)}`;
    const { value: run, error } = /** @type {Answer<BenchRun>} */ (useAnswer(path));
    const other = /** @type {Answer<BenchRun>} */ (useAnswer(against ? `/bench/${encodeURIComponent(against)}` : null));
    const change = /** @type {Answer<BenchComparison>} */ (useAnswer(against ? `${path}/against/${encodeURIComponent(against)}` : null));
    const choose = (/** @type {any} */ event) => go(addressOf("bench", id, { against: event.target.value }));
    return html`<section aria-labelledby="bench-title">
        <header class="bar-of-tools"><h1 id="bench-title" tabindex="-1">Benchmark ${id}</h1>
            <label>compared with <select onChange=${choose} aria-label="compared with">
                <option value="" selected=${!against}>nothing</option>
                ${runs.filter((one) => String(one.id) !== id).map((one) => html`<option value=${one.id} selected=${String(one.id) === against}>
                    ${one.id}, ${words.moment(one.begun_at)}, ${(one.profiles ?? []).join(", ")}</option>`)}
            </select></label>
            <a class="button" href=${addressOf("bench")}>All</a></header>
        <${Refused} error=${error ?? other.error ?? change.error} />
        ${run && html`<p><${Mark} mark=${OUTCOMES[run.outcome]} /> <span class="dim">${headline(run)}</span></p>`}
        ${change.value?.missing?.length ? html`<p class="dim">in one of the two only: ${change.value.missing.join(", ")}</p>` : null}
        ${(run?.profiles ?? []).map((one) => html`<${Profile} key=${one.profile} one=${one} id=${id} against=${against}
            former=${other.value?.profiles?.find((old) => old.profile === one.profile)}
            change=${change.value?.profiles?.find((row) => row.profile === one.profile)} />`)}
    </section>`;
}

/** @param {BenchRun} run */
function headline(run) {
    return [
        words.moment(run.begun_at),
        `took ${words.seconds(run.seconds ?? 0)}`,
        run.waited_seconds ? `${words.seconds(run.waited_seconds)} of it waiting for other traffic` : "",
        `${words.count(run.repeat ?? 0, "sample")} each`,
        `${words.count(run.answer ?? 0, "token")} generated`,
        run.version && `paddock ${run.version}`,
    ].filter(Boolean).join(", ");
}

/** @param {{one: BenchedProfile, former?: BenchedProfile, change?: import("../../types").ComparedProfile, id: string, against: string}} props */
function Profile({ one, former, change, id, against }) {
    const plots = useMemo(() => overlaid([{ name: id, run: one }, ...(former ? [{ name: against, run: former }] : [])]), [one, former]);
    const from = one.circumstances ?? {};
    return html`<article class=${one.outcome === "failed" ? "card bad" : "card"}>
        <header><h2><a href=${addressOf("models", one.profile)}>${one.profile}</a></h2> <${Mark} mark=${OUTCOMES[one.outcome]} /></header>
        ${one.failure && html`<p class="refused">${one.failure.message}</p>`}
        ${change && html`<${Changes} change=${change} />`}
        <dl class="facts">
            ${one.loads?.length ? html`<dt>loads</dt><dd>${one.loads.map((load) => `${words.seconds(load.seconds)}${load.cached == null ? "" : ` (${words.percent(load.cached)} cached)`}`).join(", ")}</dd>` : null}
            ${one.context && html`<dt>context</dt><dd>${words.tokens(one.context)}${(one.slots ?? 1) > 1 ? `, ${one.slots} slots` : ""}</dd>`}
            ${one.layers_offloaded != null && html`<dt>layers</dt><dd>${one.layers_offloaded} of ${one.layers ?? "?"} on devices</dd>`}
            ${one.memory?.length ? html`<dt>memory</dt><dd>${one.memory.map((row) => `${row.device} ${words.mib(row.placed ?? row.used)}`).join(", ")}</dd>` : null}
            ${from.engine && html`<dt>engine</dt><dd>${from.engine} ${from.engine_version}</dd>`}
            ${from.devices && html`<dt>devices</dt><dd>${from.devices}</dd>`}
            ${one.evaluation?.score != null && html`<dt>score</dt><dd>${words.whole(one.evaluation.score * 1000) && one.evaluation.score}</dd>`}
        </dl>
        ${plots.length > 0 && html`<div class="plots">${plots.map((plot) => html`<${Plot} key=${plot.title} ...${plot} across="tokens" />`)}</div>`}
        ${one.depths?.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${`figures of ${one.profile} by depth`}><table>
            <thead><tr><th class="number">depth</th><th class="number">first token</th><th class="number">prompt</th><th class="number">generation</th></tr></thead>
            <tbody>${byDepth(one).map((row) => html`<tr><td class="number">${words.whole(row.depth)}</td><td class="number">${spread(row.first_token, "s")}</td>
                <td class="number">${spread(row.prompt, "t/s")}</td><td class="number">${spread(row.generation, "t/s")}</td></tr>`)}</tbody>
        </table></div>` : null}
        ${one.streams?.length ? html`<p class="dim">${one.streams.map((row) => `${row.streams} streams together ${spread(row.generation, "t/s")}`).join(", ")}</p>` : null}
        ${(one.notes ?? []).map((note) => html`<p class="dim">${note}</p>`)}
    </article>`;
}

/** What changed beyond the spread, first; with what it goes together. @param {{change: import("../../types").ComparedProfile}} props */
function Changes({ change }) {
    const real = change.figures.filter((row) => row.judgement === "better" || row.judgement === "worse");
    const rest = change.figures.filter((row) => !real.includes(row));
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${`changes of ${change.profile}`}><table>
            <thead><tr><th>figure</th><th class="number">before</th><th class="number">after</th><th class="number">change</th><th>judged</th></tr></thead>
            <tbody>${[...real, ...rest].map((row) => html`<tr><td>${row.figure}</td><td class="number">${spread(row.before, row.unit)}</td>
                <td class="number">${spread(row.after, row.unit)}</td><td class="number">${ratio(row)}</td><td><${Mark} mark=${JUDGEMENTS[row.judgement]} /></td></tr>`)}</tbody>
        </table></div>
        ${!real.length && html`<p class="dim">nothing changed beyond the spread</p>`}
        ${change.together?.length ? html`<p>together with: ${change.together.join("; ")}</p>` : null}`;
}

/** Median, and from where to where. @param {Spread | null | undefined} found @param {string} unit */
function spread(found, unit) {
    if (!found) return "";
    const text = (/** @type {number} */ value) => (unit === "s" ? words.fine(value).replace(" s", "") : words.speed(value).replace(" t/s", ""));
    return found.samples.length > 1 ? `${text(found.median)} ${unit} (${text(found.low)} to ${text(found.high)})` : `${text(found.median)} ${unit}`;
}

/** @param {import("../../types").ComparedFigure} row */
function ratio({ before: was, after: now }) {
    if (!was.median) return "";
    const share = Math.round((now.median / was.median - 1) * 1000) / 10;
    return `${share > 0 ? "+" : ""}${share.toLocaleString()} %`;
}
