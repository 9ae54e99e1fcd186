/** The address of each view, in both directions. Pure. An address only shows: it never has anything done. */

/** @typedef {{view: string, name: string, query: URLSearchParams}} Place */

const ROOT = "/dashboard";
const VIEWS = ["models", "switch", "devices", "requests", "logs", "switches", "usage", "engines", "contexts", "bench", "tunings", "pulls", "config", "key"];

/** @param {{pathname: string, search: string}} location @returns {Place} */
export function placeOf(location) {
    const [, , view = "", ...rest] = location.pathname.split("/");
    const query = new URLSearchParams(location.search);
    if (view === "") return { view: "models", name: "", query };
    return { view: VIEWS.includes(view) ? view : "nowhere", name: rest.map(decoded).join("/"), query };
}

/** @param {string} view @param {string} [name] @param {Record<string, string>} [query] */
export function addressOf(view, name = "", query = {}) {
    const path = view === "models" && !name ? ROOT : `${ROOT}/${view}${name ? `/${encodeURIComponent(name)}` : ""}`;
    const wanted = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
    return wanted ? `${path}?${wanted}` : path;
}

/** @param {string} text */
function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text; // typed by hand
    }
}
