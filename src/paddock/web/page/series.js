/**
 * The last hour of some numbers, one value a second: rings of a fixed size, so that a page left open for days
 * takes no more memory than after an hour. A second of which nothing is known is a gap (NaN).
 */

export const LENGTH = 3600; // seconds
const HOLDS = 65; // seconds for which silence means that nothing changed: the daemon sends all once a minute

/** @typedef {import("./state.js").View} View */

export class Series {
    constructor() {
        /** @type {Map<string, Float32Array>} */
        this._rings = new Map();
        /** @type {number | null} The second of the newest values. */
        this.newest = null;
        this._heard = -Infinity;
    }

    /** Take the view's own readings as the values of this second. @param {View} view @param {number} now */
    sample(view, now) {
        this.advance(now, view.link === "live");
        const second = Math.floor(now);
        for (const [name, value] of Object.entries(measured(view))) {
            const ring = this._rings.get(name) ?? this._add(name);
            ring[second % LENGTH] = value ?? NaN;
        }
        this.newest = second;
        this._heard = now;
    }

    /** Up to this second, though nothing was heard. @param {number} now @param {boolean} isLive */
    advance(now, isLive) {
        const second = Math.floor(now), newest = this.newest;
        if (newest === null || second <= newest) return;
        const until = isLive ? this._heard + HOLDS : newest;
        for (const ring of this._rings.values()) {
            const held = ring[newest % LENGTH];
            for (let at = Math.max(newest + 1, second - LENGTH + 1); at <= second; at++) {
                ring[at % LENGTH] = at <= until ? held : NaN;
            }
        }
        this.newest = second;
    }

    /** The names of all numbers that there are. */
    get names() {
        return [...this._rings.keys()];
    }

    /** The seconds from the first known value to the newest, each with its value (null: unknown) of each name.
     * @param {string[]} names @returns {[number[], ...(number | null)[][]]} */
    read(names) {
        const rings = names.map((name) => this._rings.get(name));
        /** @type {number[]} */
        const seconds = [];
        /** @type {(number | null)[][]} */
        const columns = names.map(() => []);
        if (this.newest === null) return [seconds, ...columns];
        const newest = this.newest;
        for (let at = newest - LENGTH + 1; at <= newest; at++) {
            const place = ((at % LENGTH) + LENGTH) % LENGTH;
            const values = rings.map((ring) => ring?.[place] ?? NaN);
            if (!seconds.length && values.every(Number.isNaN)) continue;
            seconds.push(at);
            values.forEach((value, i) => columns[i].push(Number.isNaN(value) ? null : value));
        }
        return [seconds, ...columns];
    }

    /** @param {string} name */
    _add(name) {
        const ring = new Float32Array(LENGTH).fill(NaN);
        this._rings.set(name, ring);
        return ring;
    }
}

/** The values of one second. @param {View} view @returns {Record<string, number | null>} */
export function measured(view) {
    const generating = view.requests.filter((request) => request.phase === "generating");
    const speeds = generating.flatMap((request) => request.speed ?? []);
    return { generation: speeds.length || !generating.length ? speeds.reduce((a, b) => a + b, 0) : null };
}
