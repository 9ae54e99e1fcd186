/** The windows over the page: the keys, and the question before the daemon is stopped. Made when they are opened: the first view has none. */

import { KEYS } from "./keys.js";
import { html, useEffect, useRef } from "./vendor/htm-preact.js";

/** @typedef {{name: "keys" | "stop", at: number} | null} Opened  `at` tells two openings apart: a browser says later than at once that one was closed */

/** @param {"keys" | "stop"} name @returns {Opened} */
export const opening = (name) => ({ name, at: performance.now() });

/** @param {{opened: Opened, close: (which: Opened) => void, stop: (keep: boolean) => void}} props */
export function Dialogs({ opened, close, stop }) {
    if (!opened) return null;
    const end = () => close(opened);
    return opened.name === "keys" ? html`<${Keys} key=${opened.at} close=${end} />` : html`<${Stop} key=${opened.at} close=${end} stop=${stop} />`;
}

/** @param {{close: () => void}} props */
function Keys({ close }) {
    return html`<dialog ref=${useModal()} aria-labelledby="keys-title" onClose=${close}>
        <h2 id="keys-title">Keys</h2>
        <dl class="facts">${KEYS.map(([name, what]) => html`<dt><kbd>${name}</kbd></dt><dd>${what}</dd>`)}</dl>
        <form method="dialog"><button>Close</button></form>
    </dialog>`;
}

/** @param {{close: () => void, stop: (keep: boolean) => void}} props */
function Stop({ close, stop }) {
    const submit = (/** @type {SubmitEvent} */ event) => {
        const wish = /** @type {HTMLButtonElement | null} */ (event.submitter)?.value;
        if (wish) stop(wish === "keep");
    };
    return html`<dialog ref=${useModal()} aria-labelledby="stop-title" onClose=${close}>
        <h2 id="stop-title">Stop the daemon?</h2>
        <p>Requests that run are finished. Models that stay loaded are taken over by the next daemon.</p>
        <form method="dialog" class="bar-of-tools" onSubmit=${submit}><button autofocus>Cancel</button>
            <button value="keep">Stop, and keep models loaded</button><button value="all">Stop all</button></form>
    </dialog>`;
}

/** A dialog that is open once it is there. */
function useModal() {
    const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
    useEffect(() => dialog.current?.showModal(), []);
    return dialog;
}
