/** The frame of all views: where one can go, how the link is, what the title and the icon say. */

import { key } from "./api.js";
import { useOrder } from "./asking.js";
import { Dialogs, opening } from "./dialogs.js";
import { isAnyKept } from "./draft.js";
import { onMove } from "./history.js";
import { onKey } from "./keys.js";
import { fraction, Mark, Order, Refused } from "./parts.js";
import { addressOf, placeOf } from "./route.js";
import { store, useView } from "./store.js";
import { html, useEffect, useErrorBoundary, useRef, useState } from "./vendor/htm-preact.js";
import { Bench } from "./views/bench.js";
import { Config } from "./views/config.js";
import { Contexts } from "./views/contexts.js";
import { Devices } from "./views/devices.js";
import { Engines } from "./views/engines.js";
import { Key } from "./views/key.js";
import { Logs } from "./views/logs.js";
import { Model } from "./views/model.js";
import { Models } from "./views/models.js";
import { Pulls } from "./views/pulls.js";
import { Requests } from "./views/requests.js";
import { SwitchTo } from "./views/switch.js";
import { Past } from "./views/switches.js";
import { Studies } from "./views/tunings.js";
import { Usage } from "./views/usage.js";
import * as words from "./words.js";

/** @typedef {import("./state.js").View} View */
/** @typedef {import("./route.js").Place} Place */

const LINKS = { models: "Models", devices: "Devices", requests: "Requests", logs: "Logs", switches: "Switches", usage: "Usage", engines: "Engines", contexts: "Contexts", bench: "Benchmarks", tunings: "Tuning", pulls: "Downloads", config: "Config", key: "Key" };

const SHOWN = 5000; // milliseconds: what a key of the keyboard has done

export function App() {
    const view = useView(), [place, setPlace] = useState(placeOf(location)), [isOnline, setIsOnline] = useState(navigator.onLine);
    const main = useRef(/** @type {HTMLElement | null} */ (null)), [opened, setOpened] = useState(/** @type {import("./dialogs.js").Opened} */ (null));
    useEffect(() => onMove(() => setPlace(placeOf(location))), []);
    const [ordered, setOrdered] = useState(""), { order, error } = useOrder(); // by a key of the keyboard
    useEffect(() => {
        const give = (/** @type {string} */ path, /** @type {unknown} */ body, /** @type {string} */ what) => {
            setOrdered(what);
            void order(path, body).then(() => setTimeout(() => setOrdered((now) => (now === what ? "" : now)), SHOWN));
        };
        const act = onKey({ help: () => setOpened(opening("keys")), stop: () => setOpened(opening("stop")), order: give });
        const change = () => setIsOnline(navigator.onLine);
        const ask = (/** @type {BeforeUnloadEvent} */ event) => isAnyKept() && event.preventDefault();
        addEventListener("keydown", act);
        addEventListener("beforeunload", ask);
        addEventListener("online", change);
        addEventListener("offline", change);
        return () => {
            removeEventListener("keydown", act);
            removeEventListener("beforeunload", ask);
            removeEventListener("online", change);
            removeEventListener("offline", change);
        };
    }, []);
    const where = place.view === "switch" ? place.view : `${place.view}/${place.view === "config" ? "" : place.name}`, wasAt = useRef(where);
    useEffect(() => { // a screen reader hears where it is; a field that took the focus keeps it
        if (wasAt.current === where) return;
        wasAt.current = where;
        const isTaken = main.current?.contains(document.activeElement);
        if (!isTaken) /** @type {HTMLElement | null | undefined} */ (main.current?.querySelector("h1"))?.focus({ preventScroll: true });
        if (place.view !== "switch") scrollTo(0, 0);
    }, [where]);
    useEffect(() => entitle(view, place));
    return html`
        <a class="unseen" href="#main">to the content</a>
        <header class="top">
            <a class="brand" href=${addressOf("models")}><span aria-hidden="true">◧</span> Paddock</a>
            <nav aria-label="views">${Object.entries(LINKS).map(([name, text]) => html`<a href=${addressOf(name)}
                aria-current=${place.view === name ? "page" : undefined}>${text}</a>`)}<a href="/">Chat</a></nav>
            <span class="link" role="status"><${Mark} mark=${isOnline ? words.LINKS[view.link] : words.LINKS.offline} /></span>
            <button class="plain" aria-label="keys" title="keys ( ? )" onClick=${() => setOpened(opening("keys"))}>?</button>
        </header>
        <${Problems} view=${view} place=${place} isOnline=${isOnline} />
        <div class="said" role="status">${ordered}</div>
        <${Refused} error=${ordered ? error : null} />
        <main id="main" ref=${main}><${Shown} key=${where} view=${view} place=${place} /></main>
        <footer class="dim">${[view.version && `paddock ${view.version}`, view.engine, view.current && `current: ${view.current}`].filter(Boolean).join(" · ")}</footer>
        <${Dialogs} opened=${opened} close=${(/** @type {import("./dialogs.js").Opened} */ which) => setOpened((now) => (now === which ? null : now))} stop=${(/** @type {boolean} */ keep) => order("/shutdown", { keep })} />`;
}

/** What stands in the way of all views. @param {{view: View, place: Place, isOnline: boolean}} props */
function Problems({ view, place, isOnline }) {
    const found = [];
    if (view.refused) {
        found.push(html`${view.refused === 401 ? (key() ? "The key is not known here." : "This daemon wants a key.") : view.link_error}
            <a href=${addressOf("key")}>Type a key</a>`);
    } else if (view.link === "lost") {
        found.push(html`${isOnline ? `${view.link_error}; trying again` : "This device is offline; waiting for it"}. What is shown is how it was.
            <button onClick=${() => store.feed.retry()}>Try now</button>`);
    }
    if (place.view !== "config" && isAnyKept()) found.push(html`Your text of models.conf is not written yet. <a href=${addressOf("config")}>Go on with it</a>`);
    if (view.config?.error) found.push(words.notApplied(view.config.error));
    if (view.yielded) found.push(html`${words.yieldedBy(view.yielded)} <${Order} path="/resume" text="Take them back" />`);
    for (const node of view.nodes) if (node.state !== "up") found.push(`node ${node.name} is ${node.state}${node.reason ? `: ${node.reason}` : ""}`);
    const fault = view.faults.at(-1), others = view.faults.length - 1;
    if (fault) {
        found.push(html`an unexpected error in ${fault.part}: ${fault.message}${others > 0 ? `, and ${words.count(others, "other")}` : ""}
            <a href=${addressOf("logs", "daemon")}>the daemon's log</a>`);
    }
    return html`<div class="problems" role="alert">${found.map((one) => html`<p>${one}</p>`)}</div>`;
}

/** The view of the place; an error in one does not take the others. @param {{view: View, place: Place}} props */
function Shown({ view, place }) {
    const [error] = useErrorBoundary((problem) => console.error(problem));
    if (error) return html`<h1 tabindex="-1">This view failed</h1><p class="refused" role="alert">${String(error)}</p>`;
    switch (place.view) {
        case "models":
            return place.name ? html`<${Model} view=${view} name=${place.name} />` : html`<${Models} view=${view} />`;
        case "switch":
            return html`<${SwitchTo} view=${view} name=${place.name} />`;
        case "devices":
            return html`<${Devices} view=${view} />`;
        case "requests":
            return html`<${Requests} view=${view} />`;
        case "logs":
            return html`<${Logs} view=${view} name=${place.name} />`;
        case "switches":
            return html`<${Past} view=${view} query=${place.query} />`;
        case "usage":
            return html`<${Usage} />`;
        case "engines":
            return html`<${Engines} view=${view} />`;
        case "contexts":
            return html`<${Contexts} view=${view} />`;
        case "bench":
            return html`<${Bench} name=${place.name} query=${place.query} />`;
        case "tunings":
            return html`<${Studies} view=${view} name=${place.name} />`;
        case "pulls":
            return html`<${Pulls} view=${view} />`;
        case "config":
            return html`<${Config} view=${view} name=${place.name} />`;
        case "key":
            return html`<${Key} view=${view} />`;
        default:
            return html`<h1 tabindex="-1">There is no such view</h1><p><a href=${addressOf("models")}>All models</a></p>`;
    }
}

let icon = "";

/** The title and the icon say what loads, what failed, and that there is no connection. @param {View} view @param {Place} place */
function entitle(view, place) {
    const all = Object.values(view.switches), coming = all.find((one) => !one.failure), failed = all.find((one) => one.failure);
    const here = `${place.name ? `${place.name} · ` : place.view === "models" ? "" : `${LINKS[/** @type {keyof typeof LINKS} */ (place.view)] ?? "Switch"} · `}Paddock`;
    /** @type {[string, string]} */
    let [sign, said] = ["", ""];
    if (view.link === "lost") [sign, said] = ["failed", "✗ no connection"];
    else if (coming) [sign, said] = ["loading", `◐ ${words.percent(fraction(coming.progress)) || words.stage(coming.progress.stage)} ${coming.profile}`];
    else if (failed) [sign, said] = ["failed", `✗ ${failed.profile} failed`];
    document.title = said ? `${said} · ${here}` : here;
    if (sign === icon) return;
    icon = sign;
    document.querySelector("link[rel=icon]")?.setAttribute("href", `/dashboard/files/icon${sign && `-${sign}`}.svg`);
}
