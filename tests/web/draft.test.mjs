// What the page reckons of a text that is being written: line ends, sections, places, the next problem.

import assert from "node:assert/strict";
import { test } from "node:test";

const page = new URL("../../src/paddock/web/page/", import.meta.url);
const load = (name) => import(new URL(name, page));

const { inField, isAnyKept, isChanged, keep, keepAside, kept, setAside, placeOfLine, sectionsOf, withEnds } = await load("draft.js");
const { marksOf, namesOf, nextLine, nodeFor, onNode, summary } = await load("views/config.js");
const { said } = await load("views/config_ahead.js");

test("a text that nobody changed is written as it was, whatever its line ends", () => {
    for (const base of ["", "\n", "\r\n", "a", "a\nb\n", "a\r\nb\r\n", "a\r\nb\nc\rd", "a\r\rb\n\n\r\n", "\u2028a\vb\r\n"]) {
        assert.equal(withEnds(base, inField(base)), base);
    }
});

test("lines that are kept end as they did, new ones as most do", () => {
    const base = "a\r\nb\nc\r\nd\r\n";
    assert.equal(withEnds(base, "a\nb\nNEW\nc\nd\n"), "a\r\nb\nNEW\r\nc\r\nd\r\n");
    assert.equal(withEnds(base, "b\nc\nd\n"), "b\nc\r\nd\r\n");
    assert.equal(withEnds(base, "a\nb\nc\nd"), "a\r\nb\nc\r\nd");
    assert.equal(withEnds("a\r\nb", "a\nb\nc"), "a\r\nb\r\nc");
    assert.equal(withEnds("a\nb\n", "x\ny"), "x\ny");
});

test("sections and lines are where they are", () => {
    const text = "# x\n[*]\n[a/b] ; c\n  [no]\nk = [v]\n[last]";
    assert.deepEqual(sectionsOf(text), [{ name: "*", line: 2 }, { name: "a/b", line: 3 }, { name: "last", line: 6 }]);
    for (const [line, wanted] of [[1, "# x"], [3, "[a/b] ; c"], [6, "[last]"], [99, "[last]"]]) {
        assert.equal(text.slice(...placeOfLine(text, line)), wanted);
    }
});

test("a draft is kept while it says something else, also where a browser keeps nothing", () => {
    const draft = { base: "a\r\n", fingerprint: "f", text: "a\n" }, stored = new Map();
    globalThis.sessionStorage = {
        getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value), removeItem: (key) => stored.delete(key),
    };
    assert.equal(isChanged(draft), false);
    keep({ ...draft, text: "b\n" });
    assert.equal(kept().text, "b\n");
    keep(draft);
    assert.equal(kept(), null);
    sessionStorage.setItem = () => { throw new Error("QuotaExceededError"); };
    keep({ ...draft, text: "c\n" });
    stored.set("paddock-draft", "no JSON");
    assert.equal(kept(), null);
});

const problems = [{ severity: "warning", line: 9, message: "" }, { severity: "error", line: 9, message: "" }, { severity: "warning", line: 3, message: "" }, { severity: "warning", message: "" }];

test("the worst of each line is marked, and the next one is found in both directions", () => {
    assert.deepEqual([...marksOf(problems)], [[9, "error"], [3, "warning"]]);
    assert.deepEqual([[1, false], [3, false], [9, false], [9, true], [3, true]].map(([here, back]) => nextLine([9, 3], here, back)), [3, 9, 3, 3, 9]);
    assert.equal(summary({ ok: false, problems }), "1 error, 3 warnings; the first in line 9");
    assert.equal(summary({ ok: true, profiles: 2, variants: 1 }), "nothing is wrong; 2 profiles; 1 variant");
});

test("what happens to whom is a sentence, of many profiles too", () => {
    assert.equal(said({}), "It changes no profile.");
    assert.equal(said({ added: ["a"], removed: ["b", "c"] }), "It adds a and removes b and c.");
    assert.equal(said({ changed: ["a", "b"], restarts: ["a"], stale: ["a"] }),
        "It changes how a is started and changes b without another start. a is loaded, and runs on with the old flags until the next load.");
    assert.match(said({ added: Array.from({ length: 500 }, (_, n) => `m${n}`) }), /m10, and 489 others\.$/);
});

test("at the front of many machines each file has a draft of its own, and is asked for by its machine", () => {
    globalThis.sessionStorage = {};
    const stored = { getItem: (key) => globalThis.sessionStorage[key] ?? null };
    for (const [name, does] of Object.entries({
        getItem: stored.getItem,
        setItem: (key, value) => { globalThis.sessionStorage[key] = value; },
        removeItem: (key) => { delete globalThis.sessionStorage[key]; },
    })) Object.defineProperty(globalThis.sessionStorage, name, { value: does, enumerable: false });
    const draft = (text) => ({ base: "a", fingerprint: "f", text });
    assert.equal(isAnyKept(), false);
    keep(draft("one's"), "one");
    keep(draft("two's"), "two");
    keepAside(draft("old"), "two");
    assert.deepEqual([kept("one").text, kept("two").text, kept()], ["one's", "two's", null]);
    assert.deepEqual([setAside("one"), setAside("two").text], [null, "old"]);
    keep(draft("a"), "one");
    assert.deepEqual([kept("one"), isAnyKept()], [null, true]);
    const nodes = [{ name: "two", state: "up" }, { name: "one", state: "up" }, { name: "off", state: "lost" }];
    assert.deepEqual(namesOf(nodes), ["one", "two"]);
    assert.deepEqual([namesOf([]), namesOf(nodes.slice(0, 1))], [[], []]);
    const view = { models: [{ id: "m", aliases: ["x", "m@two"] }, { id: "n" }] };
    assert.deepEqual(["m", "n", ""].map((name) => nodeFor(view, ["one", "two"], name)), ["two", "one", "one"]);
    assert.equal(nodeFor(view, [], "m"), "");
    assert.deepEqual([onNode("/config", ""), onNode("/config", "a b")], ["/config", "/config?node=a%20b"]);
});
