/** Plots by uPlot, which is fetched when the first one is drawn. Each also says its numbers in words. */

import { stacked } from "./past.js";
import { html, useEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import * as words from "./words.js";

const HEIGHT = 140; // CSS pixels
const COLOURS = ["--n0", "--n1", "--n2", "--n3", "--n4", "--n5", "--n6", "--n7"];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]]; // so that colour is not the only carrier

/** @typedef {[number[], ...(number | null)[][]]} Table  seconds of Unix time, then one list for each line */
/** @typedef {{kind: "own" | "foreign" | "margin" | "free", number: number}} Fill */

/**
 * @param {object} props
 * @param {string} props.title
 * @param {string[]} props.lines  their names
 * @param {Table} props.table
 * @param {string} [props.unit]
 * @param {number} [props.most]  of the vertical axis
 * @param {Fill[]} [props.fills]  of each line, which then is an area on top of those before it
 * @param {string} [props.across]  the unit of the horizontal axis, where that is no time: then values are points with lines
 * @param {boolean} [props.points]  single values, not a line over time
 * @param {{at: number, text: string}[]} [props.marks]  lines upwards, each with a word
 */
export function Plot({ title, lines, table, unit = "", most, fills, points = false, across = "", marks = [] }) {
    const place = useRef(/** @type {HTMLElement | null} */ (null)), plot = useRef(/** @type {any} */ (null));
    const [theme, setTheme] = useState(0);
    const newest = useRef(table);
    // Areas are drawn from the top down, each over the one before it.
    newest.current = useMemo(() => {
        if (!fills) return table;
        const [at, ...sums] = stacked(table);
        return [at, ...sums.reverse()];
    }, [table]);
    useEffect(() => {
        const dark = matchMedia("(prefers-color-scheme: dark)"), change = () => setTheme((n) => n + 1);
        dark.addEventListener("change", change);
        return () => dark.removeEventListener("change", change);
    }, []);
    useEffect(() => {
        let isOver = false;
        const watch = new ResizeObserver(([entry]) => plot.current?.setSize({ width: entry.contentRect.width, height: HEIGHT }));
        import("./vendor/uplot.js").then(({ default: UPlot }) => {
            const inside = place.current;
            if (isOver || !inside) return;
            plot.current = new UPlot(options(inside, { lines, most, fills, points: points || across !== "", across, marks }), newest.current, inside);
            watch.observe(inside);
        });
        return () => {
            isOver = true;
            watch.disconnect();
            plot.current?.destroy();
            plot.current = null;
        };
    }, [theme, lines.join("\n"), JSON.stringify(fills), marks.length, most]);
    useEffect(() => plot.current?.setData(newest.current), [table]);
    return html`<figure class="plot">
        <figcaption>${title}</figcaption>
        <div ref=${place} role="img" aria-label=${`${title}: ${lines.map((name, i) => (across ? `${name} ${along(table, i + 1, unit, across)}` : said(table[i + 1], unit))).join("; ")}`}></div>
        <ul class="legend">${lines.map((name, i) => html`<li>
            <span class=${fills ? `swatch part ${fills[i].kind} n${fills[i].number % 8}` : `swatch line n${i % 8} d${i % 4}`}></span>${name} <span class="dim">${said(table[i + 1], unit)}</span>
        </li>`)}</ul>
    </figure>`;
}

/** Each value with where it stands. @param {Table} table @param {number} line @param {string} unit @param {string} across */
function along(table, line, unit, across) {
    const found = table[0].flatMap((at, i) => (table[line][i] === null ? [] : [`${short(/** @type {number} */ (table[line][i]))} ${unit} at ${words.whole(at)} ${across}`]));
    return found.join(", ") || "nothing known yet";
}

/** The newest value, and from where to where. @param {(number | null)[] | undefined} values @param {string} unit */
function said(values, unit) {
    const known = (values ?? []).filter((value) => value !== null);
    if (!known.length) return "nothing known yet";
    const [low, high] = known.reduce(([l, h], v) => [Math.min(l, v), Math.max(h, v)], [Infinity, -Infinity]);
    return `${short(known[known.length - 1])} ${unit} (${short(low)} to ${short(high)})`;
}

/** @param {number} value */
const short = (value) => (Math.abs(value) < 10 && value % 1 ? value.toLocaleString(undefined, { maximumFractionDigits: 1 }) : words.whole(value));

/** @param {HTMLElement} inside @param {{lines: string[], most?: number, fills?: Fill[], points: boolean, across: string, marks: {at: number, text: string}[]}} wanted */
function options(inside, { lines, most, fills, points, across, marks }) {
    const style = getComputedStyle(inside);
    const axis = { stroke: resolved(inside, "--dim"), grid: { stroke: resolved(inside, "--line"), width: 1 }, ticks: { show: false }, font: `12px ${style.fontFamily}` };
    const isDays = points;
    return {
        width: inside.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: !across }, y: { range: (/** @type {unknown} */ _, /** @type {number} */ low, /** @type {number} */ high) => [Math.min(0, low ?? 0), most ?? Math.max(1, (high ?? 0) * (marks.length ? 1.4 : 1.1))] } },
        axes: [
            { ...axis, values: (/** @type {unknown} */ _, /** @type {number[]} */ ticks) => ticks.map((t) => (across ? words.amount(t) : label(t, isDays, ticks))), space: 90, size: 28 },
            { ...axis, values: (/** @type {unknown} */ _, /** @type {number[]} */ ticks) => ticks.map(short), size: 54 },
        ],
        series: [{}, ...(fills ? [...fills].reverse().map((fill) => area(inside, fill)) : lines.map((name, i) => ({
            label: name,
            stroke: resolved(inside, COLOURS[i % 8]),
            width: 1.5,
            dash: DASHES[i % 4],
            points: { show: points, size: 6 },
        })))],
        hooks: { draw: [(/** @type {any} */ u) => drawMarks(u, marks, resolved(inside, "--dim"))] },
    };
}

/** An area as the bars of devices have it: whose it is shows in its pattern, too. @param {HTMLElement} inside @param {Fill} fill */
function area(inside, { kind, number }) {
    const colour = resolved(inside, kind === "own" ? COLOURS[number % 8] : "--dim"), card = resolved(inside, "--card");
    const fill = (/** @type {any} */ u) => pattern(u.ctx, colour, card, kind === "own" ? `own${number % 4}` : kind);
    return { stroke: colour, width: 1, fill, points: { show: false } };
}

/** @type {Record<string, (ctx: CanvasRenderingContext2D) => void>} Of an area of 8 by 8 pixels, what is drawn in the second colour. */
const SECOND = {
    own0: () => {},
    own1: (ctx) => ctx.fillRect(7, 0, 1, 8),
    own2: (ctx) => ctx.fillRect(0, 6, 8, 2),
    own3: (ctx) => [0, 1, 2, 3, 4, 5, 6, 7].forEach((at) => ctx.fillRect(at, 7 - at, 1, 1)),
    foreign: (ctx) => [0, 1, 2, 3, 4, 5, 6, 7].forEach((at) => ctx.fillRect(at, at, 2, 1)),
    margin: (ctx) => [1, 5].forEach((at) => ctx.fillRect(at, at, 2, 2)),
    free: () => {},
};

/** @param {CanvasRenderingContext2D} ctx @param {string} colour @param {string} card @param {string} name */
function pattern(ctx, colour, card, name) {
    const tile = new OffscreenCanvas(8, 8), inside = /** @type {any} */ (tile.getContext("2d")), isOwn = name.startsWith("own");
    inside.fillStyle = isOwn ? colour : card;
    inside.fillRect(0, 0, 8, 8);
    inside.fillStyle = isOwn ? card : colour;
    SECOND[name](inside);
    return ctx.createPattern(tile, "repeat");
}

/** A colour of the style sheet as a canvas knows it. @param {HTMLElement} inside @param {string} name */
function resolved(inside, name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    inside.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
}

/** With seconds only where the labels are less than a minute apart. @param {number} unix @param {boolean} isDays @param {number[]} ticks */
function label(unix, isDays, ticks) {
    const at = new Date(unix * 1000), isFine = ticks.length > 1 && ticks[1] - ticks[0] < 60;
    return isDays
        ? at.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" })
        : at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", ...(isFine ? { second: "2-digit" } : {}) });
}

/** @param {any} u @param {{at: number, text: string}[]} marks @param {string} colour */
function drawMarks(u, marks, colour) {
    const { ctx, bbox } = u, scale = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.font = `${11 * scale}px sans-serif`;
    ctx.setLineDash([3 * scale, 3 * scale]);
    for (const { at, text } of marks) {
        const x = u.valToPos(at, "x", true);
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.fillText(text, x + 3 * scale, bbox.top + 11 * scale);
    }
    ctx.restore();
}
