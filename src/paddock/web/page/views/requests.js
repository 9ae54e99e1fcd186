/** Requests in flight and waiting, each with a way to end it. */

import { useOrder } from "../asking.js";
import { Refused } from "../parts.js";
import { addressOf } from "../route.js";
import { useClock } from "../store.js";
import { html } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../state.js").View} View */
/** @typedef {import("../state.js").RequestInfo} RequestInfo */

/** @param {{view: View}} props */
export function Requests({ view }) {
    const waiting = Object.entries(view.waiting);
    return html`<section aria-labelledby="requests-title">
        <h1 id="requests-title" tabindex="-1">Requests</h1>
        <${RequestTable} view=${view} />
        ${waiting.length > 0 && html`<h2>Waiting for a model</h2>
            <ul>${waiting.map(([profile, n]) => html`<li><a href=${addressOf("models", profile)}>${profile}</a>: ${words.count(n, "request")}</li>`)}</ul>`}
    </section>`;
}

/** @param {{view: View}} props */
export function RequestTable({ view }) {
    const now = useClock(1);
    const { order, error, isBusy } = useOrder();
    const ordered = [...view.requests].sort((a, b) => a.id - b.id);
    if (!ordered.length) return html`<p class="dim">none</p>`;
    const passed = view.heard !== null && view.link === "live" ? Math.max(now - view.heard, 0) : 0;
    return html`
        <div role="table" class="table requests" aria-label="requests in flight">
            <div role="row" class="head">
                ${["model", "phase", "tokens", "speed", "age", "client", ""].map((name) => html`<span role="columnheader">${name || html`<span class="unseen">cancel</span>`}</span>`)}
            </div>
            ${ordered.map((request) => html`<div role="row" class="row" key=${request.id} data-request=${request.id}>
                <span role="cell"><a href=${addressOf("models", request.profile)}>${request.profile}</a></span>
                <span role="cell" data-label="phase">${phase(request)}</span>
                <span role="cell" data-label="tokens" class="number">${words.amount(request.phase === "prompt" ? request.prompt_tokens : request.generated_tokens)}</span>
                <span role="cell" data-label="speed" class="number">${words.speed(request.speed)}</span>
                <span role="cell" data-label="age" class="number">${words.age((request.age ?? 0) + passed)}</span>
                <span role="cell" data-label="client">${request.client} <span class="dim">${request.surface}</span></span>
                <span role="cell"><button disabled=${isBusy} aria-label=${`Cancel request ${request.id} of ${request.profile}`}
                    onClick=${() => order(`/requests/${request.id}/cancel`)}>Cancel</button></span>
            </div>`)}
        </div>
        <${Refused} error=${error} />`;
}

/** @param {RequestInfo} request */
function phase(request) {
    return request.phase === "prompt" ? `prompt ${words.percent(request.prompt_fraction)}` : (request.phase ?? "queued");
}
