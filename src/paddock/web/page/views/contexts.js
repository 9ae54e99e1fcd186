/** Saved contexts of all profiles: whose, where, how large, how old; each can be deleted. */

import { useAnswer, useOrder } from "../asking.js";
import { Refused } from "../parts.js";
import { addressOf } from "../route.js";
import { useClock } from "../store.js";
import { html } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../state.js").View} View */
/** @typedef {import("../../types").SavedContext} SavedContext */

const PLACES = { ram: "in RAM", disk: "on the disk" };

/** @param {{view: View}} props */
export function Contexts({ view }) {
    const { order, error: refusal, isBusy, done } = useOrder();
    // A context is saved when an instance idles or leaves: what is shown is read again as phases change.
    const since = [...Object.values(view.instances).map((i) => i.id + i.phase), done].join();
    const { value, error } = /** @type {import("../asking.js").Answer<import("../../types").SavedContexts>} */ (useAnswer("/contexts", since));
    const rows = value?.contexts ?? [], passed = useClock(10);
    const now = view.epoch === null ? Date.now() / 1000 : view.epoch + passed; // by the daemon's clock
    return html`<section aria-labelledby="contexts-title">
        <h1 id="contexts-title" tabindex="-1">Saved contexts</h1>
        <p class="dim">What models had read, for their next start.${value ? ` ${summed(rows, value.limit_mib)}` : ""}</p>
        <${Refused} error=${refusal ?? error} />
        ${value && !rows.length && html`<p class="dim">none</p>`}
        ${rows.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="saved contexts"><table>
            <thead><tr><th>model</th><th>place</th><th class="number">size</th><th class="number">age</th><th>files</th><th><span class="unseen">delete</span></th></tr></thead>
            <tbody>${rows.map((row) => html`<tr key=${row.place + row.id}>
                <td>${row.profile ? html`<a href=${addressOf("models", row.profile)}>${row.profile}</a>` : html`<span class="note">of a profile that was changed since: nothing restores it</span>`}
                    ${row.instance && html` <span class="tag">in use</span>`}</td>
                <td>${PLACES[row.place]}</td>
                <td class="number">${words.mib(row.mib)}</td>
                <td class="number"><time title=${words.moment(row.saved_at)}>${words.ago(now - Date.parse(row.saved_at) / 1000)}</time></td>
                <td>${words.whole(row.files)}${row.by_hand ? `, ${words.whole(row.by_hand)} by hand` : ""}</td>
                <td><button disabled=${isBusy} aria-label=${`Delete the context of ${row.profile || row.id}`}
                    onClick=${() => order(`/contexts/${encodeURIComponent(row.id)}/delete`)}>Delete</button></td>
            </tr>`)}</tbody>
        </table></div>`}
    </section>`;
}

/** How much there is in each place. @param {SavedContext[]} rows @param {number} limit */
function summed(rows, limit) {
    const sums = /** @type {const} */ (["ram", "disk"]).map((place) => {
        const mib = rows.filter((row) => row.place === place).reduce((sum, row) => sum + row.mib, 0);
        return mib ? `${words.mib(mib)} ${PLACES[place]}` : "";
    });
    return [...sums.filter(Boolean), `at most ${words.mib(limit)} in either (contexts-size)`].join(", ") + ".";
}
