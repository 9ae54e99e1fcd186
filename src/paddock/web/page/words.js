/** Numbers, times and states as people read them, in the reader's own locale and zone. Pure. */

import { numeral } from "./numerals.js";

/** @typedef {import("./state.js").Notice} Notice */
/** @typedef {"plain" | "good" | "busy" | "warn" | "bad" | "dim"} Tone */
/** @typedef {{symbol: string, word: string, tone: Tone}} Mark */

const MINUTE = 60, HOUR = 3600, DAY = 86400; // seconds

/** Made at its first use: each takes a browser some milliseconds. @template T @param {() => T} make @returns {() => T} */
function once(make) {
    /** @type {T | undefined} */
    let made;
    return () => (made ??= make());
}
const LANGUAGE = globalThis.navigator?.language; // of the reader; for numbers and times alike
const WHOLE = numeral(0, LANGUAGE), ONE = numeral(1, LANGUAGE), TWO = numeral(2, LANGUAGE);
const SHORT = once(() => new Intl.NumberFormat(LANGUAGE, { notation: "compact", maximumFractionDigits: 1 }));
const CLOCK = once(() => new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "medium" }));
const MOMENT = once(() => new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "medium" }));
const DATE = once(() => new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeZone: "UTC" }));

/** @param {number | null | undefined} value */
export const whole = (value) => (value == null ? "" : WHOLE(value));

/** With one digit behind the point. @param {number} value */
export const tenths = (value) => ONE(value);

/** A count that may grow large. @param {number | null | undefined} value */
export const amount = (value) => (value == null ? "" : value < 10_000 ? WHOLE(value) : SHORT().format(value));

/** `2.9 GiB`, below one GiB `512 MiB`. @param {number | null | undefined} value */
export function mib(value) {
    if (value == null) return "";
    return value >= 1024 ? `${ONE(value / 1024)} GiB` : `${WHOLE(value)} MiB`;
}

/** `12.4 s`, `3 min 05 s`, `2 h 10 min`. @param {number | null | undefined} value */
export function seconds(value) {
    if (value == null) return "";
    if (value < MINUTE) return `${ONE(value)} s`;
    const all = Math.round(value), minutes = Math.floor(all / MINUTE);
    if (minutes < 60) return `${minutes} min ${String(all % MINUTE).padStart(2, "0")} s`;
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** Of one phase: `0.35 s`. @param {number} value */
export const fine = (value) => `${TWO(value)} s`;

/** @param {number | null | undefined} value */
export const speed = (value) => (value == null ? "" : `${(value < 100 ? ONE : WHOLE)(value)} t/s`);

/** Only what is complete is called 100 %. @param {number | null | undefined} fraction */
export function percent(fraction) {
    if (fraction == null) return "";
    const share = Math.min(Math.max(fraction, 0), 1);
    return `${share === 1 ? 100 : Math.min(Math.round(share * 100), 99)} %`;
}

/** The size of a context: `128k`. @param {number | null | undefined} value */
export function tokens(value) {
    if (value == null) return "";
    return value >= 1024 && value % 1024 === 0 ? `${value / 1024}k` : WHOLE(value);
}

/** What a disk delivers, in the units that disks are sold by. @param {number | null} mibPerSecond */
export function rate(mibPerSecond) {
    if (mibPerSecond == null) return "";
    const megabytes = mibPerSecond * 1.048576;
    return megabytes < 1000 ? `${WHOLE(megabytes)} MB/s` : `${ONE(megabytes / 1000)} GB/s`;
}

/** In its largest unit: `12 s`, `3 min`, `2 h`, `5 d`. @param {number} value */
export function age(value) {
    const passed = Math.max(value, 0);
    for (const [unit, name] of /** @type {[number, string][]} */ ([[DAY, "d"], [HOUR, "h"], [MINUTE, "min"]])) {
        if (passed >= unit) return `${WHOLE(Math.floor(passed / unit))} ${name}`;
    }
    return `${Math.floor(passed)} s`;
}

/** @param {number} value seconds */
export const ago = (value) => (value < 10 ? "just now" : `${age(value)} ago`);

/** `1 request`, `2 requests`. @param {number} number @param {string} thing */
export const count = (number, thing) => `${WHOLE(number)} ${thing}${number === 1 ? "" : "s"}`;

/** The time of day, in the reader's zone. @param {number} unix seconds */
export const clock = (unix) => CLOCK().format(unix * 1000);

/** Day and time, in the reader's zone. @param {string | null | undefined} iso */
export function moment(iso) {
    const at = Date.parse(iso ?? "");
    return Number.isNaN(at) ? "" : MOMENT().format(at);
}

/** A day as the daemon counts them. @param {string} iso */
export const date = (iso) => DATE().format(Date.parse(iso));

/** `a, b and c`. @param {string[]} names */
export const list = (names) => new Intl.ListFormat("en", { type: "conjunction" }).format(names);

// ---- states: a symbol, a word and a tone, so that colour never is the only carrier ----

/** @type {Record<string, Mark>} */
export const STATES = {
    unloaded: { symbol: "○", word: "unloaded", tone: "dim" },
    queued: { symbol: "⋯", word: "queued", tone: "warn" },
    loading: { symbol: "◐", word: "loading", tone: "warn" },
    ready: { symbol: "●", word: "ready", tone: "good" },
    busy: { symbol: "▶", word: "busy", tone: "busy" },
    draining: { symbol: "◑", word: "draining", tone: "warn" },
    stopping: { symbol: "◌", word: "stopping", tone: "warn" },
    failed: { symbol: "✗", word: "failed", tone: "bad" },
};
/** @type {Record<string, Mark>} */
export const VERDICTS = {
    verified: { symbol: "✓", word: "verified", tone: "good" },
    degraded: { symbol: "▲", word: "degraded", tone: "warn" },
    unknown: { symbol: "?", word: "unknown", tone: "dim" },
};
/** @type {Record<string, Mark>} */
export const OUTCOMES = {
    ready: { symbol: "●", word: "ready", tone: "good" },
    failed: { symbol: "✗", word: "failed", tone: "bad" },
    cancelled: { symbol: "○", word: "cancelled", tone: "dim" },
    degraded: { symbol: "▲", word: "degraded", tone: "warn" },
    config: { symbol: "≡", word: "models.conf", tone: "plain" },
    link: { symbol: "⇄", word: "connection", tone: "warn" },
    yield: { symbol: "◌", word: "yield", tone: "warn" },
    pull: { symbol: "↓", word: "download", tone: "plain" },
    tuning: { symbol: "⚖", word: "tuning", tone: "plain" },
    bench: { symbol: "⏱", word: "benchmark", tone: "plain" },
};
/** @type {Record<string, Mark>} */
export const LINKS = {
    connecting: { symbol: "◌", word: "connecting", tone: "warn" },
    live: { symbol: "●", word: "live", tone: "good" },
    lost: { symbol: "✗", word: "no connection", tone: "bad" },
    offline: { symbol: "✗", word: "this device is offline", tone: "bad" },
};

/** @type {Record<string, string>} */
const PARTS = { text_model: "text model", mmproj_model: "projector", spec_model: "draft model" };
/** @type {Record<string, string>} */
const STAGES = {
    downloading: "downloading",
    queued: "waiting for its turn",
    tenure: "others may stay",
    draining: "draining",
    saving: "saving the context",
    stopping: "stopping",
    memory: "waiting for memory",
    starting: "starting",
    fitting: "fitting",
    loading: "loading",
    warming: "warming",
    restoring: "restoring the context",
    ready: "verifying",
    failed: "failed",
    cancelled: "cancelled",
    "first-token": "first token",
};

/** What happens in a phase, and who is waited for or what is loaded. @param {string} name @param {string} [part] */
export function stage(name, part = "") {
    const word = STAGES[name] ?? name, who = PARTS[part] ?? part;
    if (!who) return word;
    return name === "memory" || name === "saving" ? `${word} of ${who}` : `${word} ${who}`;
}

/** What a failure says, without the profile's name that stands beside it. @param {string} profile @param {{message: string} | null | undefined} failure */
export function reason(profile, failure) {
    if (!failure) return "no reason was given";
    return failure.message.startsWith(`${profile} `) ? failure.message.slice(profile.length + 1) : failure.message;
}

/** Why models.conf, as it is now, changes nothing. @param {{message: string, log?: string[]}} error */
export function notApplied(error) {
    const [first, ...others] = error.log?.length ? error.log : [error.message];
    return `models.conf was not applied: ${first}${others.length ? `, and ${others.length} more: paddock check` : ""}`;
}

/** Who comes back after a failure. @param {string[]} names */
export function back(names) {
    return names.length ? `; ${list(names)} ${names.length === 1 ? "comes" : "come"} back` : "";
}

/** Who yielded the GPUs, and until when. @param {import("../types").YieldInfo} yielded */
export function yieldedBy(yielded) {
    const until = yielded.until ? ` until ${moment(yielded.until) || yielded.until}` : "";
    return `the GPUs are yielded by ${yielded.by} since ${moment(yielded.since) || yielded.since}${until}`;
}

/** How a study is. @param {import("../types").TuningNow} now */
function tuned(now) {
    const running = (now.outcome ?? "running") === "running";
    const best = now.gain ? `, best so far ${now.gain > 0 ? "+" : ""}${(100 * now.gain).toFixed(1)}%` : "";
    return running ? `tuning for ${now.goal}, ${now.step || "begins"}${best}` : `tuning for ${now.goal}: ${now.outcome}${best}`;
}

/** How a benchmark is. @param {import("../types").BenchNow} now */
function benched(now) {
    const running = (now.outcome ?? "running") === "running";
    const best = now.speed ? `, fastest so far ${now.best} with ${now.speed.toFixed(1)} t/s` : "";
    return running ? `benchmark, ${now.number ?? 0} of ${now.of ?? 0}, ${now.step || "begins"}${best}` : `benchmark: ${now.outcome}${best}`;
}

/** How a download is. @param {import("../types").PullInfo} pull */
function pulled(pull) {
    if (pull.failure) return `${pull.state}: ${pull.failure.message}`;
    if (pull.state === "done") return pull.profile ? `done, as [${pull.profile}]` : "done";
    const files = pull.files ?? [];
    const size = files.reduce((sum, file) => sum + file.size, 0);
    const done = files.reduce((sum, file) => sum + (file.done ?? 0), 0);
    return size ? `${pull.state}, ${Math.round((100 * done) / size)}%` : pull.state;
}

/** A notice in one line. @param {Notice} notice */
export function notice({ about, profile, verified }) {
    if ("link" in about) return about.link === "live" ? "connected again" : `connection lost: ${about.error}`;
    switch (about.type) {
        case "switch-ended":
            if (about.outcome === "ready") {
                return `${profile} is ready after ${seconds(about.seconds)}${verified ? ", verified" : ""}`;
            }
            return about.outcome === "cancelled"
                ? `${profile}: cancelled after ${seconds(about.seconds)}${back(about.restored ?? [])}`
                : `${profile}: failed: ${reason(profile, about.failure)}${back(about.restored ?? [])}`;
        case "instance-ended":
            return `${profile}: ${reason(profile, about.failure)}`;
        case "verdict":
            return `${profile} is degraded: ${(about.verdict.reasons ?? []).map((r) => r.message).join("; ")}`;
        case "config":
            return about.config.error ? notApplied(about.config.error) : `models.conf was read again: ${changes(about)}`;
        case "yield":
            return about.yielded ? yieldedBy(about.yielded) : "the GPUs are Paddock's again";
        case "tuning":
            return `${about.tuning.profile}: ${tuned(about.tuning)}${about.tuning.eta ? `, at most ${seconds(about.tuning.eta)} left` : ""}`;
        case "bench":
            return `${about.bench.profile}: ${benched(about.bench)}${about.bench.eta ? `, about ${seconds(about.bench.eta)} left` : ""}`;
        case "pull":
            return `${about.pull.model}: ${pulled(about.pull)}`;
        default:
            return "";
    }
}

/** @param {{changed?: string[], added?: string[], removed?: string[]}} event */
function changes(event) {
    const facts = /** @type {const} */ (["changed", "added", "removed"])
        .filter((word) => event[word]?.length)
        .map((word) => `${word} ${event[word]?.join(", ")}`);
    return facts.join("; ") || "nothing changed";
}
