/** Switches that were, each as a waterfall, all on the scale of the longest. */

import { useAnswer } from "../asking.js";
import { Mark, Refused, Switches as UnderWay, Waterfall } from "../parts.js";
import { addressOf } from "../route.js";
import { html } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../state.js").View} View */

/** @param {{view: View, query: URLSearchParams}} props */
export function Past({ view, query }) {
    const model = query.get("model"), ended = view.notices.findLast((n) => "type" in n.about && n.about.type === "switch-ended");
    const path = `/switches?limit=50${model ? `&model=${encodeURIComponent(model)}` : ""}`;
    const { value, error } = /** @type {import("../asking.js").Answer<import("../../types").SwitchHistory>} */ (useAnswer(path, ended?.at));
    const found = value?.switches ?? [];
    const whole = Math.max(0, ...found.map((one) => (one.phases ?? []).reduce((sum, phase) => sum + phase.seconds, 0)));
    return html`<section aria-labelledby="past-title">
        <h1 id="past-title" tabindex="-1">Switches${model ? ` of ${model}` : ""}</h1>
        ${model && html`<p><a href=${addressOf("switches")}>of all models</a></p>`}
        <${UnderWay} view=${view} />
        <${Refused} error=${error} />
        ${value && !found.length && html`<p class="dim">none yet</p>`}
        ${found.map((one) => html`<article class="card" key=${one.id}>
            <header><h2><a href=${addressOf("models", one.profile)}>${one.profile}</a></h2> <time class="dim">${words.moment(one.ended_at)}</time></header>
            <p><${Mark} mark=${words.OUTCOMES[one.outcome]} /> after ${words.fine(one.seconds)}${one.left?.length ? `, ${words.list(one.left)} left for it` : ""}${one.read_again ? `, ${words.whole(one.read_again)} tokens read again` : ""}</p>
            <${Waterfall} phases=${one.phases ?? []} whole=${whole} />
        </article>`)}
    </section>`;
}
