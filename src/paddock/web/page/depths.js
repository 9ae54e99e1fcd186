/** Figures of benchmarks by the depth of the context, as tables for plots. Pure. */

/** @typedef {import("../types").BenchedProfile} BenchedProfile */
/** @typedef {import("../types").DepthFigures} DepthFigures */
/** @typedef {import("./plot.js").Table} Table */

const FIGURES = /** @type {const} */ ({ prompt: ["prompt", "t/s"], generation: ["generation", "t/s"], first_token: ["first token", "s"] });

/** Its depths from the shallowest on. @param {BenchedProfile} one @returns {DepthFigures[]} */
export const byDepth = (one) => [...(one.depths ?? [])].sort((a, b) => a.depth - b.depth);

/** A plot for each figure that was measured at two depths or more, with a line for each run.
 * @param {{name: string, run: BenchedProfile}[]} runs @returns {{title: string, unit: string, lines: string[], table: Table}[]} */
export function overlaid(runs) {
    return Object.entries(FIGURES).flatMap(([key, [title, unit]]) => {
        const found = runs.map(({ name, run }) => {
            const rows = byDepth(run).map((row) => /** @type {const} */ ([row.depth, row[/** @type {keyof typeof FIGURES} */ (key)]?.median ?? null]));
            return { name, values: new Map(rows.filter(([, value]) => value !== null)) };
        });
        const depths = [...new Set(found.flatMap(({ values }) => [...values.keys()]))].sort((a, b) => a - b);
        if (depths.length < 2) return [];
        const columns = found.map(({ values }) => depths.map((depth) => values.get(depth) ?? null));
        return [{ title: `${title} by depth`, unit, lines: found.map(({ name }) => `run ${name}`), table: /** @type {Table} */ ([depths, ...columns]) }];
    });
}
