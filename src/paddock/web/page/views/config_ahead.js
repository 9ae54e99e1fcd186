/** What writing a text would change: the difference, who is added, changed or stale, and where each would lie. */

import { addressOf } from "../route.js";
import { html, useEffect, useRef } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../../types").ConfigPreview} ConfigPreview */
/** @typedef {import("../../types").ConfigText} ConfigText */
/** @typedef {import("../../types").Plan} Plan */

/**
 * @param {object} props
 * @param {{earlier: string, preview: ConfigPreview}} props.looked
 * @param {ConfigText} props.now
 * @param {boolean} props.isBusy
 * @param {() => void} props.write
 * @param {(earlier: string) => void} props.look
 * @param {() => void} props.leave
 */
export function Ahead({ looked, now, isBusy, write, look, leave }) {
    const { earlier, preview } = looked, title = useRef(/** @type {HTMLElement | null} */ (null));
    const { changes = {}, difference = [], plans = [] } = preview;
    const errors = (preview.check.problems ?? []).filter((one) => one.severity === "error");
    const isOther = preview.fingerprint !== now.fingerprint, isSame = difference.length === 0;
    useEffect(() => title.current?.focus(), [earlier]); // a screen reader hears what is to be judged
    return html`<section class="card ahead" aria-labelledby="ahead-title" onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && leave()}>
        <header><h2 id="ahead-title" ref=${title} tabindex="-1">${earlier ? "An earlier text" : "What writing it changes"}</h2>
            <span class="bar-of-tools">
                ${earlier && html`<label>that was replaced <select value=${earlier} onChange=${(/** @type {any} */ event) => look(event.target.value)}>
                    ${(now.earlier ?? []).map((one) => html`<option value=${one.fingerprint}>${words.moment(one.replaced_at)}</option>`)}</select></label>`}
                <button class="primary" id="do-write" disabled=${isBusy || !preview.check.ok || isOther || isSame || Boolean(now.read_only)} onClick=${write}>${earlier ? "Put it back" : "Write it"}</button>
                <button onClick=${leave}>Not now</button></span></header>
        <p role="status">${isSame ? "It is the same text." : errors.length ? `It has ${words.count(errors.length, "error")} and cannot be written.` : isOther ? "The file was changed meanwhile." : said(changes)}</p>
        ${errors.length > 0 && html`<ul>${errors.slice(0, 5).map((one) => html`<li>${one.line ? `line ${one.line}: ` : ""}${one.message}</li>`)}</ul>`}
        ${plans.length > 0 && html`<${Plans} plans=${plans} more=${preview.plans_left_out ?? 0} />`}
        ${!isSame && html`<pre class="difference" tabindex="0" role="region" aria-label="the difference, line by line">${difference.map((line) => html`<span class=${KINDS[line[0]] ?? ""}>${line}</span>`)}</pre>`}
    </section>`;
}

/** @type {Record<string, string>} */
const KINDS = { "+": "new", "-": "gone", "@": "dim" };

/** What happens to whom. @param {import("../../types").ConfigChanges} changes */
export function said(changes) {
    const { added = [], removed = [], changed = [], restarts = [], stale = [] } = changes;
    const others = changed.filter((name) => !restarts.includes(name));
    const parts = [
        added.length ? `adds ${some(added)}` : "",
        removed.length ? `removes ${some(removed)}` : "",
        restarts.length ? `changes how ${some(restarts)} ${restarts.length === 1 ? "is" : "are"} started` : "",
        others.length ? `changes ${some(others)} without another start` : "",
    ].filter(Boolean);
    const what = parts.length ? `It ${words.list(parts)}.` : "It changes no profile.";
    return stale.length ? `${what} ${some(stale)} ${stale.length === 1 ? "is" : "are"} loaded, and ${stale.length === 1 ? "runs" : "run"} on with the old flags until the next load.` : what;
}

const MOST = 12; // names in a sentence

/** @param {string[]} names */
function some(names) {
    return words.list(names.length > MOST ? [...names.slice(0, MOST - 1), `${words.whole(names.length - MOST + 1)} others`] : names);
}

/** Where they lie now, and where they would. @param {{plans: import("../../types").PlanChange[], more: number}} props */
function Plans({ plans, more }) {
    return html`<div class="scroll" tabindex="0" role="region" aria-label="plans before and after"><table>
        <thead><tr><th>profile</th><th>now</th><th>then</th></tr></thead>
        <tbody>${plans.map(({ profile, before, after }) => html`<tr>
            <td><a href=${addressOf("models", profile)}>${profile}</a></td><td>${before ? html`<${Lies} plan=${before} />` : html`<span class="dim">not there</span>`}</td>
            <td>${after && html`<${Lies} plan=${after} />`}</td></tr>`)}</tbody>
        </table>${more > 0 && html`<p class="dim">and ${words.count(more, "other profile")}</p>`}</div>`;
}

/** @param {{plan: Plan}} props */
function Lies({ plan }) {
    const devices = (plan.devices ?? []).map((device) => `${device.device} ${words.mib((device.model ?? 0) + (device.context ?? 0) + (device.compute ?? 0) + (device.overhead ?? 0))}`);
    const wrong = plan.refusal || (plan.fits ? "" : plan.warnings?.[0] || "does not fit");
    return html`${devices.join(", ") || "nothing is known of its size"}${plan.n_ctx ? `, ${words.tokens(plan.n_ctx)} tokens` : ""}
        <span class="dim"> ${plan.source === "engine" ? "planned by its engine" : "an estimate"}</span>
        ${wrong && html`<div class="warn"><span aria-hidden="true">▲</span> ${wrong}</div>`}`;
}
