// What the page reckons by itself: bars, rings of readings, logs, addresses, layers, sums.

import assert from "node:assert/strict";
import { test } from "node:test";

const page = new URL("../../src/paddock/web/page/", import.meta.url);
const load = (name) => import(new URL(name, page));

const { segments, facts } = await load("bars.js");
const { Series, LENGTH } = await load("series.js");
const { merged, memory, stacked, telemetry } = await load("past.js");
const { shares } = await load("views/layout.js");
const { Transcript } = await load("transcript.js");
const { placeOf, addressOf } = await load("route.js");
const { nothing } = await load("state.js");
const words = await load("words.js");

const GPU = { name: "CUDA0", kind: "gpu", total_mib: 24000, free_mib: 2000 };
const residents = {
    ...nothing(),
    link: "live",
    instances: { "glm.1": { id: "glm.1", profile: "glm", plan: { devices: [{ device: "CUDA0", model: 9, margin: 1024 }] } } },
};

test("a bar's parts are whose the memory is, the margin, and what is free", () => {
    const device = { ...GPU, used_mib: { "glm.1": 20000, "gone.2": 500 }, foreign: [{ pid: 1, name: "Xorg", mib: 900 }] };
    assert.deepEqual(
        segments(residents, device).map(({ kind, label, mib }) => [kind, label, mib]),
        [["instance", "glm", 20000], ["instance", "gone", 500], ["foreign", "Xorg", 1500], ["margin", "margin", 1024], ["free", "free", 976]],
    );
});

test("what nobody holds on an idle card is the driver's", () => {
    const device = { ...GPU, free_mib: 23500 };
    assert.equal(segments(nothing(), device)[0].label, "driver");
    assert.equal(segments(nothing(), { ...device, free_mib: 20000 })[0].label, "others");
});

test("of a device that says nothing nothing is said", () => {
    assert.equal(segments(nothing(), { name: "RPC0", kind: "gpu" })[0].kind, "unknown");
    assert.deepEqual(facts({ name: "RPC0", kind: "gpu" }), []);
});

const noted = (at, device) => ({ every: 10, at, devices: [{ name: "CUDA0", kind: "gpu", total_mib: 4096, ...device }] });

test("what the daemon noted is put behind what was known, and of an hour no more is kept", () => {
    const first = noted([10, 20], { free_mib: [1, 2], models_mib: { a: [5, 5] }, power_w: [] });
    const both = merged(first, noted([20, 30], { free_mib: [3, 4], models_mib: { b: [6, 6] }, power_w: [9, 9] }));
    assert.deepEqual([both.at, both.devices[0].free_mib, both.devices[0].power_w], [[10, 20, 30], [1, 3, 4], [null, 9, 9]]);
    assert.deepEqual(both.devices[0].models_mib, { a: [5, null, null], b: [null, 6, 6] });
    assert.equal(merged(both, { every: 10, at: [], devices: [] }), both, "nothing is newer");
    let long = both;
    for (let at = 40; at < 40 + 10 * 400; at += 10) long = merged(long, noted([at], { free_mib: [7], models_mib: { [`m${at}`]: [1] } }));
    assert.equal(long.at.length, 360);
    assert.equal(Object.keys(long.devices[0].models_mib).length, 360, "a model of more than an hour ago is forgotten");
});

test("memory lies in layers that add up to the device, with a gap where nothing was noted", () => {
    const past = noted([10, 20, 900], {
        free_mib: [2048, 1024, null], margin_mib: [512, 2048, 512], models_mib: { glm: [1024, 2048, 1024] }, foreign_mib: { "": [1024, 1024, 1024] },
    });
    const { layers, table } = memory(past, past.devices[0]);
    assert.deepEqual(layers.map(({ name, kind }) => `${kind} ${name}`), ["own glm", "foreign others", "margin margin", "free free"]);
    assert.deepEqual(table, [[10, 20, 30, 900], [1, 2, null, null], [1, 1, null, null], [0.5, 1, null, null], [1.5, 0, null, null]]);
    assert.deepEqual(stacked(table).at(-1), [4, 4, null, null], "the top is all that the device has");
    past.devices[0].foreign_mib = { "": [600, 600, 600] };
    assert.equal(memory(past, past.devices[0]).layers[1].name, "driver");
    assert.deepEqual(telemetry(noted([10], { utilization: [0.5] }), "utilization", 100), { lines: ["CUDA0"], table: [[10], [50]] });
    assert.deepEqual(telemetry(past, "power_w").lines, []);
});

test("plan and truth lie on one scale in one order, the machine's own memory first", () => {
    const plan = { devices: [{ device: "CUDA0", model: 900, overhead: 100, layers: 3 }, { device: "Host", model: 50 }] };
    const placement = { buffers: [{ device: "CUDA0", kind: "model", mib: 700 }, { device: "Host", kind: "model", mib: 250 }, { device: "CUDA1", kind: "model", mib: 5 }] };
    assert.deepEqual(shares(plan, placement), { devices: ["Host", "CUDA0", "CUDA1"], planned: [50, 1000, 0], reported: [250, 700, 5] });
    assert.deepEqual(shares(plan, null).reported, []);
    assert.deepEqual(shares(null, placement).planned, []);
});

test("a ring keeps an hour, holds what did not change, and has gaps where nothing was heard", () => {
    const series = new Series(), view = { ...residents, requests: [{ id: 1, phase: "generating", speed: 92 }] };
    series.sample(view, 10);
    series.advance(100, true);
    let [at, used] = series.read(["generation"]);
    assert.deepEqual([at[0], at.at(-1), used[0] > 91, used[65], used[66]], [10, 100, true, used[0], null]);
    for (let second = 101; second < 3 * LENGTH; second++) series.sample(view, second);
    [at, used] = series.read(["generation"]);
    assert.deepEqual([at.length, used.length, at[0]], [LENGTH, LENGTH, 2 * LENGTH]);
    assert.equal(series._rings.get("generation").length, LENGTH);
});

test("a lost link is a gap at once", () => {
    const series = new Series();
    series.sample(residents, 10);
    series.advance(15, false);
    assert.deepEqual(series.read(["generation"])[1].slice(1), [null, null, null, null, null]);
});

test("eight hours of events leave no more than a minute of them", async () => {
    const { reduceNews } = await load("reducer.js");
    const series = new Series();
    let view = nothing(), afterAMinute = 0;
    const size = () => JSON.stringify(view).length;
    for (let second = 1; second <= 8 * 3600; second++) {
        const kinds = [
            { type: "switch-ended", profile: `p${second % 3}`, outcome: "ready", seconds: 1 + second % 7, now: { state: "ready" } },
            { type: "instance", instance: { id: `p.${second}`, profile: "p", phase: "ready", since: "" }, state: "ready", now: { state: "ready" } },
            { type: "instance-ended", instance: `p.${second - 1}`, profile: "p", now: { state: "unloaded" } },
            { type: "activity", requests: [{ id: second, profile: "p", phase: "generating", speed: 9 }], devices: [GPU], totals: { requests: second } },
        ];
        kinds.forEach((event, i) => (view = reduceNews(view, { ...event, seq: second * 4 + i }, second)));
        series.sample(view, second);
        if (second === 60) afterAMinute = size();
    }
    assert.ok(size() < 1.2 * afterAMinute, `${size()} after ${afterAMinute}`);
    assert.ok([...series._rings.values()].every((ring) => ring.length === LENGTH));
});

test("a transcript shows, finds and forgets", () => {
    const log = new Transcript({ kept: 4, spare: 1 });
    log.showOnly("LOAD");
    assert.equal(log.add(["load a", "other", "Load b", "load c", "load d"]), 0);
    assert.equal(log.add(["load e"]), 1, "of six two are forgotten, one of them was shown");
    assert.deepEqual(log.shown, ["Load b", "load c", "load d", "load e"]);
    log.seek("c");
    assert.deepEqual([log.nextAfter(0, 1), log.nextAfter(1, 1), log.nextAfter(0, -1), log.found], [1, 1, 1, 1]);
    assert.deepEqual(log.pieces("load c, cc"), ["load ", "c", ", ", "c", "", "c", ""]);
    log.seek("nowhere");
    assert.equal(log.nextAfter(0, 1), null);
});

test("each address leads to its view and back, whatever a name holds", () => {
    for (const name of ["qwen3-0.6b", "a/b c", "100 %", "<b>", "ä?&#"]) {
        const [pathname, search = ""] = addressOf("models", name).split("?");
        assert.deepEqual([placeOf({ pathname, search }).view, placeOf({ pathname, search }).name], ["models", name]);
    }
    assert.equal(placeOf({ pathname: "/dashboard", search: "" }).view, "models");
    assert.equal(placeOf({ pathname: "/dashboard/nothing", search: "" }).view, "nowhere");
    assert.equal(placeOf({ pathname: "/dashboard/models/100%", search: "" }).name, "100%");
    assert.equal(addressOf("switches", "", { model: "a b" }), "/dashboard/switches?model=a+b");
});

test("numbers are read as people read them", () => {
    assert.deepEqual([words.percent(0.999), words.percent(1), words.percent(null)], ["99 %", "100 %", ""]);
    assert.deepEqual([words.tokens(131072), words.seconds(185), words.age(7300)], ["128k", "3 min 05 s", "2 h"]);
    assert.equal(words.stage("memory", "glm"), "waiting for memory of glm");
    assert.equal(words.reason("glm", { message: "glm exited with code 1" }), "exited with code 1");
    assert.equal(words.moment("yesterday"), "");
});

test("a hidden profile is listed for the sake of a variant that is not", async () => {
    const { isListed } = await load("views/models.js");
    const view = { ...nothing(), variants: [{ id: "brief", variant_of: "base" }, { id: "long", variant_of: "other", hidden: true }] };
    assert.equal(isListed(view, { id: "base", hidden: true }), true);
    assert.equal(isListed(view, { id: "other", hidden: true }), false);
    assert.equal(isListed(view, { id: "other" }), true);
});

test("numbers are written as the browser would, in each language whose signs are known", async () => {
    const { numeral, SIGNS } = await load("numerals.js");
    const values = [0, -0, 1, 7.25, 0.05, 0.5, 1.5, 2.675, 9.95, 99.99, 999.9, 999.95, 1000, 1234.5, 9999, 12345.678, 1234567.891, 1e9 + 0.5, 2 ** 40, 1e-7, 5e-5, 0.005, 1.005, 1e15, 1e21, -1, -0.04, -1234.56, NaN, Infinity];
    for (const language of Object.keys(SIGNS)) {
        for (const places of [0, 1, 2]) {
            const real = new Intl.NumberFormat(language, { minimumFractionDigits: places, maximumFractionDigits: places });
            const own = numeral(places, language);
            for (const value of values) assert.equal(own(value), real.format(value), `${value} with ${places} in ${language}`);
        }
    }
});

test("other languages are left to the browser", async () => {
    const { numeral } = await load("numerals.js");
    assert.deepEqual([numeral(0, "es")(1234), numeral(1, "ar-EG")(2.5), numeral(0, "hi-IN")(1234567)], [1234, 2.5, 1234567].map((value, at) =>
        new Intl.NumberFormat(["es", "ar-EG", "hi-IN"][at], at === 1 ? { minimumFractionDigits: 1 } : {}).format(value)));
});
