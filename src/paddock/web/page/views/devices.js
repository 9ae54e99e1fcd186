/** Devices: whose their memory is, and the last hour as this page saw it. */

import { DeviceBar, Order } from "../parts.js";
import { Plot } from "../plot.js";
import { store, useClock } from "../store.js";
import { html, useMemo } from "../vendor/htm-preact.js";

/** @typedef {import("../state.js").View} View */

const PLOTS = [
    { name: "used", title: "Memory taken", unit: "%", most: 100 },
    { name: "load", title: "Utilisation", unit: "%", most: 100 },
    { name: "temperature", title: "Temperature", unit: "°C", most: undefined },
    { name: "power", title: "Power", unit: "W", most: undefined },
];

/** @param {{view: View}} props */
export function Devices({ view }) {
    const now = useClock(2), names = view.devices.map((device) => device.name);
    return html`<section aria-labelledby="devices-title">
        <header class="bar-of-tools"><h1 id="devices-title" tabindex="-1">Devices</h1>
            ${!view.yielded && html`<${Order} path="/yield" body=${{ wait: false, by: "the dashboard" }} text="Leave the GPUs to other programs" />`}
        </header>
        ${view.devices.map((device) => html`<${DeviceBar} key=${device.name} view=${view} device=${device} />`)}
        <h2>Since this page was opened, at most an hour</h2>
        <div class="plots">
            <${Over} title="Tokens written" names=${["generation"]} lines=${["all requests"]} unit="t/s" view=${view} now=${now} />
            ${PLOTS.map((plot) => {
                const known = names.filter((name) => store.series.names.includes(`${plot.name}:${name}`) && hasValues(`${plot.name}:${name}`));
                return known.length > 0 && html`<${Over} key=${plot.name} ...${plot} names=${known.map((name) => `${plot.name}:${name}`)} lines=${known} view=${view} now=${now} />`;
            })}
        </div>
    </section>`;
}

/** @param {{title: string, names: string[], lines: string[], unit: string, most?: number, view: View, now: number}} props */
function Over({ title, names, lines, unit, most, view, now }) {
    const table = useMemo(() => {
        store.series.advance(now, view.link === "live");
        const [at, ...values] = store.series.read(names);
        const epoch = view.epoch ?? 0;
        return /** @type {import("../plot.js").Table} */ ([at.map((second) => second + epoch), ...values]);
    }, [Math.floor(now / 2), names.join()]);
    return html`<${Plot} title=${title} lines=${lines} table=${table} unit=${unit} most=${most} />`;
}

/** @param {string} name */
function hasValues(name) {
    return store.series.read([name])[1].some((value) => value !== null);
}
