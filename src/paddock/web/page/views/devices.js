/** Devices: whose their memory is, and the last hour as the daemon noted it. */

import { get } from "../api.js";
import { DeviceBar, Order } from "../parts.js";
import { memory, merged, telemetry } from "../past.js";
import { Plot } from "../plot.js";
import { store, useClock } from "../store.js";
import { html, useEffect, useMemo, useState } from "../vendor/htm-preact.js";

/** @typedef {import("../state.js").View} View */
/** @typedef {import("../../types").DevicesPast} DevicesPast */

const PLOTS = /** @type {const} */ ([
    { name: "utilization", title: "Utilisation", unit: "%", most: 100, times: 100 },
    { name: "temperature_c", title: "Temperature", unit: "°C", most: undefined, times: 1 },
    { name: "power_w", title: "Power", unit: "W", most: undefined, times: 1 },
]);
const OFTEN = 10_000; // milliseconds: as often as the daemon notes a reading

/** @type {DevicesPast | null} What is known of the last hour: kept, so that the way back asks only for what is newer. */
let known = null;

/** @param {{view: View}} props */
export function Devices({ view }) {
    const past = usePast(view.link);
    return html`<section aria-labelledby="devices-title">
        <header class="bar-of-tools"><h1 id="devices-title" tabindex="-1">Devices</h1>
            ${!view.yielded && html`<${Order} path="/yield" body=${{ wait: false, by: "the dashboard" }} text="Leave the GPUs to other programs" />`}
        </header>
        ${view.devices.map((device) => html`<${DeviceBar} key=${device.name} view=${view} device=${device} />`)}
        <h2>The last hour</h2>
        ${past && !past.at.length && html`<p class="dim">The daemon has just begun: the first reading comes within ten seconds.</p>`}
        <div class="plots">
            ${past && past.at.length > 0 && html`
                ${past.devices.map((device) => html`<${Memory} key=${device.name} past=${past} device=${device} view=${view} />`)}
                ${PLOTS.map((plot) => html`<${Telemetry} key=${plot.name} past=${past} plot=${plot} />`)}`}
            <${Written} view=${view} />
        </div>
    </section>`;
}

/** The daemon's readings: all, then every ten seconds what is newer, and at once when somebody comes back to the tab. @param {string} link */
function usePast(link) {
    const [past, setPast] = useState(known);
    useEffect(() => {
        const line = new AbortController();
        const ask = async () => {
            if (document.visibilityState !== "visible") return;
            const newest = known?.at.at(-1);
            const since = newest === undefined ? "" : `?since=${Math.ceil(newest)}`;
            try {
                setPast((known = merged(known, await get(`/devices/history${since}`, line.signal))));
            } catch {
                // What was known stays; the head of the page says that the daemon does not answer.
            }
        };
        void ask();
        const timer = setInterval(ask, OFTEN);
        document.addEventListener("visibilitychange", ask);
        return () => {
            line.abort();
            clearInterval(timer);
            document.removeEventListener("visibilitychange", ask);
        };
    }, [link]);
    return past;
}

/** One device's memory, stacked. @param {{past: DevicesPast, device: import("../../types").DevicePast, view: View}} props */
function Memory({ past, device, view }) {
    const { layers, table } = useMemo(() => memory(past, device), [past]);
    const live = Object.values(view.instances).map((instance) => instance.profile);
    const models = [...live, ...layers.filter(({ name, kind }) => kind === "own" && !live.includes(name)).map(({ name }) => name)];
    const fills = layers.map(({ name, kind }) => ({ kind, number: models.indexOf(name) }));
    const most = device.total_mib == null ? undefined : device.total_mib / 1024;
    return layers.length > 0 && html`<${Plot} title=${`Memory of ${device.name}, from the bottom up`} lines=${layers.map(({ name }) => name)}
        fills=${fills} table=${table} unit="GiB" most=${most} />`;
}

/** One number of all devices. @param {{past: DevicesPast, plot: typeof PLOTS[number]}} props */
function Telemetry({ past, plot }) {
    const { lines, table } = useMemo(() => telemetry(past, plot.name, plot.times), [past]);
    return lines.length > 0 && html`<${Plot} title=${plot.title} unit=${plot.unit} most=${plot.most} lines=${lines} table=${table} />`;
}

/** What this page saw being written: the daemon keeps no speeds of past requests. @param {{view: View}} props */
function Written({ view }) {
    const now = useClock(2);
    const table = useMemo(() => {
        store.series.advance(now, view.link === "live");
        const [at, ...values] = store.series.read(["generation"]), epoch = view.epoch ?? 0;
        return /** @type {import("../plot.js").Table} */ ([at.map((second) => second + epoch), ...values]);
    }, [Math.floor(now / 2)]);
    return html`<${Plot} title="Tokens written, since this page was opened" lines=${["all requests"]} table=${table} unit="t/s" />`;
}
