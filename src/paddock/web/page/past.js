/** The last hour of the devices as the daemon noted it: put together from its answers, and as tables for plots. Pure. */

/** @typedef {import("../types").DevicesPast} DevicesPast */
/** @typedef {import("../types").DevicePast} DevicePast */
/** @typedef {import("./plot.js").Table} Table */
/** @typedef {{name: string, kind: "own" | "foreign" | "margin" | "free"}} Layer */

const LENGTH = 360; // readings that are kept: as many as the daemon keeps
const DRIVER_MIB = 640; // what a driver keeps for itself on an idle card: figures/drivers.py
const NUMBERS = /** @type {const} */ (["free_mib", "margin_mib", "utilization", "temperature_c", "power_w"]);
const NAMED = /** @type {const} */ (["models_mib", "foreign_mib"]);

/** The readings known before with newer ones behind them; the daemon may be another one since.
 * @param {DevicesPast | null} before @param {DevicesPast} newer @returns {DevicesPast} */
export function merged(before, newer) {
    const from = newer.at[0] ?? Infinity, kept = (before?.at ?? []).filter((at) => at < from).length;
    const at = [...(before?.at ?? []).slice(0, kept), ...newer.at], cut = Math.max(at.length - LENGTH, 0);
    if (!newer.at.length && before) return before;
    const devices = newer.devices.map((device) => {
        const old = before?.devices.find((one) => one.name === device.name);
        /** @param {(number | null)[] | undefined} first @param {(number | null)[] | undefined} second */
        const joined = (first, second) => [...filled(first, kept), ...filled(second, newer.at.length)].slice(cut);
        const numbers = NUMBERS.map((key) => [key, joined(old?.[key], device[key])]);
        const named = NAMED.map((key) => {
            const names = new Set([...Object.keys(old?.[key] ?? {}), ...Object.keys(device[key] ?? {})]);
            const rows = [...names].map((name) => [name, joined(old?.[key]?.[name], device[key]?.[name])]);
            return [key, Object.fromEntries(rows.filter(([, values]) => isKnown(/** @type {any} */ (values))))];
        });
        return { ...device, ...Object.fromEntries([...numbers, ...named]) };
    });
    return { every: newer.every, at: at.slice(cut), devices };
}

/** A device's memory in layers from the bottom up, GiB. @param {DevicesPast} past @param {DevicePast} device @returns {{layers: Layer[], table: Table}} */
export function memory(past, device) {
    const length = past.at.length, free = filled(device.free_mib, length), margins = filled(device.margin_mib, length);
    /** @type {[Layer, (number | null)[]][]} */
    const rows = [
        ...rowsOf(device.models_mib, "own", (name) => name),
        ...rowsOf(device.foreign_mib, "foreign", (name, values) => name || (isDriver(device, values) ? "driver" : "others")),
        [{ name: "margin", kind: "margin" }, margins.map((mib, i) => Math.min(mib ?? 0, free[i] ?? 0))],
        [{ name: "free", kind: "free" }, free.map((mib, i) => Math.max((mib ?? 0) - (margins[i] ?? 0), 0))],
    ];
    const shown = rows.filter(([, values]) => values.some((mib) => mib));
    // Of a moment of which not even the free memory is known nothing is drawn.
    const values = shown.map(([, mibs]) => mibs.map((mib, i) => (free[i] === null ? null : (mib ?? 0) / 1024)));
    return { layers: shown.map(([layer]) => layer), table: withGaps(past, values) };
}

/** One number of each device that has it. @param {DevicesPast} past @param {"utilization" | "temperature_c" | "power_w"} key @param {number} [times]
 * @returns {{lines: string[], table: Table}} */
export function telemetry(past, key, times = 1) {
    const devices = past.devices.filter((device) => isKnown(device[key] ?? []));
    const values = devices.map((device) => filled(device[key], past.at.length).map((value) => (value === null ? null : value * times)));
    return { lines: devices.map((device) => device.name), table: withGaps(past, values) };
}

/** Each layer on top of those before it, for drawing. @param {Table} table @returns {Table} */
export function stacked([at, ...rows]) {
    /** @type {(number | null)[]} */
    let below = at.map(() => 0);
    const sums = rows.map((row) => (below = below.map((sum, i) => (row[i] === null || sum === null ? null : sum + row[i]))));
    return [at, ...sums];
}

/** @param {Record<string, (number | null)[]> | undefined} found @param {Layer["kind"]} kind @param {(name: string, values: (number | null)[]) => string} named
 * @returns {[Layer, (number | null)[]][]} */
function rowsOf(found, kind, named) {
    return Object.entries(found ?? {}).map(([name, values]) => [{ name: named(name, values), kind }, values]);
}

/** So little, and no program's. @param {DevicePast} device @param {(number | null)[]} values */
function isDriver(device, values) {
    return device.kind === "gpu" && Object.keys(device.foreign_mib ?? {}).length === 1 && Math.max(...values.map((mib) => mib ?? 0)) <= DRIVER_MIB;
}

/** With a moment of which nothing is known wherever none was noted. @param {DevicesPast} past @param {(number | null)[][]} rows @returns {Table} */
function withGaps(past, rows) {
    /** @type {Table} */
    const table = [[], ...rows.map(() => [])];
    past.at.forEach((at, i) => {
        if (i && at - past.at[i - 1] > 3 * past.every) [past.at[i - 1] + past.every, ...rows.map(() => null)].forEach((value, k) => table[k].push(/** @type {never} */ (value)));
        [at, ...rows.map((row) => row[i])].forEach((value, k) => table[k].push(/** @type {never} */ (value)));
    });
    return table;
}

/** @param {(number | null)[] | undefined} values @param {number} length @returns {(number | null)[]} */
function filled(values, length) {
    return values?.length ? values.slice(0, length) : Array(length).fill(null);
}

/** @param {(number | null)[]} values */
function isKnown(values) {
    return values.some((value) => value !== null);
}
