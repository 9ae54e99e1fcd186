/**
 * What the page knows: everything that the daemon has sent, reduced. The names are those of `tui/state.py`.
 *
 * @typedef {import("../types").Event} Event
 * @typedef {import("../types").ProfileInfo} ProfileInfo
 * @typedef {import("../types").InstanceInfo} InstanceInfo
 * @typedef {import("../types").DeviceInfo} DeviceInfo
 * @typedef {import("../types").RequestInfo} RequestInfo
 * @typedef {import("../types").Failure} Failure
 * @typedef {import("../types").Progress} Progress
 * @typedef {import("../types").Verdict} Verdict
 *
 * @typedef {object} LinkChanged  What became of the connection: beside the events, all that a feed reports.
 * @property {"connecting" | "live" | "lost"} link
 * @property {string} [error]  why it is lost
 * @property {number} [status]  of an answer that was a refusal: 401, 403
 *
 * @typedef {object} Switch  One under way, or one that has just failed and was not yet read.
 * @property {string} profile
 * @property {Progress} progress
 * @property {number} began  by the page's clock, seconds
 * @property {number} reported  when the progress came
 * @property {Failure | null} failure
 * @property {string[]} restored  who was brought back after a failure
 * @property {[number, number] | null} first  when MiB were first reported, and how many
 *
 * @typedef {object} Notice  One thing that happened. It is worded where it is shown, in the reader's own numbers.
 * @property {"ready" | "failed" | "cancelled" | "degraded" | "config" | "link" | "yield" | "pull" | "tuning" | "bench"} kind
 * @property {number} at
 * @property {string} profile  whom it is about, where it is about one
 * @property {boolean} [verified]
 * @property {Event | LinkChanged} about
 *
 * @typedef {object} View
 * @property {"connecting" | "live" | "lost"} link
 * @property {string} link_error
 * @property {number} refused  the status of the refusal that the link was lost by, else 0
 * @property {string} version
 * @property {string} engine
 * @property {string | null} current
 * @property {import("../types").ConfigInfo | null} config
 * @property {import("../types").YieldInfo | null} yielded
 * @property {import("../types").FaultInfo[]} faults
 * @property {import("../types").NodeInfo[]} nodes  of a stable of many machines
 * @property {ProfileInfo[]} models  in the file's order
 * @property {import("../types").VariantInfo[]} variants  likewise
 * @property {Record<string, InstanceInfo>} instances  by id, live ones
 * @property {Record<string, Switch>} switches  by profile
 * @property {DeviceInfo[]} devices
 * @property {RequestInfo[]} requests
 * @property {Record<string, number>} waiting  requests by profile
 * @property {import("../types").Totals} totals
 * @property {number | null} pressure  of memory, percent
 * @property {Notice[]} notices  the newest last
 * @property {number} last_seq
 * @property {boolean} is_stale  models.conf changed: only a fresh snapshot says what the profiles are
 * @property {number | null} heard  when requests and devices last came
 * @property {number | null} epoch  Unix time, by the daemon's clock, when the page's clock was 0
 */

/** @returns {View} */
export function nothing() {
    return {
        link: "connecting",
        link_error: "",
        refused: 0,
        version: "",
        engine: "",
        current: null,
        config: null,
        yielded: null,
        faults: [],
        nodes: [],
        models: [],
        variants: [],
        instances: {},
        switches: {},
        devices: [],
        requests: [],
        waiting: {},
        totals: {},
        pressure: null,
        notices: [],
        last_seq: 0,
        is_stale: false,
        heard: null,
        epoch: null,
    };
}

/** The profile of this id. @param {View} view @param {string} profile */
export function modelOf(view, profile) {
    return view.models.find((model) => model.id === profile);
}

/** Its live instance; the newest, if an old one is still leaving. @param {View} view @param {string} profile */
export function instanceOf(view, profile) {
    return Object.values(view.instances).findLast((instance) => instance.profile === profile);
}
