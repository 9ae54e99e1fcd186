/** Choose a model, read what a switch would do, switch, and see how it goes and what it took. */

import { useAnswer, useOrder } from "../asking.js";
import { Mark, Refused, SwitchCard, Waterfall } from "../parts.js";
import { addressOf } from "../route.js";
import { go } from "../history.js";
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { modelOf } from "../state.js";
import * as words from "../words.js";
import { isListed, matches, speeds } from "./models.js";

const MOST = 100; // rows: more are found by typing

/** @typedef {import("../state.js").View} View */
/** @typedef {import("../../types").Preview} Preview */

/** @param {{view: View, name: string}} props `name`: the chosen profile, or nothing */
export function SwitchTo({ view, name }) {
    const [wanted, setWanted] = useState("");
    const input = useRef(/** @type {HTMLInputElement | null} */ (null));
    useEffect(() => input.current?.focus({ preventScroll: true }), []);
    const models = view.models.filter((model) => isListed(view, model) && matches(model, wanted));
    const ordered = [...models.filter((m) => !m.bench), ...models.filter((m) => m.bench)];
    const chosen = modelOf(view, name) ? name : "";
    const place = ordered.findIndex((model) => model.id === chosen);
    const pick = (/** @type {number} */ at) => ordered[at] && go(addressOf("switch", ordered[at].id), { replace: true });
    const onKey = (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "ArrowDown") pick(Math.min(place + 1, ordered.length - 1));
        else if (event.key === "ArrowUp") pick(Math.max(place - 1, 0));
        else if (event.key === "Enter") place < 0 ? pick(0) : document.getElementById("do-switch")?.focus();
        else return;
        event.preventDefault();
    };
    return html`<section aria-labelledby="switch-title">
        <h1 id="switch-title" tabindex="-1">Switch to a model</h1>
        <div class="columns even">
            <div class="main">
                <input ref=${input} type="search" role="combobox" aria-expanded="true" aria-controls="choices" aria-label="filter models"
                    aria-activedescendant=${place >= 0 ? `choice-${place}` : undefined} placeholder="type to filter, arrows to choose"
                    value=${wanted} onInput=${(/** @type {any} */ event) => setWanted(event.target.value)} onKeyDown=${onKey} />
                <ul id="choices" class="choices" role="listbox" aria-label="models">
                    ${ordered.slice(0, MOST).map((model, at) => html`<li id=${`choice-${at}`} role="option" key=${model.id}
                        aria-selected=${at === place} onClick=${() => pick(at)}>
                        <span><strong>${model.id}</strong> <span class="dim">${model.title}</span></span>
                        <span><${Mark} mark=${words.STATES[model.state]} /> <span class="dim">${speeds(model)}</span></span>
                    </li>`)}
                </ul>
                ${ordered.length > MOST && html`<p class="dim">and ${words.whole(ordered.length - MOST)} more: type to filter</p>`}
                ${!ordered.length && html`<p class="dim">no model has such a name</p>`}
            </div>
            <div class="aside">${chosen
                ? html`<${Ahead} key=${chosen} view=${view} name=${chosen} />`
                : html`<p class="dim">${name ? `there is no model ${name}` : "Choose one, and it says what a switch will do."}</p>`}
            </div>
        </div>
    </section>`;
}

/** What a switch would do now, the way to do it, and what came of it. @param {{view: View, name: string}} props */
export function Ahead({ view, name }) {
    // What a preview depends on; not each event, of which a load sends ten a second.
    const since = [...Object.values(view.instances).map((i) => i.id + i.phase), view.requests.length].join();
    const { value, error } = /** @type {import("../asking.js").Answer<Preview>} */ (useAnswer(`/preview/${encodeURIComponent(name)}`, since));
    const { order, error: refusal, isBusy } = useOrder();
    const one = view.switches[name], isComing = one !== undefined && !one.failure;
    const ended = view.notices.findLast((notice) => notice.profile === name && "type" in notice.about && notice.about.type === "switch-ended");
    const result = ended && "type" in ended.about && ended.about.type === "switch-ended" ? ended.about : null;
    const isThere = value?.state === "ready" || value?.state === "busy";
    const button = value?.unloadable ? "Try all the same" : "Switch";
    return html`<article class="card">
        <header><h2><a href=${addressOf("models", name)}>${name}</a></h2>
            <button id="do-switch" class="primary" disabled=${isBusy || isComing || isThere || !value || Boolean(value.refused)}
                onClick=${() => order("/switch", { model: name, wait: false, force: Boolean(value?.unloadable) })}>
                ${isThere ? "It is ready" : button}</button></header>
        <p class="summary" aria-live="polite">${value ? value.summary : error ? "" : "…"}</p>
        <${Refused} error=${error ?? refusal} />
        ${value && html`<${Sums} preview=${value} />`}
        </article>
        ${one && html`<${SwitchCard} one=${one} />`}
        ${!isComing && result && html`<article class="card">
            <h2><${Mark} mark=${words.OUTCOMES[result.outcome]} /> after ${words.seconds(result.seconds)}</h2>
            <${Waterfall} phases=${result.phases ?? []} />
        </article>`}`;
}

/** The numbers behind the sentence. @param {{preview: Preview}} props */
function Sums({ preview }) {
    const { leavers = [], needs = [] } = preview;
    return html`<dl class="facts">
        ${leavers.length > 0 && html`<dt>leaves</dt><dd>${leavers.map((one) => html`<div>${one.profile}
            <span class="dim"> ${one.busy ? "after its last request" : one.idle == null ? "" : `idle ${words.age(one.idle)}`}</span></div>`)}</dd>`}
        ${needs.length > 0 && html`<dt>needs</dt><dd>${needs.map((need) => html`<div>${words.mib(need.mib)}
            ${need.of == null ? "" : ` of ${words.mib(need.of)}`} on ${need.device}</div>`)}</dd>`}
        ${preview.size_mib != null && html`<dt>files</dt><dd>${words.mib(preview.size_mib)}${preview.cached_mib == null ? "" : `, ${words.mib(preview.cached_mib)} of them in the page cache`}</dd>`}
        ${(preview.eta ?? preview.seconds) != null && html`<dt>takes</dt><dd>about ${words.seconds(preview.eta ?? preview.seconds)}</dd>`}
    </dl>`;
}
