/** Trials of a study as points: those that nothing beats, and all others. Pure. */

/** @typedef {import("../types").Tuning} Tuning */
/** @typedef {import("../types").TuningTrial} TuningTrial */
/** @typedef {import("./plot.js").Table} Table */

const ACROSS = /** @type {const} */ ([["free_mib", "free memory", "MiB"], ["context", "context", "tokens"]]);

/** A plot of the score over free memory and over the context, where trials differ in it.
 * @param {Tuning} study @returns {{title: string, unit: string, across: string, points: true, lines: string[], table: Table}[]} */
export function frontOf(study) {
    const measured = (study.trials ?? []).filter((trial) => trial.score), best = new Set(study.front ?? []);
    return ACROSS.flatMap(([key, name, unit]) => {
        const known = measured.filter((trial) => trial[key] != null).sort((a, b) => at(a, key) - at(b, key));
        if (new Set(known.map((trial) => trial[key])).size < 2) return [];
        const of = (/** @type {boolean} */ isBest) => known.map((trial) => (best.has(trial.number) === isBest ? (trial.score?.median ?? null) : null));
        const table = /** @type {Table} */ ([known.map((trial) => at(trial, key)), of(true), of(false)]);
        return [{ title: `score by ${name}`, unit: study.unit ?? "tokens/s", across: unit, points: true, lines: ["nothing beats these", "beaten"], table }];
    });
}

/** @param {TuningTrial} trial @param {"free_mib" | "context"} key */
const at = (trial, key) => trial[key] ?? 0;
