/** A text of many lines with their numbers, and a mark at each line that has a problem. Only lines in sight are drawn. */

import { html, useCallback, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { placeOfLine } from "./draft.js";

/** @typedef {import("../types").ConfigProblem} ConfigProblem */

/** @type {Record<string, string>} */
const SIGNS = { error: "✗ ", warning: "▲ ", "": "" };
const SPARE = 2; // lines drawn beyond those in sight

/** Show a line in the middle, with the cursor in it. @param {HTMLTextAreaElement} field @param {number} line @param {{focus?: boolean}} [how] */
export function toLine(field, line, { focus = true } = {}) {
    const [begin, end] = placeOfLine(field.value, line);
    if (focus) field.focus({ preventScroll: true });
    field.setSelectionRange(begin, focus ? end : begin);
    field.scrollTop = (line - 1) * heightOf(field) - field.clientHeight / 3;
    field.scrollLeft = 0;
}

/** The line that the cursor is in. @param {HTMLTextAreaElement} field */
export const lineOf = (field) => field.value.slice(0, field.selectionStart).split("\n").length;

/** Pixels of one line. @param {HTMLElement} field */
const heightOf = (field) => parseFloat(getComputedStyle(field).lineHeight) || 21;

/**
 * @param {object} props
 * @param {string} props.text
 * @param {Map<number, "error" | "warning">} props.marks  by line
 * @param {boolean} props.isReadOnly
 * @param {(text: string) => void} props.onText
 * @param {{current: HTMLTextAreaElement | null}} props.field
 * @param {string} props.label
 * @param {string} props.describedBy  the id of what says how many problems there are
 */
export function TextField({ text, marks, isReadOnly, onText, field, label, describedBy }) {
    const [seen, setSeen] = useState({ top: 0, height: 0, line: 21 }), shown = useRef(seen);
    const measure = useCallback(() => {
        const area = field.current;
        if (!area) return;
        const now = { top: area.scrollTop, height: area.clientHeight, line: heightOf(area) }, { top, height, line } = shown.current;
        if (now.top === top && now.height === height && now.line === line) return;
        shown.current = now;
        setSeen(now);
    }, []);
    useEffect(() => {
        measure();
        const watching = new ResizeObserver(measure);
        if (field.current) watching.observe(field.current);
        return () => watching.disconnect();
    }, []);
    const lines = text.split("\n").length, first = Math.floor(seen.top / seen.line) + 1;
    const last = Math.min(lines, first + Math.ceil(seen.height / seen.line) + SPARE);
    const inSight = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
    const shift = { transform: `translateY(${(first - 1) * seen.line - seen.top}px)` };
    return html`<div class="text-field">
        <div class="gutter" aria-hidden="true" style=${{ minWidth: `${String(lines).length + 3}ch` }}><div style=${shift}>
            ${inSight.map((line) => html`<div key=${line} class=${marks.get(line) ?? ""}>${SIGNS[marks.get(line) ?? ""]}${line}</div>`)}
        </div></div>
        <div class="written">
            <div class="marked" aria-hidden="true"><div style=${shift}>${inSight.map((line) => html`<div key=${line} class=${marks.get(line) ?? ""}></div>`)}</div></div>
            <textarea ref=${field} value=${text} readOnly=${isReadOnly} wrap="off" spellcheck=${false} autocomplete="off" autocapitalize="off"
                aria-label=${label} aria-describedby=${describedBy} aria-invalid=${[...marks.values()].includes("error")}
                onScroll=${measure} onInput=${(/** @type {any} */ event) => onText(event.target.value)}></textarea>
        </div>
    </div>`;
}
