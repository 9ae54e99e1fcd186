/** Tuning studies that are kept: their list with the one that runs; one with its trials, what nothing beats as a plot, and what came of it. */

import { useAnswer } from "../asking.js";
import { frontOf } from "../front.js";
import { Mark, Refused } from "../parts.js";
import { Plot } from "../plot.js";
import { addressOf } from "../route.js";
import { html, useMemo } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../state.js").View} View */
/** @typedef {import("../../types").Tuning} Tuning */
/** @typedef {import("../../types").TuningTrial} TuningTrial */
/** @typedef {import("../../types").TuningList} TuningList */
/** @template T @typedef {import("../asking.js").Answer<T>} Answer */

/** @type {Record<string, words.Mark>} */
const OUTCOMES = {
    done: { symbol: "✓", word: "done", tone: "good" },
    running: { symbol: "◐", word: "running, or killed", tone: "busy" },
    interrupted: { symbol: "–", word: "interrupted", tone: "warn" },
};
/** @type {Record<string, words.Mark>} */
const VERDICTS = {
    better: { symbol: "▲", word: "better", tone: "good" },
    same: { symbol: "=", word: "nothing is better beyond the noise", tone: "dim" },
    unproven: { symbol: "?", word: "not proven", tone: "dim" },
};
/** @type {Record<string, words.Mark>} */
const TRIALS = {
    measured: { symbol: "✓", word: "measured", tone: "good" },
    same: { symbol: "=", word: "lies as another", tone: "dim" },
    pruned: { symbol: "–", word: "ruled out", tone: "dim" },
    failed: { symbol: "✗", word: "failed", tone: "bad" },
    interrupted: { symbol: "–", word: "interrupted", tone: "warn" },
};

/** @param {{view: View, name: string}} props */
export function Studies({ view, name }) {
    const newest = view.notices.findLast(({ kind }) => kind === "tuning")?.at;
    if (name) return html`<${Study} id=${name} since=${newest} />`;
    return html`<${All} since=${newest} />`;
}

/** @param {{since?: number}} props */
function All({ since }) {
    const { value, error } = /** @type {Answer<TuningList>} */ (useAnswer("/tunings?limit=200", since));
    const running = value?.running;
    return html`<section aria-labelledby="tunings-title">
        <h1 id="tunings-title" tabindex="-1">Tuning</h1>
        <p class="dim">What <code>paddock tune</code> tried. <code>paddock tune MODEL</code> looks for better flags of one.</p>
        <${Refused} error=${error} />
        ${running && html`<article class="card" aria-label="the study that runs"><header><h2><a href=${addressOf("models", running.profile)}>${running.profile}</a></h2> <${Mark} mark=${{ ...OUTCOMES.running, word: "running" }} /></header>
            <p>${[`for ${running.goal}`, running.step, words.count(running.trials ?? 0, "trial"), words.count(running.loads ?? 0, "load"),
                running.eta != null && `at most ${words.seconds(running.eta)} left`, running.gain && `best so far ${gain(running.gain)}`].filter(Boolean).join(", ")}</p>
            ${running.tuning ? html`<p><a href=${addressOf("tunings", String(running.tuning))}>its trials</a></p>` : null}</article>`}
        ${value && !value.tunings.length && html`<p class="dim">none yet</p>`}
        ${value && value.tunings.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="studies"><table>
            <thead><tr><th class="number">study</th><th>model</th><th>goal</th><th>begun</th><th>outcome</th><th class="number">loads</th><th>verdict</th><th class="number">gain</th><th>written</th></tr></thead>
            <tbody>${value.tunings.map((one) => html`<tr key=${one.id}>
                <td class="number"><a href=${addressOf("tunings", String(one.id))}>${one.id}</a></td><td><a href=${addressOf("models", one.profile)}>${one.profile}</a></td>
                <td>${one.goal}</td><td>${words.moment(one.begun_at)}</td><td><${Mark} mark=${OUTCOMES[one.outcome]} /></td><td class="number">${words.whole(one.loads)}</td>
                <td>${one.verdict && html`<${Mark} mark=${VERDICTS[one.verdict]} />`}</td><td class="number">${gain(one.gain)}</td><td>${words.moment(one.applied_at)}</td></tr>`)}</tbody>
        </table></div>`}
    </section>`;
}

/** @param {{id: string, since?: number}} props */
function Study({ id, since }) {
    const { value: one, error } = /** @type {Answer<Tuning>} */ (useAnswer(`/tunings/${encodeURIComponent(id)}`, since));
    const plots = useMemo(() => (one ? frontOf(one) : []), [one]);
    const front = new Set(one?.front ?? []), trials = one?.trials ?? [];
    return html`<section aria-labelledby="tunings-title">
        <header class="bar-of-tools"><h1 id="tunings-title" tabindex="-1">Study ${id}${one ? ` of ${one.profile}` : ""}</h1><a class="button" href=${addressOf("tunings")}>All</a></header>
        <${Refused} error=${error} />
        ${one && html`
            <p><${Mark} mark=${OUTCOMES[one.outcome ?? "running"]} /> ${one.verdict && html`<${Mark} mark=${VERDICTS[one.verdict]} />`}
                ${" "}<span class="dim">${[`for ${one.goal}`, words.moment(one.begun_at), words.seconds(one.seconds ?? 0), `${words.count(one.loads ?? 0, "load")}${one.grid ? ` of ${words.whole(one.grid)} combinations` : ""}`, one.measured].filter(Boolean).join(", ")}</span></p>
            ${one.today && one.best && html`<p>by turns at the end: today ${score(one.today.median, one)}, the best ${score(one.best.median, one)} (${gain(one.best.median / one.today.median - 1)})</p>`}
            ${Object.keys(one.changes ?? {}).length > 0 && html`<pre aria-label="what it would write">${Object.entries(one.changes ?? {}).map(([flag, value]) => (value == null ? `without ${flag}` : `${flag} = ${value}`)).join("\n")}</pre>
                <p class="dim">${one.applied_at ? `written ${words.moment(one.applied_at)}` : html`<code>paddock tune ${one.profile} --apply</code> writes it`}</p>`}
            ${one.contributions?.length ? html`<table><thead><tr><th>change</th><th>from</th><th>to</th><th class="number">brings</th></tr></thead>
                <tbody>${one.contributions.map((row) => html`<tr><td>${row.name}</td><td>${row.before}</td><td>${row.after}</td><td class="number">${gain(row.gain)}</td></tr>`)}</tbody></table>` : null}
            ${plots.length > 0 && html`<div class="plots">${plots.map((plot) => html`<${Plot} key=${plot.title} ...${plot} />`)}</div>`}
            <div class="scroll" tabindex="0" role="region" aria-label="trials"><table>
                <thead><tr><th class="number">trial</th><th>changes</th><th>state</th><th class="number">score</th><th class="number">context</th><th class="number">free</th><th>why</th></tr></thead>
                <tbody>${trials.map((trial) => html`<tr class=${trial.number === one.best_trial ? "sum" : ""}>
                    <td class="number">${trial.number}${front.has(trial.number) && html` <span class="tag">nothing beats it</span>`}</td><td>${changes(trial)}</td>
                    <td><${Mark} mark=${TRIALS[trial.state ?? "interrupted"]} /></td><td class="number">${trial.score && score(trial.score.median, one)}</td>
                    <td class="number">${words.tokens(trial.context)}</td><td class="number">${words.mib(trial.free_mib)}</td><td class="dim">${trial.why ?? ""}</td></tr>`)}</tbody>
            </table></div>
            ${(one.notes ?? []).map((note) => html`<p class="dim">${note}</p>`)}`}
    </section>`;
}

/** @param {TuningTrial} trial */
const changes = (trial) => Object.entries(trial.changes ?? {}).map(([flag, value]) => (value == null ? `without ${flag}` : `${flag} ${value}`)).join(", ") || "as today";

/** @param {number} value @param {Tuning} study */
const score = (value, study) => `${words.speed(value).replace(" t/s", "")} ${study.unit ?? "tokens/s"}`;

/** @param {number | null | undefined} value */
function gain(value) {
    if (value == null) return "";
    const share = Math.round(value * 1000) / 10;
    return `${share > 0 ? "+" : ""}${share.toLocaleString()} %`;
}
