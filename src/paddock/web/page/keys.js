/** The keys of the terminal, where they mean the same; never while something is typed. */

import { addressOf, placeOf } from "./route.js";
import { go } from "./history.js";
import { store } from "./store.js";

export const KEYS = [
    ["m", "pick a model: type to filter, arrows to choose, Enter to the button that switches"],
    ["/", "to the field that filters or finds, where there is one; else pick a model"],
    ["↑ ↓", "from row to row in a list; Enter opens"],
    ["u", "unload the model that the row or the view is about; requests that run are finished"],
    ["c", "cancel the load under way; what had to leave for it comes back"],
    ["x", "end the request of the row"],
    ["y", "yield all GPUs to other programs, and take them back"],
    ["f", "to the filter"],
    ["s", "sort the models by the next column (or choose a heading)"],
    ["S", "reverse the order"],
    ["b", "show or fold benchmark profiles"],
    ["Backspace", "dismiss the failures that are shown"],
    ["l", "the log of the model that the row or the view is about"],
    ["a", "what all models write, one after another"],
    ["L", "the log of the daemon itself"],
    ["e", "models.conf, at the section of that model"],
    ["p", "what is wrong with models.conf, with its lines"],
    ["d", "devices"],
    ["r", "requests"],
    ["D", "downloads"],
    ["h", "the first view: all models"],
    ["Q", "stop the daemon; it asks first, and whether models stay loaded"],
    ["?", "these keys"],
    ["Esc", "leaves a field or these keys"],
];

/** @typedef {(path: string, body: unknown, what: string) => void} GiveOrder  `what`: in words, for the reader */

/** @param {{help: () => void, stop: () => void, order: GiveOrder}} does @returns {(event: KeyboardEvent) => void} */
export function onKey({ help, stop, order }) {
    /** @type {Record<string, () => void>} */
    const keys = {
        m: () => go(addressOf("switch", modelInHand())),
        "/": toField,
        f: toField,
        s: () => document.getElementById("sort")?.click(),
        S: () => document.getElementById("turn")?.click(),
        p: () => go(addressOf("config")),
        Q: stop,
        "?": help,
        l: () => go(addressOf("logs", modelInHand())),
        a: () => go(addressOf("logs")),
        L: () => go(addressOf("logs", "daemon")),
        e: () => go(addressOf("config", modelInHand())),
        d: () => go(addressOf("devices")),
        r: () => go(addressOf("requests")),
        D: () => go(addressOf("pulls")),
        h: () => go(addressOf("models")),
        u: () => unload(order),
        c: () => cancelLoad(order),
        x: () => endRequest(order),
        y: () => yieldOrResume(order),
        b: () => document.getElementById("benches")?.click(),
        Backspace: () => Object.keys(store.view.switches).forEach((profile) => store.dismiss(profile)),
        ArrowDown: () => step(1),
        ArrowUp: () => step(-1),
    };
    return (event) => {
        const target = /** @type {HTMLElement} */ (event.target);
        if (event.key === "Escape" && target.matches("input")) target.blur();
        if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || isTyped(target)) return;
        const isArrow = event.key.startsWith("Arrow");
        if (isArrow && (!document.querySelector(".table .row") || target.closest("[tabindex='0']"))) return;
        const does = keys[event.key];
        if (!does) return;
        event.preventDefault();
        does();
    };
}

/** @param {GiveOrder} order */
function unload(order) {
    const model = modelInHand();
    if (model) order("/unload", { model, wait: false }, `unloading ${model}`);
}

/** The load under way; of several the one in hand. @param {GiveOrder} order */
function cancelLoad(order) {
    const coming = Object.values(store.view.switches).filter((one) => !one.failure).map((one) => one.profile), own = modelInHand();
    const model = coming.includes(own) ? own : coming[0];
    if (model) order("/cancel", { model }, `cancelling ${model}`);
}

/** @param {GiveOrder} order */
function endRequest(order) {
    const request = document.activeElement?.closest("[data-request]")?.getAttribute("data-request");
    if (request) order(`/requests/${request}/cancel`, {}, "ending the request");
}

/** @param {GiveOrder} order */
function yieldOrResume(order) {
    if (store.view.yielded) order("/resume", {}, "taking the GPUs back");
    else order("/yield", { wait: false, by: "the dashboard" }, "yielding the GPUs");
}

/** A dialog that was closed keeps the focus until the page is drawn again. @param {HTMLElement} target */
function isTyped(target) {
    return target.isContentEditable || target.matches("input, select, textarea, dialog[open] *");
}

function toField() {
    const field = /** @type {HTMLElement | null} */ (document.querySelector("main input[type=search]"));
    if (field) field.focus();
    else go(addressOf("switch"));
}

/** The model of the row with the focus, else of the view. */
function modelInHand() {
    const row = document.activeElement?.closest("[data-model]");
    const place = placeOf(location);
    return row?.getAttribute("data-model") ?? (["models", "switch", "logs", "config"].includes(place.view) && place.name !== "daemon" ? place.name : "");
}

/** The focus goes from row to row, by each one's first link. @param {1 | -1} by */
function step(by) {
    const links = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".table .row")].map((row) => row.querySelector("a")).filter(Boolean));
    const here = links.findIndex((link) => link.closest(".row")?.contains(document.activeElement));
    links[Math.min(Math.max(here + by, 0), links.length - 1)]?.focus();
}
