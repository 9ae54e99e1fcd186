/** The memory of each device: whose it is, what must stay free, what is free. Pure; `tui/bars.py` in JavaScript. */

/** @typedef {import("./state.js").View} View */
/** @typedef {import("./state.js").DeviceInfo} DeviceInfo */
/** @typedef {{kind: "instance" | "foreign" | "margin" | "free" | "unknown", label: string, mib: number, number: number}} Segment */

import { tenths, whole } from "./words.js";

const DRIVER_MIB = 640; // what a driver keeps for itself on an idle card: figures/drivers.py
const WORTH_NAMING = 64; // MiB of foreign use; less is what an idle driver takes
const NAMED = 2; // foreign programs

/** What there is, in the bar's order. @param {View} view @param {DeviceInfo} device @returns {Segment[]} */
export function segments(view, device) {
    const ours = own(view, device), held = sum(ours);
    const total = device.total_mib;
    if (total == null) return ours.length ? ours : [{ kind: "unknown", label: "unknown", mib: 1, number: 0 }];
    const free = device.free_mib ?? Math.max(total - held - (device.foreign_mib ?? 0), 0);
    const foreign = Math.max(total - free - held, 0);
    const margin = Math.min(widestMargin(view, device), free);
    /** @type {Segment[]} */
    const parts = [
        ...ours,
        { kind: "foreign", label: foreigners(device, foreign), mib: foreign, number: 0 },
        { kind: "margin", label: "margin", mib: margin, number: 0 },
        { kind: "free", label: "free", mib: free - margin, number: 0 },
    ];
    return parts.filter((part) => part.mib > 0);
}

/** How hard it works, each where it is known. @param {DeviceInfo} device @returns {string[]} */
export function facts(device) {
    const found = [];
    if (device.utilization != null) found.push(`${device.kind === "host" ? "CPU " : ""}${whole(device.utilization * 100)} %`);
    if (device.load != null) found.push(`load ${tenths(device.load)}`);
    if (device.temperature_c != null) found.push(`${device.temperature_c} °C`);
    if (device.power_w != null) {
        found.push(`${whole(device.power_w)}${device.power_limit_w ? ` of ${whole(device.power_limit_w)}` : ""} W`);
    }
    if (device.clock_mhz) found.push(`${whole(device.clock_mhz)} MHz`);
    return [...found, ...(device.throttled ?? []).map((why) => `${why} limit`)];
}

/** What each instance was measured to hold; where nobody measures, what is booked for it. @param {View} view @param {DeviceInfo} device @returns {Segment[]} */
function own(view, device) {
    const ids = Object.keys(view.instances);
    const used = device.used_mib ?? {};
    const shares = Object.keys(used).length ? used : (device.booked_mib ?? {});
    return Object.entries(shares)
        .filter(([, share]) => share > 0)
        .map(([id, share]) => ({ kind: "instance", label: owner(view, id), mib: share, number: place(ids, id) }));
}

/** @param {string[]} ids @param {string} id */
function place(ids, id) {
    const found = ids.indexOf(id);
    return found < 0 ? ids.length : found;
}

/** Its profile; of one that has just gone, what its name says. @param {View} view @param {string} id */
function owner(view, id) {
    return view.instances[id]?.profile ?? (id.slice(0, id.lastIndexOf(".")) || id);
}

/** Who holds what is not ours. @param {DeviceInfo} device @param {number} mibTaken */
function foreigners(device, mibTaken) {
    const uses = device.foreign ?? [];
    const isNobodys = uses.every((use) => !use.name);
    if (device.kind === "gpu" && isNobodys && mibTaken <= DRIVER_MIB) return "driver";
    const names = uses.filter((use) => use.name && (use.mib ?? 0) >= WORTH_NAMING).map((use) => use.name);
    return [...new Set(names)].slice(0, NAMED).join(", ") || "others";
}

/** MiB that the most careful resident wants to stay free here. @param {View} view @param {DeviceInfo} device */
function widestMargin(view, device) {
    const plans = Object.values(view.instances).flatMap((i) => i.plan?.devices ?? []);
    const names = new Set([device.name, ...(device.also ?? [])]);
    const margins = plans.filter((plan) => names.has(plan.device) && taken(plan)).map((plan) => plan.margin ?? 0);
    return Math.max(0, ...margins);
}

/** All that a plan takes of a device, MiB, its margin not counted. @param {import("../types").DevicePlan} plan */
export function taken(plan) {
    return (plan.model ?? 0) + (plan.context ?? 0) + (plan.compute ?? 0) + (plan.overhead ?? 0);
}

/** @param {Segment[]} parts */
function sum(parts) {
    return parts.reduce((total, part) => total + part.mib, 0);
}
