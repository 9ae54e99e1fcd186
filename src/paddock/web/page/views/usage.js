/** Who used what: by key, model and day. */

import { useAnswer } from "../asking.js";
import { Refused } from "../parts.js";
import { html, useState } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../../types").UsageRow} UsageRow */

const DAY = 86_400_000; // milliseconds
const NUMBERS = /** @type {const} */ (["requests", "prompt_tokens", "answer_tokens", "seconds"]);

export function Usage() {
    const [days, setDays] = useState(30), [by, setBy] = useState(/** @type {"key" | "model" | "day"} */ ("key"));
    const since = new Date(Date.now() - (days - 1) * DAY).toISOString().slice(0, 10);
    const { value, error } = /** @type {import("../asking.js").Answer<import("../../types").UsageReport>} */ (useAnswer(`/usage?since=${since}`));
    const rows = value ? summed(value.rows, by) : [];
    return html`<section aria-labelledby="usage-title">
        <header class="bar-of-tools"><h1 id="usage-title" tabindex="-1">Usage</h1>
            <label>by <select value=${by} onChange=${(/** @type {any} */ event) => setBy(event.target.value)}>
                ${["key", "model", "day"].map((name) => html`<option value=${name}>${name}</option>`)}</select></label>
            <label>of the last <select value=${days} onChange=${(/** @type {any} */ event) => setDays(Number(event.target.value))}>
                ${[1, 7, 30, 90].map((n) => html`<option value=${n}>${words.count(n, "day")}</option>`)}</select></label>
        </header>
        <${Refused} error=${error} />
        ${value && !rows.length && html`<p class="dim">nothing was used</p>`}
        ${rows.length > 0 && html`<table>
            <thead><tr><th>${by}</th><th class="number">requests</th><th class="number">tokens read</th><th class="number">tokens written</th><th class="number">time</th></tr></thead>
            <tbody>${rows.map((row) => html`<tr><td>${named(row.name, by)}</td><td class="number">${words.whole(row.requests)}</td>
                <td class="number">${words.whole(row.prompt_tokens)}</td><td class="number">${words.whole(row.answer_tokens)}</td><td class="number">${words.seconds(row.seconds)}</td></tr>`)}</tbody>
        </table>`}
    </section>`;
}

/** Added up by one of the three. Pure. @param {UsageRow[]} rows @param {"key" | "model" | "day"} by */
export function summed(rows, by) {
    /** @type {Map<string, {name: string, requests: number, prompt_tokens: number, answer_tokens: number, seconds: number}>} */
    const found = new Map();
    for (const row of rows) {
        const sum = found.get(row[by]) ?? { name: row[by], requests: 0, prompt_tokens: 0, answer_tokens: 0, seconds: 0 };
        for (const number of NUMBERS) sum[number] += row[number] ?? 0;
        found.set(row[by], sum);
    }
    const all = [...found.values()];
    return by === "day" ? all : all.sort((a, b) => b.answer_tokens - a.answer_tokens);
}

/** @param {string} name @param {string} by */
function named(name, by) {
    if (by === "day") return words.date(name);
    return name || html`<span class="dim">without a key</span>`;
}
