/** Where a model lies: its layers over the devices, and each device's MiB as planned beside as reported. */

import { taken } from "../bars.js";
import { html } from "../vendor/htm-preact.js";
import * as words from "../words.js";

/** @typedef {import("../../types").Plan} Plan */
/** @typedef {import("../../types").Placement} Placement */

const KINDS = ["model", "context", "compute", "output", "overhead"];

/** @param {{plan?: Plan | null, placement?: Placement | null}} props */
export function Layout({ plan, placement }) {
    const rows = compared(plan, placement);
    return html`
        ${plan && html`<${Layers} plan=${plan} placement=${placement} />`}
        <${Shares} plan=${plan} placement=${placement} />
        <table>
            <thead><tr><th>device</th><th>of it</th>${plan && html`<th class="number">planned</th>`}${placement && html`<th class="number">reported</th>`}</tr></thead>
            <tbody>${rows.map((row) => html`<tr class=${row.kind === "all" ? "sum" : ""}>
                <td>${row.kind === "all" ? row.device : ""}</td><td>${row.kind}</td>
                ${plan && html`<td class="number">${words.mib(row.planned)}</td>`}${placement && html`<td class="number">${words.mib(row.reported)}</td>`}
            </tr>`)}</tbody>
        </table>
        ${placement && html`<p class="dim">${[
            placement.layers != null ? `${placement.layers_offloaded ?? 0} of ${placement.layers} layers on devices, as its log says${offPlan(plan, placement)}` : "",
            placement.layers_overflowing ? `parts of ${words.whole(placement.layers_overflowing)} of them elsewhere` : "",
            placement.graph_splits != null ? words.count(placement.graph_splits, "graph split") : "",
            placement.load_mode ? `read by ${placement.load_mode}` : "",
        ].filter(Boolean).join(", ")}</p>`}
        ${(plan?.notes ?? []).map((note) => html`<p class="dim">${note}</p>`)}`;
}

/** What each device holds of it, as planned above as reported: on one scale, in the same order. @param {{plan?: Plan | null, placement?: Placement | null}} props */
function Shares({ plan, placement }) {
    const { devices, planned, reported } = shares(plan, placement);
    const whole = Math.max(...[planned, reported].map((row) => row.reduce((sum, mib) => sum + mib, 0)));
    if (!planned.length || !reported.length || !whole) return null;
    return html`<div class="shares">${[{ name: "planned", row: planned }, { name: "reported", row: reported }].map(({ name, row }) => {
        const said = devices.map((device, i) => (row[i] ? `${device} ${words.mib(row[i])}` : "")).filter(Boolean).join(", ");
        return html`<span class="dim">${name}</span><div class="bar" role="img" aria-label=${`${name}: ${said}`}>
            ${row.map((mib, i) => mib > 0 && html`<div class=${`part own n${i % 8}`} style=${{ width: `${(mib / whole) * 100}%` }}
                title=${`${devices[i]} ${words.mib(mib)}`}></div>`)}</div>`;
    })}</div>`;
}

/** MiB of each device as planned and as reported, the machine's own memory first as its layers are; without one of them an empty row. Pure.
 * @param {Plan | null | undefined} plan @param {Placement | null | undefined} placement */
export function shares(plan, placement) {
    const sums = compared(plan, placement).filter((row) => row.kind === "all");
    const ordered = [...sums.filter((row) => row.device === "Host"), ...sums.filter((row) => row.device !== "Host")];
    return {
        devices: ordered.map((row) => row.device),
        planned: plan ? ordered.map((row) => row.planned ?? 0) : [],
        reported: placement?.buffers?.length ? ordered.map((row) => row.reported ?? 0) : [],
    };
}

/** That fewer layers lie on devices than planned. @param {Plan | null | undefined} plan @param {Placement} placement */
function offPlan(plan, placement) {
    const planned = plan?.layers_on_devices;
    return planned == null || (placement.layers_offloaded ?? 0) >= planned ? "" : `, not the ${words.whole(planned)} that were planned`;
}

/** Each layer as a cell, in the model's order: those in RAM come first. As planned, above as loaded. @param {{plan: Plan, placement?: Placement | null}} props */
function Layers({ plan, placement }) {
    const runs = layerRuns(plan), loaded = loadedRuns(plan, placement);
    if (!runs.length) return null;
    const said = worded(runs), found = loaded && worded(loaded);
    return html`<div class="shares">
            ${loaded && html`<span class="dim">planned</span>`}<${Cells} runs=${runs} devices=${plan.devices ?? []} name="layers as planned" />
            ${loaded && html`<span class="dim">loaded</span><${Cells} runs=${loaded} devices=${plan.devices ?? []} name="layers as loaded" />`}
        </div><p class="dim">layers ${said}${plan.experts_in_ram ? `; experts of ${plan.experts_in_ram} of them in RAM` : ""}${
            !found ? "" : found === said ? "; loaded so, by what each device holds" : `; loaded, by what each device holds: ${found}`}</p>`;
}

/** @param {{runs: Run[], devices: import("../../types").DevicePlan[], name: string}} props */
function Cells({ runs, devices, name }) {
    const place = (/** @type {string} */ device) => 1 + devices.findIndex((one) => one.device === device && device !== "Host");
    return html`<div class="layers" role="img" aria-label=${`${name}: ${worded(runs)}`}>
        ${runs.map((run) => html`<div class=${`part own n${place(run.device) % 8}`} style=${{ flexGrow: run.count, "--count": run.count }} title=${run.device}>
            <span>${run.device} · ${run.count}</span></div>`)}
    </div>`;
}

/** @param {Run[]} runs */
const worded = (runs) => runs.map((run) => `${run.from} to ${run.from + run.count - 1} on ${run.device}`).join(", ");

/** @typedef {{device: string, from: number, count: number}} Run */

/** Which layers lie where, by the plan. Pure. @param {Plan} plan @returns {Run[]} */
export function layerRuns(plan) {
    const devices = (plan.devices ?? []).filter((device) => device.layers && device.device !== "Host");
    return inTurn(devices.map(({ device, layers }) => ({ device, layers: layers ?? 0 })), plan);
}

/** Which lie where by what each device was reported to hold of the model: llama-server's log names no layers, but a device that holds as
 * much as planned has the layers that were planned. Null where nothing was reported, or experts of layers lie elsewhere. Pure.
 * @param {Plan} plan @param {Placement | null | undefined} placement @returns {Run[] | null} */
export function loadedRuns(plan, placement) {
    const buffers = placement?.buffers ?? [], devices = (plan.devices ?? []).filter((one) => one.layers && one.device !== "Host");
    if (!buffers.length || !devices.length || plan.experts_in_ram || placement?.layers_overflowing) return null;
    const held = (/** @type {string} */ device) => buffers.filter((one) => one.device === device && one.kind === "model").reduce((sum, one) => sum + one.mib, 0);
    return inTurn(devices.map(({ device, layers, model }) => ({ device, layers: model ? Math.round(((layers ?? 0) * held(device)) / model) : 0 })), plan);
}

/** What is on no device is in RAM, and comes first. @param {{device: string, layers: number}[]} devices @param {Plan} plan @returns {Run[]} */
function inTurn(devices, plan) {
    const placed = devices.reduce((sum, one) => sum + one.layers, 0), left = Math.max((plan.layers ?? placed) - placed, 0);
    let from = 0;
    return [{ device: "Host", layers: left }, ...devices].filter((one) => one.layers > 0).map(({ device, layers }) => {
        from += layers;
        return { device, from: from - layers, count: layers };
    });
}

/** Rows by device and kind, MiB. Pure. @param {Plan | null | undefined} plan @param {Placement | null | undefined} placement */
export function compared(plan, placement) {
    const buffers = placement?.buffers ?? [], plans = plan?.devices ?? [];
    const devices = new Set([...plans.map((one) => one.device), ...buffers.map((one) => one.device)]);
    return [...devices].flatMap((device) => {
        const planned = plans.find((one) => one.device === device);
        const reported = buffers.filter((one) => one.device === device);
        const sum = (/** @type {string} */ kind) => reported.filter((one) => one.kind === kind).reduce((total, one) => total + one.mib, 0);
        const rows = KINDS.map((kind) => ({
            device,
            kind,
            planned: planned ? (/** @type {Record<string, any>} */ (planned)[kind] || null) : null,
            reported: sum(kind) || null,
        }));
        const all = { device, kind: "all", planned: planned ? taken(planned) : null, reported: reported.reduce((t, one) => t + one.mib, 0) || null };
        return [all, ...rows].filter((row) => row.planned || row.reported);
    });
}
