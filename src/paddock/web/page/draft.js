/**
 * models.conf as somebody is writing it. It lies in this tab's session storage: it survives a reload, other views and a
 * restart of the daemon, and ends with the tab. What is reckoned here is pure.
 *
 * @typedef {object} Draft
 * @property {string} base  the text that was there when it was begun, with its own line ends
 * @property {string} fingerprint  of that
 * @property {string} text  what it has become, lines ended as a text field ends them
 */

const KEY = "paddock-draft", ASIDE = "paddock-draft-aside";
const END = /\r\n|\n|\r/;

/** As a text field has it. @param {string} text */
export const inField = (text) => text.replace(/\r\n?/g, "\n");

/** @param {Draft | null} draft */
export const isChanged = (draft) => draft !== null && draft.text !== inField(draft.base);

/** The text to be written: lines that were there end as they did, new ones as most do. @param {string} base @param {string} text */
export function withEnds(base, text) {
    const ends = base.match(new RegExp(END, "g")) ?? [];
    if (ends.every((end) => end === "\n")) return text;
    const usual = mostFrequent(ends), old = base.split(END), now = text.split("\n"), most = Math.min(old.length, now.length);
    let head = 0, tail = 0;
    while (head < most && old[head] === now[head]) head++;
    while (tail < most - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
    return now.map((line, i) => {
        const fromLast = now.length - 1 - i;
        if (fromLast === 0) return line;
        const same = i < head ? i : fromLast < tail ? old.length - 1 - fromLast : -1;
        return line + (ends[same] ?? usual);
    }).join("");
}

/** @param {string[]} ends */
function mostFrequent(ends) {
    const count = (/** @type {string} */ end) => ends.filter((one) => one === end).length;
    return ["\n", "\r\n", "\r"].reduce((best, end) => (count(end) > count(best) ? end : best));
}

/** Where each section begins. @param {string} text @returns {{name: string, line: number}[]} */
export function sectionsOf(text) {
    return text.split("\n").flatMap((line, i) => {
        const found = /^\[([^\]]+)\]/.exec(line);
        return found ? [{ name: found[1], line: i + 1 }] : [];
    });
}

/** The first and last place of a line in the text. @param {string} text @param {number} line @returns {[number, number]} */
export function placeOfLine(text, line) {
    let begin = 0;
    for (let n = 1; n < line; n++) {
        const next = text.indexOf("\n", begin);
        if (next < 0) break;
        begin = next + 1;
    }
    const end = text.indexOf("\n", begin);
    return [begin, end < 0 ? text.length : end];
}

// ---- kept in the tab ----

/** Of the file of this node; empty: of the only one there is. @param {string} [node] @returns {Draft | null} */
export const kept = (node = "") => read(keyOf(KEY, node));
/** A draft that gave way to what others wrote. @param {string} [node] @returns {Draft | null} */
export const setAside = (node = "") => read(keyOf(ASIDE, node));
/** @param {Draft | null} draft @param {string} [node] */
export const keep = (draft, node = "") => write(keyOf(KEY, node), isChanged(draft) ? draft : null);
/** @param {Draft | null} draft @param {string} [node] */
export const keepAside = (draft, node = "") => write(keyOf(ASIDE, node), draft);
/** Whether any text is not written yet, of whichever node. */
export function isAnyKept() {
    try {
        return Object.keys(sessionStorage).some((key) => key === KEY || key.startsWith(`${KEY}@`));
    } catch {
        return false;
    }
}

/** @param {string} key @param {string} node */
const keyOf = (key, node) => (node ? `${key}@${node}` : key);

/** @param {string} key @returns {Draft | null} */
function read(key) {
    try {
        return JSON.parse(sessionStorage.getItem(key) ?? "null");
    } catch {
        return null;
    }
}

/** @param {string} key @param {Draft | null} draft */
function write(key, draft) {
    try {
        if (draft) sessionStorage.setItem(key, JSON.stringify(draft));
        else sessionStorage.removeItem(key);
    } catch {
        // More than a browser keeps: the draft lives in the page alone, which asks before it is left.
    }
}
