/** Small pieces that several views draw. */

import { segments, facts } from "./bars.js";
import { addressOf } from "./route.js";
import { store, useClock } from "./store.js";
import { html } from "./vendor/htm-preact.js";
import { useOrder } from "./asking.js";
import * as words from "./words.js";

/** @typedef {import("./words.js").Mark} MarkOf */
/** @typedef {import("./state.js").View} View */

/** A state or verdict: symbol and word. @param {{mark: MarkOf | undefined}} props */
export const Mark = ({ mark }) => marked(mark);

/** The same without a component of its own: among a thousand rows each costs. @param {MarkOf | undefined} mark */
export function marked(mark) {
    if (!mark) return null;
    return html`<span class=${`mark ${mark.tone}`}><span aria-hidden="true">${mark.symbol}</span> ${mark.word}</span>`;
}

/** Why something was refused, and what to do. @param {{error: {message: string, hint?: string} | null}} props */
export function Refused({ error }) {
    if (!error) return null;
    return html`<p class="refused" role="alert"><strong>${error.message}</strong> ${error.hint ?? ""}</p>`;
}

/** A failure: cause, what to do, the last lines of the log. @param {{failure: import("./state.js").Failure, profile: string, restored?: string[]}} props */
export function FailureOf({ failure, profile, restored = [] }) {
    const log = failure.log ?? [];
    return html`<div class="failure">
        <p><${Mark} mark=${words.STATES.failed} />: ${words.reason(profile, failure)}${words.back(restored)}</p>
        ${failure.hint && html`<p class="hint">${failure.hint}</p>`}
        ${log.length > 0 && html`<pre tabindex="0" aria-label="the last lines of its log">${log.join("\n")}</pre>`}
        <p><a href=${addressOf("logs", profile)}>its whole log</a></p>
    </div>`;
}

/** A button that gives an order, and says why it was refused. @param {{path: string, body?: unknown, text: string}} props */
export function Order({ path, body, text }) {
    const { order, error, isBusy } = useOrder();
    return html`<button disabled=${isBusy} onClick=${() => order(path, body)}>${text}</button><${Refused} error=${error} />`;
}

// ---- switches ----

/** How far a switch's bar is. @param {import("./state.js").Progress} progress */
export function fraction(progress) {
    return ["warming", "restoring", "ready"].includes(progress.stage) ? 1 : (progress.fraction ?? null);
}

/** All switches under way, then those that failed and were not read. @param {{view: View}} props */
export function Switches({ view }) {
    const all = Object.values(view.switches);
    if (!all.length) return null;
    const ordered = [...all.filter((s) => !s.failure), ...all.filter((s) => s.failure)];
    return html`<section aria-label="switches under way">
        ${ordered.map((one) => html`<${SwitchCard} key=${one.profile} one=${one} />`)}
    </section>`;
}

/** @param {{one: import("./state.js").Switch}} props */
export function SwitchCard({ one }) {
    const now = useClock(1);
    const { order, error, isBusy } = useOrder();
    if (one.failure) {
        return html`<article class="card bad">
            <header><h2>${one.profile}</h2><button onClick=${() => store.dismiss(one.profile)}>Dismiss</button></header>
            <${FailureOf} failure=${one.failure} profile=${one.profile} restored=${one.restored} />
        </article>`;
    }
    const { progress } = one, share = fraction(progress), passed = Math.max(now - one.reported, 0);
    const doing = words.stage(progress.stage, progress.part), left = (progress.eta ?? 0) - passed;
    const said = [
        words.percent(share),
        progress.mib_total == null ? "" : `${words.mib(progress.mib_done)} of ${words.mib(progress.mib_total)}`,
        words.rate(loadingRate(one)),
        words.seconds((progress.elapsed ?? 0) + passed),
        left >= 1 ? `about ${words.age(left)} left` : "",
    ].filter(Boolean);
    return html`<article class="card">
        <header>
            <h2><a href=${addressOf("models", one.profile)}>${one.profile}</a></h2>
            <button disabled=${isBusy} onClick=${() => order("/cancel", { model: one.profile })}>Cancel</button>
        </header>
        <${Meter} share=${share} label=${`${one.profile}: ${doing}`} />
        <p><span class="doing">${doing}</span> ${said.join(" · ")}</p>
        <${Refused} error=${error} />
    </article>`;
}

/** A bar of progress; without a share it says that nobody knows. @param {{share: number | null, label: string}} props */
function Meter({ share, label }) {
    const value = share === null ? {} : { "aria-valuenow": Math.round(share * 100) };
    return html`<div class=${share === null ? "meter unknown" : "meter"} role="progressbar" aria-label=${label}
        aria-valuemin="0" aria-valuemax="100" ...${value}>
        <div style=${{ width: `${(share ?? 0) * 100}%` }}></div>
    </div>`;
}

/** MiB/s since the first byte was reported. @param {import("./state.js").Switch} one */
function loadingRate(one) {
    const done = one.progress.mib_done;
    if (!one.first || done == null || one.progress.stage !== "loading") return null;
    const [since, before] = one.first, watched = one.reported - since;
    return watched >= 0.5 && done > before ? (done - before) / watched : null;
}

// ---- devices ----

/** One device: a bar of its memory, whose it is, how hard it works. @param {{view: View, device: import("./state.js").DeviceInfo}} props */
export function DeviceBar({ view, device }) {
    const parts = segments(view, device), shown = parts.filter((part) => part.mib >= 1);
    const legend = shown.map((part) => `${part.label} ${device.total_mib == null && part.kind === "unknown" ? "" : words.mib(part.mib)}`);
    return html`<figure class="device">
        <figcaption>
            <strong>${device.name}</strong> <span class="dim">${device.description}</span>
            <span class="facts">${facts(device).join(", ")}</span>
        </figcaption>
        <div class="bar" role="img" aria-label=${`${device.name}: ${legend.join(", ")}, of ${words.mib(device.total_mib)}`}>
            ${parts.map((part) => html`<div class=${segmentClass(part)} title=${`${part.label} ${words.mib(part.mib)}`}
                style=${{ flexGrow: part.mib }}></div>`)}
        </div>
        <ul class="legend" aria-hidden="true">
            ${shown.map((part, i) => html`<li><span class=${`swatch ${segmentClass(part)}`}></span>${legend[i]}</li>`)}
            ${device.swap_used_mib ? html`<li>swap ${words.mib(device.swap_used_mib)}</li>` : null}
        </ul>
    </figure>`;
}

/** @param {import("./bars.js").Segment} part */
function segmentClass(part) {
    return part.kind === "instance" ? `part own n${part.number % 8}` : `part ${part.kind}`;
}

// ---- waterfalls ----

/** @type {Record<string, string>} */
const KINDS = { starting: "load", fitting: "load", loading: "load", warming: "load", restoring: "context", "first-token": "answer" };
const MOST_BARS = 16;

/** The phases of a switch, each beginning where the one before it ends. @param {{phases: import("../types").SwitchPhase[], whole?: number}} props `whole`: seconds of the full width */
export function Waterfall({ phases, whole = phases.reduce((sum, phase) => sum + phase.seconds, 0) }) {
    const longest = new Set([...phases].sort((a, b) => b.seconds - a.seconds).slice(0, MOST_BARS));
    let begun = 0;
    const rows = phases.flatMap((phase) => {
        const at = begun;
        begun += phase.seconds;
        return longest.has(phase) ? [{ phase, at }] : [];
    });
    const scale = whole ? 100 / whole : 0;
    return html`<ol class="waterfall">
        ${rows.map(({ phase, at }) => html`<li>
            <span class="name">${words.stage(phase.name, phase.part)}</span>
            <span class="track" aria-hidden="true"><span class=${KINDS[phase.name] ?? "others"}
                style=${{ marginLeft: `${at * scale}%`, width: `${phase.seconds * scale}%` }}></span></span>
            <span class="number">${words.fine(phase.seconds)}</span>
        </li>`)}
        ${rows.length < phases.length && html`<li class="dim">${words.count(phases.length - rows.length, "shorter phase")}</li>`}
    </ol>`;
}
