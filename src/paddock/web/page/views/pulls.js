/** Models from a hub: what one would be on this machine before a byte of it is fetched, and downloads with what can be done to them. */

import { post, Refusal } from "../api.js";
import { useAnswer, useOrder } from "../asking.js";
import { Mark, Refused } from "../parts.js";
import { addressOf } from "../route.js";
import { html, useRef, useState } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../state.js").View} View */
/** @typedef {import("../../types").PullInfo} PullInfo */
/** @typedef {import("../../types").PullForecast} PullForecast */

const MIB = 2 ** 20;
/** @type {Record<string, words.Mark>} */
const STATES = {
    running: { symbol: "◐", word: "running", tone: "busy" },
    paused: { symbol: "‖", word: "paused", tone: "warn" },
    done: { symbol: "✓", word: "done", tone: "good" },
    failed: { symbol: "✗", word: "failed", tone: "bad" },
    cancelled: { symbol: "–", word: "cancelled", tone: "dim" },
};
/** @type {Record<string, words.Mark>} */
const FITS = {
    gpu: { symbol: "●", word: "all of it on the GPU", tone: "good" },
    ram: { symbol: "●", word: "all of it in RAM", tone: "plain" },
    part: { symbol: "◑", word: "partly in RAM", tone: "warn" },
    no: { symbol: "✗", word: "does not fit", tone: "bad" },
};

/** @param {{view: View}} props */
export function Pulls({ view }) {
    const { order, error, isBusy, done } = useOrder();
    const field = useRef(/** @type {HTMLInputElement | null} */ (null));
    const [plan, setPlan] = useState(/** @type {{value?: PullForecast, error?: Refusal, isBusy?: boolean}} */ ({}));
    const newest = view.notices.findLast(({ kind }) => kind === "pull");
    const { value, error: unread } = /** @type {import("../asking.js").Answer<import("../../types").PullList>} */ (useAnswer("/pulls", `${newest?.at} ${done}`));
    const pulls = [...(value?.pulls ?? [])].reverse();
    const bound = useRef(/** @type {HTMLInputElement | null} */ (null));
    const model = () => field.current?.value.trim() ?? "";
    const fetchIt = () => {
        const rate = bound.current?.valueAsNumber; // MB a second
        return order("/pulls", { model: model(), ...(rate ? { rate: String(Math.round(rate * 1e6)) } : {}) });
    };
    const look = async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        setPlan({ isBusy: true });
        const found = /** @type {Promise<PullForecast>} */ (post("/pulls/plan", { model: model() }));
        setPlan(await found.then((value) => ({ value }), (error) => ({ error })));
    };
    const choose = (/** @type {string} */ name) => {
        if (field.current) field.current.value = name;
    };
    return html`<section aria-labelledby="pulls-title">
        <h1 id="pulls-title" tabindex="-1">Downloads</h1>
        <form class="bar-of-tools" onSubmit=${look}>
            <label>model <input ref=${field} required placeholder="OWNER/REPO:QUANT" aria-describedby="pull-help" size="36" spellcheck=${false} /></label>
            <button disabled=${plan.isBusy}>${plan.isBusy ? "Looking…" : "What would it be here?"}</button>
            <label>at most <input ref=${bound} type="number" min="0.1" step="any" class="few" aria-describedby="pull-help" /> MB/s</label>
            <button type="button" disabled=${isBusy} onClick=${() => model() ? fetchIt() : field.current?.reportValidity()}>Fetch</button>
        </form>
        <p id="pull-help" class="dim">A repository of the hub, with a quantisation or without one for the best here, or the address of its page. Some MB are read for the plan, no weights. Without a bound it comes as fast as it can, or as <code>pull-rate</code> says.</p>
        <${Refused} error=${error ?? unread ?? plan.error} />
        ${plan.value && html`<${Forecast} plan=${plan.value} choose=${choose} />`}
        ${value && !pulls.length && html`<p class="dim">none since the daemon began</p>`}
        ${pulls.map((pull) => html`<${Pull} key=${pull.id} pull=${pull} isBusy=${isBusy} give=${(/** @type {string} */ verb) => order(`/pulls/${encodeURIComponent(pull.id)}/${verb}`)} />`)}
    </section>`;
}

/** @param {{plan: PullForecast, choose: (name: string) => void}} props */
function Forecast({ plan, choose }) {
    return html`<article class="card" aria-label=${`what ${plan.repository} would be here`}>
        <header><h2>${plan.repository}</h2> <span class="dim">proposed: ${plan.chosen}</span></header>
        <p>${plan.about}</p>
        <div class="scroll" tabindex="0" role="region" aria-label="quantisations"><table>
            <thead><tr><th>quantisation</th><th class="number">fetched</th><th>fits</th><th class="number">context</th><th>memory</th></tr></thead>
            <tbody>${plan.quantisations.map((one) => html`<tr class=${one.quantisation === plan.chosen ? "sum" : ""}>
                <td><button onClick=${() => choose(`${plan.repository}:${one.quantisation}`)}>${one.quantisation}</button></td>
                <td class="number">${words.mib(one.bytes / MIB)}</td><td><${Mark} mark=${FITS[one.fit]} />${one.header_read ? "" : html` <span class="dim">by its size</span>`}</td>
                <td class="number">${words.tokens(one.context)}</td>
                <td>${Object.entries(one.mib).filter(([, mib]) => mib).map(([device, mib]) => `${device} ${words.mib(mib)}`).join(", ")}</td></tr>`)}</tbody>
        </table></div>
        <dl class="facts">
            <dt>to fetch</dt><dd>${words.mib(plan.bytes_left / MIB)}; the disk has ${words.mib(plan.disk_free / MIB)} free</dd>
            <dt>into</dt><dd><code>${plan.into}</code></dd>
            ${plan.drafts.length > 0 && html`<dt>draft models</dt><dd>${plan.drafts.join(", ")}</dd>`}
            ${plan.pushes_out && html`<dt>pushes out</dt><dd>${plan.pushes_out.join(", ") || "nobody"}</dd>`}
            ${plan.expected_speed != null && html`<dt>speed</dt><dd>about ${words.speed(plan.expected_speed)}, by models measured here</dd>`}
        </dl>
    </article>`;
}

/** @param {{pull: PullInfo, isBusy: boolean, give: (verb: string) => void}} props */
function Pull({ pull, isBusy, give }) {
    const files = pull.files ?? [];
    const size = files.reduce((sum, file) => sum + file.size, 0), done = files.reduce((sum, file) => sum + (file.done ?? 0), 0);
    const isOver = !["running", "paused"].includes(pull.state);
    const button = (/** @type {string} */ verb, /** @type {string} */ text) => html`<button disabled=${isBusy} aria-label=${`${text} the download of ${pull.model}`} onClick=${() => give(verb)}>${text}</button>`;
    return html`<article class=${pull.state === "failed" ? "card bad" : "card"} data-pull=${pull.id}>
        <header><h2>${pull.model}</h2> <${Mark} mark=${STATES[pull.state]} />
            ${pull.state === "running" && button("pause", "Pause")}${pull.state === "paused" && button("resume", "Go on with")}${!isOver && button("cancel", "Cancel")}</header>
        ${!isOver && size > 0 && html`<progress max=${size} value=${done} aria-label=${`how much of ${pull.model} is here`}></progress>`}
        ${size > 0 && html`<p class="dim">${[
            isOver ? words.mib(size / MIB) : `${words.percent(done / size)}, ${words.mib(done / MIB)} of ${words.mib(size / MIB)}`,
            pull.rate != null && words.rate(pull.rate / MIB),
            pull.eta != null && `about ${words.seconds(pull.eta)} left`,
            pull.note,
        ].filter(Boolean).join(", ")}</p>`}
        ${pull.failure && html`<p class="refused">${pull.failure.message} ${pull.failure.hint ?? ""}</p>`}
        ${pull.profile && html`<p>as <a href=${addressOf("models", pull.profile)}>${pull.profile}</a>, <a href=${addressOf("switch", pull.profile)}>switch to it</a></p>`}
    </article>`;
}
