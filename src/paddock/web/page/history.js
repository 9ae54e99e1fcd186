/** Where the reader is, and how he gets elsewhere: addresses, so that the way back and links work. */

/** @type {Set<() => void>} */
const readers = new Set();

/** @param {string} address @param {{replace?: boolean}} [how] `replace`: the way back does not lead here */
export function go(address, { replace = false } = {}) {
    if (address === location.pathname + location.search) return;
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    for (const reader of readers) reader();
}

/** @param {() => void} reader called when the place is another; gives how to leave @returns {() => void} */
export function onMove(reader) {
    readers.add(reader);
    addEventListener("popstate", reader);
    return () => {
        readers.delete(reader);
        removeEventListener("popstate", reader);
    };
}
