/**
 * What the page knows after one more event. Pure, total, and bounded in what it keeps: `tui/reducer.py`
 * in JavaScript, held to it by the same histories (tests/web/test_reducer.py).
 *
 * `view = reduceNews(view, news, now)`; `now` is the page's own monotonic clock, in seconds. Events carry
 * how things stand after them (`now`, `current`), so the reducer only replaces: the daemon's rules are the
 * daemon's alone. What did not change stays the same object, so that only rows that changed are drawn.
 */

/**
 * @typedef {import("./state.js").View} View
 * @typedef {import("./state.js").Event} Event
 * @typedef {import("./state.js").LinkChanged} LinkChanged
 * @typedef {import("./state.js").Notice} Notice
 * @typedef {import("./state.js").Switch} Switch
 * @typedef {import("./state.js").Progress} Progress
 * @typedef {import("./state.js").InstanceInfo} InstanceInfo
 * @typedef {import("./state.js").ProfileInfo} ProfileInfo
 * @typedef {import("./state.js").Verdict} Verdict
 */

import { notice as worded } from "./words.js";

export const KEPT_NOTICES = 50;
const ENDED_WITHOUT_PROGRESS = "failed";

/** After anything that a feed reports. @param {View} view @param {Event | LinkChanged} news @param {number} now @returns {View} */
export function reduceNews(view, news, now) {
    if (!("link" in news)) return reduce(view, news, now);
    switch (news.link) {
        case "connecting":
            return { ...view, link: "connecting" };
        case "live":
            return connected(view, now);
        case "lost":
            return lost(view, news, now);
    }
}

// ---- the link ----

/** The daemon has answered. @param {View} view @param {number} now @returns {View} */
function connected(view, now) {
    if (view.link === "live") return view;
    const wasLost = view.link_error !== "";
    view = { ...view, link: "live", link_error: "", refused: 0 };
    return wasLost ? noted(view, { kind: "link", at: now, profile: "", about: { link: "live" } }) : view;
}

/** Noted once, however often it is tried again. @param {View} view @param {LinkChanged} news @param {number} now @returns {View} */
function lost(view, news, now) {
    const isNews = view.link_error === "";
    const error = news.error || "the connection broke";
    view = { ...view, link: "lost", link_error: error, refused: news.status ?? 0 };
    return isNews ? noted(view, { kind: "link", at: now, profile: "", about: { link: "lost", error } }) : view;
}

/** Its failed switch was read. @param {View} view @param {string} profile @returns {View} */
export function dismissed(view, profile) {
    return view.switches[profile]?.failure ? switchOver(view, profile) : view;
}

// ---- events ----

/** After this event. @param {View} view @param {Event} event @param {number} now @returns {View} */
export function reduce(view, event, now) {
    const seq = event.seq ?? 0;
    // A restarted daemon may count from less; a reading has no number of its own.
    const isNumbered = event.type !== "snapshot" && event.type !== "activity";
    if (isNumbered && seq <= view.last_seq) return view;
    view = after(connected(view, now), event, now);
    const last_seq = event.type === "snapshot" ? seq : Math.max(view.last_seq, seq);
    return { ...view, last_seq };
}

/** @param {View} view @param {Event} event @param {number} now @returns {View} */
function after(view, event, now) {
    switch (event.type) {
        case "snapshot":
            return snapshot(view, event, now);
        case "instance":
            return standing(withInstances(view, [event.instance]), event, event.instance.profile);
        case "instance-ended":
            return standing(instanceEnded(view, event, now), event, event.profile);
        case "progress":
            return standing(progressed(view, event.profile, event.progress, now), event, event.profile);
        case "switch-ended":
            return standing(switchEnded(view, event, now), event, event.profile);
        case "queue":
            return standing(queueChanged(view, event), event, event.profile);
        case "speed":
            view = withInstance(view, event.instance, { speed: event.speed });
            return withRow(view, event.profile, { speed: event.speed });
        case "verdict":
            return verdictReached(view, event, now);
        case "activity":
            return activity(view, event, now);
        case "config":
            return configChanged(view, event, now);
        case "yield": {
            const yielded = event.yielded ?? null;
            return noted({ ...view, yielded }, { kind: "yield", at: now, profile: "", about: event });
        }
        case "pull": {
            const about = view.notices.at(-1)?.about;
            const goesOn = about && !("link" in about) && about.type === "pull" && about.pull.model === event.pull.model;
            const notices = goesOn ? view.notices.slice(0, -1) : view.notices;
            return noted({ ...view, notices }, { kind: "pull", at: now, profile: "", about: event });
        }
        case "tuning": {
            const about = view.notices.at(-1)?.about;
            const goesOn = about && !("link" in about) && about.type === "tuning" && about.tuning.profile === event.tuning.profile;
            const notices = goesOn ? view.notices.slice(0, -1) : view.notices;
            return noted({ ...view, notices }, { kind: "tuning", at: now, profile: event.tuning.profile, about: event });
        }
        case "bench": {
            const about = view.notices.at(-1)?.about;
            const goesOn = about && !("link" in about) && about.type === "bench";
            const notices = goesOn ? view.notices.slice(0, -1) : view.notices;
            return noted({ ...view, notices }, { kind: "bench", at: now, profile: event.bench.profile, about: event });
        }
        default:
            return view; // of a newer daemon: what it knows more is not shown
    }
}

/** @param {View} view @param {Extract<Event, {type: "snapshot"}>} event @param {number} now @returns {View} */
function snapshot(view, event, now) {
    const { status, profiles } = event;
    view = {
        ...view,
        version: status.version,
        engine: `${status.engine ?? ""} ${status.engine_version ?? ""}`.trim(),
        current: status.current ?? null,
        config: status.config,
        yielded: status.yielded ?? null,
        faults: status.faults ?? [],
        nodes: status.nodes ?? [],
        models: profiles,
        variants: event.variants ?? [],
        instances: {},
        devices: status.devices,
        requests: status.requests ?? [],
        waiting: Object.fromEntries(Object.entries(status.queue).filter(([, n]) => n)),
        totals: status.totals ?? {},
        is_stale: false,
        heard: now,
        epoch: epoch(event.time, now, view.epoch),
    };
    return recalled(withInstances(view, status.instances), now);
}

/** @param {View} view @param {Extract<Event, {type: "instance-ended"}>} event @param {number} now @returns {View} */
function instanceEnded(view, event, now) {
    const { [event.instance]: _, ...instances } = view.instances;
    view = withFailure({ ...view, instances }, event);
    const known = view.switches[event.profile];
    if (!event.failure || known?.failure) return view; // else its switch has said so
    return noted(view, { kind: "failed", at: now, profile: event.profile, about: event });
}

/** @param {View} view @param {Extract<Event, {type: "switch-ended"}>} event @param {number} now @returns {View} */
function switchEnded(view, event, now) {
    view = noted(view, { kind: event.outcome, at: now, profile: event.profile, about: event });
    view = withFailure(view, event);
    if (event.outcome !== "failed" || !event.failure) return switchOver(view, event.profile);
    const known = view.switches[event.profile];
    return withSwitch(view, {
        profile: event.profile,
        progress: known?.progress ?? { stage: ENDED_WITHOUT_PROGRESS, elapsed: event.seconds },
        began: now - event.seconds,
        reported: now,
        failure: event.failure,
        restored: event.restored ?? [],
        first: null,
    });
}

/** @param {View} view @param {Extract<Event, {type: "instance-ended" | "switch-ended"}>} event @returns {View} */
function withFailure(view, event) {
    return event.failure ? withRow(view, event.profile, { failure: event.failure }) : view;
}

/** @param {View} view @param {Extract<Event, {type: "queue"}>} event @returns {View} */
function queueChanged(view, event) {
    const { [event.profile]: _, ...waiting } = view.waiting;
    if (event.waiting) waiting[event.profile] = event.waiting;
    return withRow({ ...view, waiting }, event.profile, { waiting: event.waiting });
}

/** @param {View} view @param {Extract<Event, {type: "verdict"}>} event @param {number} now @returns {View} */
function verdictReached(view, event, now) {
    const before = view.instances[event.instance]?.verdict;
    view = verdictNoted(view, event, before ?? undefined, now);
    view = withInstance(view, event.instance, { verdict: event.verdict });
    return withRow(view, event.profile, { verdict: event.verdict });
}

/** Good news is added to the notice of the load, bad news gets its own. @param {View} view @param {Extract<Event, {type: "verdict"}>} event @param {Verdict | undefined} before @param {number} now @returns {View} */
function verdictNoted(view, event, before, now) {
    const { profile, verdict } = event;
    if (verdict.state === "verified") {
        const place = view.notices.findLastIndex((notice) => notice.profile === profile);
        if (place < 0 || view.notices[place].kind !== "ready") return view;
        return { ...view, notices: view.notices.with(place, { ...view.notices[place], verified: true }) };
    }
    if (verdict.state !== "degraded") return view;
    if (before && complaint(before) === complaint(verdict)) return view;
    return noted(view, { kind: "degraded", at: now, profile, about: event });
}

/** What is wrong with a load, in one line. @param {Verdict} verdict */
export function complaint(verdict) {
    const found = (verdict.reasons ?? []).map((reason) => reason.message).join("; ");
    return verdict.state === "degraded" && found ? `${verdict.state}: ${found}` : verdict.state;
}

/** @param {View} view @param {Extract<Event, {type: "activity"}>} event @param {number} now @returns {View} */
function activity(view, event, now) {
    return {
        ...serving(view, event),
        requests: event.requests,
        devices: event.devices,
        totals: event.totals,
        pressure: event.pressure ?? null,
        faults: event.faults ?? [],
        heard: now,
        epoch: epoch(event.time, now, view.epoch),
    };
}

/** As the daemon says that instances and their profiles stand just now, where any live. @param {View} view @param {Extract<Event, {type: "activity"}>} event @returns {View} */
function serving(view, event) {
    if (!event.instances?.length) return view;
    for (const { id, phase, leases } of event.instances) {
        view = withInstance(view, id, { phase, leases: leases ?? 0 });
    }
    for (const [profile, standsNow] of Object.entries(event.profiles ?? {})) {
        view = asOf(view, profile, standsNow);
    }
    return { ...view, current: event.current ?? null };
}

/** @param {View} view @param {Extract<Event, {type: "config"}>} event @param {number} now @returns {View} */
function configChanged(view, event, now) {
    const changes = [event.changed, event.added, event.removed].some((names) => names?.length);
    view = { ...view, config: event.config, is_stale: changes || view.is_stale };
    const names = [...(event.changed ?? []), ...(event.added ?? []), ...(event.removed ?? [])];
    if (names.length && names.every((name) => name.endsWith("@tune"))) return view; // flags of a trial: of no file
    return noted(view, { kind: "config", at: now, profile: "", about: event });
}

/** @param {string | undefined} time @param {number} now @param {number | null} known */
function epoch(time, now, known) {
    const at = time ? Date.parse(time) / 1000 : NaN;
    return Number.isNaN(at) ? known : at - now;
}

// ---- rows ----

/** As the daemon says that its profile stands after the event; one older than this field is asked anew.
 * @param {View} view @param {Extract<Event, {now?: unknown}>} event @param {string} profile @returns {View} */
function standing(view, event, profile) {
    if (!event.now) return { ...view, is_stale: view.is_stale || event.type !== "progress" };
    return { ...asOf(view, profile, event.now), current: event.current ?? null };
}

/** @param {View} view @param {string} profile @param {import("../types").ProfileNow} stands @returns {View} */
function asOf(view, profile, stands) {
    /** @type {Partial<ProfileInfo>} */
    const changes = {
        state: stands.state,
        switching: stands.switching ?? false,
        instance: stands.instance ?? null,
        stale: stands.stale ?? false,
        speed: stands.speed ?? null,
        verdict: stands.verdict ?? null,
        last_used: stands.last_used ?? null,
        last_load_seconds: stands.last_load_seconds ?? null,
    };
    if (!stands.failed) changes.failure = null;
    view = withRow(view, profile, changes);
    const known = view.switches[profile];
    return known && !known.failure && !stands.switching ? switchOver(view, profile) : view;
}

/** The profile's row with these fields; without a row, none is made. @param {View} view @param {string} profile @param {Partial<ProfileInfo>} changes @returns {View} */
function withRow(view, profile, changes) {
    const place = view.models.findIndex((model) => model.id === profile);
    if (place < 0 || isSame(view.models[place], changes)) return view;
    return { ...view, models: view.models.with(place, { ...view.models[place], ...changes }) };
}

/** Whether these fields say nothing new. @param {ProfileInfo} row @param {Partial<ProfileInfo>} changes */
function isSame(row, changes) {
    const before = /** @type {Record<string, any>} */ (row);
    return Object.entries(changes).every(
        ([name, value]) => JSON.stringify(before[name] ?? null) === JSON.stringify(value ?? null),
    );
}

/** With these, new or known; without those whose process has ended. @param {View} view @param {InstanceInfo[]} found @returns {View} */
function withInstances(view, found) {
    const all = { ...view.instances, ...Object.fromEntries(found.map((info) => [info.id, info])) };
    const live = Object.entries(all).filter(([, info]) => !info.exited);
    return { ...view, instances: Object.fromEntries(live) };
}

/** @param {View} view @param {string} id @param {Partial<InstanceInfo>} changes @returns {View} */
function withInstance(view, id, changes) {
    const known = view.instances[id];
    return known ? { ...view, instances: { ...view.instances, [id]: { ...known, ...changes } } } : view;
}

// ---- switches ----

/** It goes on, or begins; a failure of the same profile was before this one. @param {View} view @param {string} profile @param {Progress} progress @param {number} now @returns {View} */
function progressed(view, profile, progress, now) {
    return withSwitch(view, continued(view.switches[profile], profile, progress, now));
}

/** It is over, and there is nothing left to read. @param {View} view @param {string} profile @returns {View} */
function switchOver(view, profile) {
    const { [profile]: _, ...switches } = view.switches;
    return { ...view, switches };
}

/** The switches that a snapshot has, and the failures that it does not contradict. @param {View} view @param {number} now @returns {View} */
function recalled(view, now) {
    /** @type {Record<string, Switch>} */
    const found = {};
    for (const row of view.models) {
        const known = view.switches[row.id];
        if (row.switching) {
            // For what it waits, and since when, a snapshot does not say.
            const isSame = known && !known.failure;
            found[row.id] = isSame ? known : continued(undefined, row.id, { stage: "queued" }, now);
        } else if (known?.failure && row.failure) {
            found[row.id] = known;
        }
    }
    for (const { profile, progress } of Object.values(view.instances)) {
        if (progress) found[profile] = continued(view.switches[profile], profile, progress, now);
    }
    return { ...view, switches: found };
}

/** @param {Switch | undefined} known @param {string} profile @param {Progress} progress @param {number} now @returns {Switch} */
function continued(known, profile, progress, now) {
    const elapsed = progress.elapsed ?? 0;
    if (!known || known.failure || elapsed < (known.progress.elapsed ?? 0)) {
        known = { profile, progress, began: now - elapsed, reported: now, failure: null, restored: [], first: null };
    }
    const isReported = progress.stage === "loading" && progress.mib_done != null;
    const first = known.first ?? (isReported ? [now, progress.mib_done ?? 0] : null);
    return { ...known, progress, reported: now, first };
}

/** @param {View} view @param {Switch} one @returns {View} */
function withSwitch(view, one) {
    return { ...view, switches: { ...view.switches, [one.profile]: one } };
}

/** With one more; of the oldest ones the last fifty are kept. What was said a moment ago is as new as this. @param {View} view @param {Notice} notice @returns {View} */
function noted(view, notice) {
    const last = view.notices.at(-1);
    const isSaid = last?.kind === notice.kind && worded(last) === worded(notice);
    return { ...view, notices: [...(isSaid ? view.notices.slice(0, -1) : view.notices), notice].slice(-KEPT_NOTICES) };
}
