/** Where the page begins. */

import { App } from "./app.js";
import { go } from "./history.js";
import { store } from "./store.js";
import { html, render } from "./vendor/htm-preact.js";

const PATIENCE = 150; // milliseconds: a slow daemon's page says that it connects

/** Links to views are followed within the page. @param {MouseEvent} event */
function follow(event) {
    const link = /** @type {HTMLElement} */ (event.target).closest("a");
    const address = link?.getAttribute("href") ?? "";
    const isElsewhere = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (isElsewhere || event.defaultPrevented || !/^\/dashboard([/?]|$)/.test(address)) return;
    event.preventDefault();
    go(address);
}

addEventListener("click", follow);
addEventListener("online", () => store.feed.retry());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && store.feed.retry());
const draw = () => render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("page")));

// A snapshot that came within the page is its first event: it is drawn at once, and the feed reads on from there once that is painted.
const came = document.getElementById("snapshot")?.textContent;
if (came) {
    store.feed.begin(came);
    draw();
    painted(() => void store.feed.run());
} else { // drawn once, with what there is, where the daemon answers at once as it does
    void store.feed.run();
    void Promise.race([store.heard, new Promise((resolve) => setTimeout(resolve, PATIENCE))]).then(draw);
}

/** Once what is drawn now is on the screen; a hidden tab paints nothing. @param {() => void} then */
function painted(then) {
    if (document.visibilityState === "visible") requestAnimationFrame(() => setTimeout(then));
    else setTimeout(then);
}
