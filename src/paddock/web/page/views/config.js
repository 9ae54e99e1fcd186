/** models.conf: written here, judged while it is typed, and shown with all that it changes before it is written. */

import { get, post, put, Refusal } from "../api.js";
import { useAnswer } from "../asking.js";
import { inField, isChanged, keep, keepAside, kept, sectionsOf, setAside, withEnds } from "../draft.js";
import { Refused } from "../parts.js";
import { lineOf, TextField, toLine } from "../text_field.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import * as words from "../words.js";
import { Ahead } from "./config_ahead.js";

/** @typedef {import("../state.js").View} View */
/** @typedef {import("../draft.js").Draft} Draft */
/** @typedef {import("../../types").ConfigText} ConfigText */
/** @typedef {import("../../types").ConfigCheck} ConfigCheck */
/** @typedef {import("../../types").ConfigProblem} ConfigProblem */
/** @typedef {import("../../types").ConfigPreview} ConfigPreview */
/** @typedef {import("../../types").ConfigWritten} ConfigWritten */
/** @typedef {{earlier: string, preview: ConfigPreview}} Looked  `earlier`: the fingerprint of an earlier text, empty: the draft */

const REST = 400; // milliseconds without typing until it is judged

/** @param {{view: View, name: string}} props `name`: the section to begin at */
export function Config({ view, name }) {
    const [round, setRound] = useState(0), [chosen, choose] = useState("");
    const nodes = namesOf(view.nodes), node = nodes.includes(chosen) ? chosen : nodeFor(view, nodes, name);
    const { value, error } = /** @type {import("../asking.js").Answer<ConfigText>} */ (
        useAnswer(view.config && onNode("/config", node), `${round} ${view.config?.loaded_at} ${view.config?.error?.message}`));
    return html`<section aria-labelledby="config-title">
        <h1 id="config-title" tabindex="-1">models.conf${node && ` of ${node}`}</h1>
        ${node && html`<p class="bar-of-tools"><label>machine <select value=${node} onChange=${(/** @type {any} */ event) => choose(event.target.value)}>
            ${nodes.map((one) => html`<option value=${one}>${one}</option>`)}</select></label></p>`}
        <${Refused} error=${error} />
        ${value && html`<${Editing} key=${node} node=${node} now=${value} name=${name} refresh=${() => setRound((n) => n + 1)} />`}
    </section>`;
}

/** @param {{node: string, now: ConfigText, name: string, refresh: () => void}} props `node`: whose file it is, empty where there is one; `now`: what is in it */
function Editing({ node, now, name, refresh }) {
    const [draft, setDraft] = useState(() => kept(node) ?? begun(now)), [aside, setHeldBack] = useState(() => setAside(node));
    const [looked, setLooked] = useState(/** @type {Looked | null} */ (null)), [said, setSaid] = useState("");
    const [problem, setProblem] = useState(/** @type {Refusal | null} */ (null)), [isBusy, setIsBusy] = useState(false);
    const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
    const hasChanged = isChanged(draft), isElsewhere = draft.fingerprint !== now.fingerprint;
    const { check, isOld } = useCheck(draft.text, draft.base, node);
    const marks = useMemo(() => marksOf(check?.problems ?? []), [check]);

    const take = (/** @type {Draft} */ next) => {
        setDraft(next);
        setLooked(null);
        keep(next, node);
    };
    useEffect(() => { // somebody else wrote it, and nothing of ours would be lost
        if (isElsewhere && !hasChanged) take(begun(now));
    }, [now.fingerprint]);
    const newest = useRef(draft);
    newest.current = draft;
    useEffect(() => {
        const timer = setTimeout(() => keep(draft, node), REST);
        return () => clearTimeout(timer);
    }, [draft]);
    useEffect(() => {
        const save = () => keep(newest.current, node);
        addEventListener("beforeunload", save, { capture: true }); // before the page asks whether to leave
        return () => {
            save();
            removeEventListener("beforeunload", save, { capture: true });
        };
    }, []);
    useEffect(() => {
        const found = sectionsOf(draft.text).find((one) => one.name.trim() === name);
        if (found && field.current) toLine(field.current, found.line, { focus: false });
    }, [name]);

    /** @param {() => Promise<void>} does */
    const busily = async (does) => {
        setIsBusy(true);
        setProblem(null);
        setSaid("");
        try {
            await does();
        } catch (error) {
            setProblem(/** @type {Refusal} */ (error));
            if (/** @type {Refusal} */ (error).code === "config_changed") refresh();
        }
        setIsBusy(false);
    };
    const look = (earlier = "") => busily(async () => {
        const wanted = earlier ? { earlier } : { text: withEnds(draft.base, draft.text) };
        setLooked({ earlier, preview: await post(onNode("/config/preview", node), wanted) });
    });
    const write = () => busily(async () => {
        if (!looked) return;
        const text = withEnds(draft.base, draft.text), based_on = draft.fingerprint;
        const written = /** @type {ConfigWritten} */ (looked.earlier
            ? await post(onNode("/config/undo", node), { earlier: looked.earlier, based_on })
            : await put(onNode("/config", node), { text, based_on }));
        if (looked.earlier) take(begun(await get(onNode("/config", node))));
        else take({ base: text, fingerprint: written.fingerprint, text: inField(text) });
        setSaid(written.failure ? `It is written, but not active: ${written.failure.message}` : `Written${outcome(written)}.`);
        field.current?.focus({ preventScroll: true });
        refresh();
    });
    const giveWay = () => {
        keepAside(draft, node);
        setHeldBack(draft);
        take(begun(now));
    };
    const getBack = () => {
        if (aside) take({ ...begun(now), text: aside.text });
        keepAside(null, node);
        setHeldBack(null);
    };
    const mayLook = hasChanged && !isElsewhere && !isBusy;
    const earlier = now.earlier?.find((one) => one.fingerprint !== now.fingerprint);
    const onKey = (/** @type {KeyboardEvent} */ event) => {
        if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s") {
            event.preventDefault();
            if (mayLook) void look();
        } else if (event.key === "F8" && field.current && marks.size) {
            event.preventDefault();
            toLine(field.current, nextLine([...marks.keys()], lineOf(field.current), event.shiftKey));
        }
    };
    const keys = useRef(onKey);
    keys.current = onKey;
    useEffect(() => {
        const act = (/** @type {KeyboardEvent} */ event) => keys.current(event);
        addEventListener("keydown", act);
        return () => removeEventListener("keydown", act);
    }, []);
    return html`
        <div class="bar-of-tools">
            <button class="primary" disabled=${!mayLook || Boolean(now.read_only)} onClick=${() => look()}>Preview and write…</button>
            <button disabled=${!hasChanged || isBusy} onClick=${() => take(begun(now))}>Discard changes</button>
            <button disabled=${!earlier || hasChanged || isBusy} title=${hasChanged ? "write or discard your changes first" : undefined}
                onClick=${() => look(earlier?.fingerprint)}>Previous text…</button>
            ${aside && html`<button onClick=${getBack}>My text from before</button>`}
            <label class="to-section">section <select value="" onChange=${(/** @type {any} */ event) => { if (field.current) toLine(field.current, Number(event.target.value)); event.target.value = ""; }}>
                <option value=""></option>${sectionsOf(draft.text).map((one) => html`<option value=${one.line}>${one.name}</option>`)}</select></label>
        </div>
        <p class="dim">${node && `${node}: `}<code>${now.path}</code>${hasChanged ? html` · <strong>not written yet</strong>` : ""}${now.read_only ? html` · <strong>read only here:</strong> ${now.read_only}` : ""}</p>
        <p class="said" role="status">${isBusy ? "…" : said}</p>
        <${Refused} error=${problem} />
        ${isElsewhere && hasChanged && html`<${Conflict} now=${now} keepMine=${() => take({ ...begun(now), text: draft.text })} giveWay=${giveWay} />`}
        ${looked && html`<${Ahead} looked=${looked} now=${now} isBusy=${isBusy} write=${write} look=${look} leave=${() => { setLooked(null); field.current?.focus({ preventScroll: true }); }} />`}
        <div class="columns config">
            <div class="main"><${TextField} text=${draft.text} marks=${marks} field=${field} isReadOnly=${Boolean(now.read_only)} label="models.conf" describedBy="config-found"
                onText=${(/** @type {string} */ text) => { setDraft({ ...draft, text }); setLooked(null); setSaid(""); }} /></div>
            <${Problems} check=${check} isOld=${isOld} toLine=${(/** @type {number} */ line) => field.current && toLine(field.current, line)} />
        </div>`;
}

/** Nothing is changed yet. @param {ConfigText} now @returns {Draft} */
const begun = (now) => ({ base: now.text, fingerprint: now.fingerprint, text: inField(now.text) });

/** What is wrong with the text, a moment after it was last typed in. @param {string} text @param {string} base @param {string} node @returns {{check: ConfigCheck | null, isOld: boolean}} */
function useCheck(text, base, node) {
    const [found, setFound] = useState(/** @type {{text: string | null, check: ConfigCheck | null}} */ ({ text: null, check: null }));
    useEffect(() => {
        const line = new AbortController();
        const judge = () => post(onNode("/config/check", node), { text: withEnds(base, text) }, line.signal).then(
            (check) => setFound({ text, check: /** @type {ConfigCheck} */ (check) }),
            () => {}, // said where it is previewed
        );
        const timer = setTimeout(judge, found.text === null ? 0 : REST);
        return () => {
            clearTimeout(timer);
            line.abort();
        };
    }, [text, base]);
    return { check: found.check, isOld: found.text !== text };
}

/** What was found, line by line. @param {{check: ConfigCheck | null, isOld: boolean, toLine: (line: number) => void}} props */
function Problems({ check, isOld, toLine }) {
    const problems = check?.problems ?? [];
    return html`<section class="aside" aria-labelledby="problems-title">
        <h2 id="problems-title">Problems</h2>
        <p id="config-found" role="status" aria-live="polite">${check ? summary(check) : "…"}</p>
        <ol class=${isOld ? "found old" : "found"}>${problems.map((one) => html`<li class=${one.severity}>
            <span class="mark ${one.severity === "error" ? "bad" : "warn"}"><span aria-hidden="true">${one.severity === "error" ? "✗" : "▲"}</span> ${one.severity}</span>${" "}
            ${one.line ? html`<button class="link" onClick=${() => toLine(one.line ?? 0)}>line ${one.line}</button>` : one.file ? html`<span class="dim">${one.file}</span>` : ""}${" "}
            ${one.section && html`<span class="dim">[${one.section}]</span> `}${one.message} ${one.hint && html`<span class="dim">${one.hint}</span>`}
        </li>`)}</ol>
        ${check?.cut && html`<p class="dim">The rest was not looked at.</p>`}
    </section>`;
}

/** Somebody else wrote the file: both texts stay. @param {{now: ConfigText, keepMine: () => void, giveWay: () => void}} props */
function Conflict({ now, keepMine, giveWay }) {
    return html`<article class="card bad" role="alert">
        <h2>The file was changed meanwhile</h2>
        <p>Your text is kept below, theirs is here. Neither is lost whichever you go on with.</p>
        <details><summary>What is in the file now</summary><pre tabindex="0">${now.text}</pre></details>
        <p class="bar-of-tools"><button onClick=${keepMine}>Go on with mine, over theirs</button>
            <button onClick=${giveWay}>Go on with theirs</button></p>
    </article>`;
}

// ---- in words, pure ----

/** The machines whose file can be asked for, by name; none where there is but one. @param {import("../../types").NodeInfo[]} nodes */
export function namesOf(nodes) {
    const found = nodes.filter((one) => one.state === "up").map((one) => one.name).sort();
    return nodes.length > 1 ? found : [];
}

/** The machine to begin with: one that has this model. @param {Pick<View, "models">} view @param {string[]} nodes @param {string} name */
export function nodeFor(view, nodes, name) {
    const row = view.models.find((one) => one.id === name), aliases = row?.aliases ?? [];
    return nodes.find((one) => aliases.includes(`${name}@${one}`)) ?? nodes[0] ?? "";
}

/** The path, about this node's file. @param {string} path @param {string} node */
export const onNode = (path, node) => (node ? `${path}?node=${encodeURIComponent(node)}` : path);

/** The worst problem of each line. @param {ConfigProblem[]} problems @returns {Map<number, "error" | "warning">} */
export function marksOf(problems) {
    /** @type {Map<number, "error" | "warning">} */
    const marks = new Map();
    for (const { line, severity } of problems) if (line && marks.get(line) !== "error") marks.set(line, severity);
    return marks;
}

/** The next line that has a problem, or the one before. @param {number[]} lines @param {number} here @param {boolean} isBack */
export function nextLine(lines, here, isBack) {
    const sorted = [...lines].sort((a, b) => a - b);
    return isBack ? sorted.findLast((line) => line < here) ?? sorted[sorted.length - 1] : sorted.find((line) => line > here) ?? sorted[0];
}

/** @param {ConfigCheck} check */
export function summary(check) {
    const all = check.problems ?? [], errors = all.filter((one) => one.severity === "error").length, first = all.find((one) => one.line)?.line;
    const counts = [errors && words.count(errors, "error"), all.length > errors && words.count(all.length - errors, "warning")].filter(Boolean);
    const has = [check.profiles && words.count(check.profiles, "profile"), check.variants && words.count(check.variants, "variant")].filter(Boolean);
    return [counts.join(", ") || "nothing is wrong", first ? `the first in line ${first}` : "", ...has].filter(Boolean).join("; ");
}

/** @param {ConfigWritten} written */
function outcome({ changes = {} }) {
    const parts = [
        changes.added?.length && `${words.list(changes.added)} added`,
        changes.removed?.length && `${words.list(changes.removed)} removed`,
        changes.restarts?.length && `${words.list(changes.restarts)} changed`,
        changes.stale?.length && `${words.list(changes.stale)} ${changes.stale.length === 1 ? "runs" : "run"} on with the old flags until the next load`,
    ].filter(Boolean);
    return parts.length ? `: ${parts.join("; ")}` : "";
}
