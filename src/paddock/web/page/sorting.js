/** The order of the models on the first view: as in models.conf, or by a column. What is reckoned is pure. */

/** @typedef {import("./state.js").ProfileInfo} ProfileInfo */
/** @typedef {"" | "model" | "state" | "speed" | "context" | "size" | "last used"} Order  "": as in models.conf */
/** @typedef {{by: Order, isReversed: boolean}} Sorting */

/** @type {Order[]} */
const ORDERS = ["", "model", "state", "speed", "context", "size", "last used"];
// Who does something comes first, in the order of what follows it: as in the terminal.
const LIVELIEST = ["busy", "draining", "ready", "loading", "stopping", "queued", "failed", "unloaded"];

/** By the next column. @param {Sorting} now @returns {Sorting} */
export const next = ({ by }) => ({ by: ORDERS[(ORDERS.indexOf(by) + 1) % ORDERS.length], isReversed: false });

/** @param {Sorting} now @returns {Sorting} */
export const turned = ({ by, isReversed }) => ({ by, isReversed: !isReversed });

/** By this column; chosen a second time reversed. @param {Sorting} now @param {string} by @returns {Sorting} */
export const chosen = (now, by) => (now.by === by ? turned(now) : { by: /** @type {Order} */ (by), isReversed: false });

/** `by speed, reversed`. @param {Sorting} now */
export function said({ by, isReversed }) {
    const order = by ? `sorted by ${by}` : "as in models.conf";
    return isReversed ? `${order}, reversed` : order;
}

/** What is not known comes last, whichever way round.
 * @param {ProfileInfo[]} models @param {Sorting} sorting @param {(model: ProfileInfo) => number | undefined} context @returns {ProfileInfo[]} */
export function sorted(models, { by, isReversed }, context) {
    if (!by) return isReversed ? [...models].reverse() : models;
    const way = isReversed ? -1 : 1;
    const keyed = models.map((model) => ({ model, key: keyOf(model, by, context) }));
    const known = keyed.filter(({ key }) => key !== undefined), unknown = keyed.filter(({ key }) => key === undefined);
    known.sort((a, b) => way * compared(/** @type {string | number} */ (a.key), /** @type {string | number} */ (b.key)));
    return [...known, ...unknown].map(({ model }) => model);
}

/** Large numbers come first, as in the terminal. @param {ProfileInfo} model @param {Order} by @param {(model: ProfileInfo) => number | undefined} context @returns {string | number | undefined} */
function keyOf(model, by, context) {
    const used = Date.parse(model.last_used ?? "");
    const numbers = {
        state: LIVELIEST.indexOf(model.state),
        speed: negative(model.speed?.generation ?? model.expected_speed),
        context: negative(context(model)),
        size: negative(model.size_mib),
        "last used": model.state === "busy" ? -Infinity : negative(Number.isNaN(used) ? undefined : used),
    };
    return by === "model" ? model.id.toLowerCase() : numbers[/** @type {keyof typeof numbers} */ (by)];
}

/** @param {number | null | undefined} value */
const negative = (value) => (value == null ? undefined : -value);

/** @param {string | number} a @param {string | number} b */
const compared = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
