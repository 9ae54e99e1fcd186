/** Where a key is typed. It stays in this tab. */

import { key, setKey } from "../api.js";
import { store } from "../store.js";
import { html, useState } from "../vendor/htm-preact.js";

/** @typedef {import("../state.js").View} View */

/** @param {{view: View}} props */
export function Key({ view }) {
    const [typed, setTyped] = useState(""), [isSet, setIsSet] = useState(key() !== "");
    const take = (/** @type {string} */ text) => {
        setKey(text.trim());
        setTyped("");
        setIsSet(text.trim() !== "");
        store.feed.refresh();
    };
    return html`<section aria-labelledby="key-title" class="narrow">
        <h1 id="key-title" tabindex="-1">Key</h1>
        <p>${said(view, isSet)}</p>
        <form onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); take(typed); }}>
            <label>Key for management <input type="password" autocomplete="off" spellcheck=${false} value=${typed}
                onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} /></label>
            <button class="primary" disabled=${!typed.trim()}>Use it</button>
            ${isSet && html`<button type="button" onClick=${() => take("")}>Forget it</button>`}
        </form>
        <p class="dim">It is kept in this tab alone, until the tab is closed, and sent only to this address.
            <code>paddock key add NAME --scope manage</code> makes one.</p>
    </section>`;
}

/** @param {View} view @param {boolean} isSet */
function said(view, isSet) {
    if (view.refused) return `The daemon refuses: ${view.link_error}.`;
    if (view.link !== "live") return "The daemon does not answer just now.";
    return isSet ? "The key is accepted." : "This daemon needs no key here, or none was typed.";
}
