/** Engines: what there is, how the trial of each went, and which is the default. */

import { useAnswer, useOrder } from "../asking.js";
import { Mark, Refused } from "../parts.js";
import { addressOf } from "../route.js";
import { html } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../state.js").View} View */
/** @typedef {import("../../types").EngineInfo} EngineInfo */
/** @typedef {import("../../types").EngineList} EngineList */

/** @param {{view: View}} props */
export function Engines({ view }) {
    const { order, error: refusal, isBusy, done } = useOrder();
    const since = `${view.config?.loaded_at} ${view.engine} ${done}`; // what a promotion changes
    const { value, error } = /** @type {import("../asking.js").Answer<EngineList>} */ (useAnswer("/engines", since));
    return html`<section aria-labelledby="engines-title">
        <header class="bar-of-tools"><h1 id="engines-title" tabindex="-1">Engines</h1>
            ${value?.can_roll_back && html`<button disabled=${isBusy} onClick=${() => order("/engines/rollback")}>
                Back to ${value.former ?? "the first that is found"}</button>`}</header>
        <p class="dim">The default runs all profiles that name none. Models that run keep their engine until their next switch.${" "}
            <code>paddock engine test NAME</code> tries one.</p>
        <${Refused} error=${refusal ?? error} />
        ${(value?.engines ?? []).map((engine) => html`<${Engine} key=${engine.name} engine=${engine} isBusy=${isBusy}
            promote=${() => order("/engines/promote", { engine: engine.name })} />`)}
    </section>`;
}

/** @param {{engine: EngineInfo, isBusy: boolean, promote: () => void}} props */
function Engine({ engine, isBusy, promote }) {
    const { tried } = engine, profiles = engine.profiles ?? [];
    return html`<article class=${engine.error ? "card bad" : "card"}>
        <header><h2>${engine.name}${engine.default && html` <span class="tag">default</span>`}</h2>
            ${!engine.default && tried?.passed && html`<button disabled=${isBusy} onClick=${promote}>Make ${engine.name} the default</button>`}</header>
        ${engine.error && html`<p><${Mark} mark=${{ symbol: "✗", word: "unusable", tone: "bad" }} />: ${engine.error}</p>`}
        <dl class="facts">
            ${engine.version && html`<dt>version</dt><dd>${engine.version}</dd>`}
            <dt>trial</dt><dd>${tried ? html`<${Mark} mark=${verdictOf(tried)} /> ${words.moment(tried.tried_at)}${tried.against ? `, against ${tried.against}` : ""}, ${words.count(tried.cases, "model")}`
                : html`<span class="dim">never, or not this build</span>`}</dd>
            ${engine.patches?.length ? html`<dt>patches</dt><dd>${engine.patches.join(", ")}</dd>` : null}
            ${engine.note && html`<dt>note</dt><dd>${engine.note}</dd>`}
            ${engine.url && html`<dt>waits for</dt><dd>${engine.url}</dd>`}
            ${profiles.length > 0 && html`<dt>named by</dt><dd>${profiles.map((id, i) => html`${i > 0 && ", "}<a href=${addressOf("models", id)}>${id}</a>`)}</dd>`}
        </dl>
        ${tried?.failures?.length ? html`<pre tabindex="0" aria-label=${`what failed on ${engine.name}`}>${tried.failures.join("\n")}</pre>` : null}
    </article>`;
}

/** @param {import("../../types").TrialInfo} tried @returns {import("../words.js").Mark} */
function verdictOf(tried) {
    return tried.passed ? { symbol: "✓", word: "passed", tone: "good" } : { symbol: "✗", word: "failed", tone: "bad" };
}
