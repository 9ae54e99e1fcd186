/** One model: how it stands, what it takes and where, its loads and speeds, its switches, its flags. */

import { useAnswer, useOrder } from "../asking.js";
import { FailureOf, Mark, Refused, SwitchCard, Waterfall } from "../parts.js";
import { Plot } from "../plot.js";
import { addressOf } from "../route.js";
import { instanceOf, modelOf } from "../state.js";
import { useClock } from "../store.js";
import { html, useMemo } from "../vendor/htm-preact.js";
import * as words from "../words.js";
import { Layout } from "./layout.js";
import { lastUsed, speeds } from "./models.js";

/** @typedef {import("../state.js").View} View */

/** @param {{view: View, name: string}} props */
export function Model({ view, name }) {
    const model = modelOf(view, name), instance = instanceOf(view, name), now = useClock(10);
    const { order, error, isBusy } = useOrder();
    const variant = view.variants.find((one) => one.id === name);
    if (!model && variant) return html`<${Variant} variant=${variant} />`;
    if (!model) {
        return html`<h1 tabindex="-1">${name}</h1><p class="dim">${view.models.length ? "models.conf has no such profile" : "nothing known yet"}</p>`;
    }
    const one = view.switches[name], reasons = model.verdict?.reasons ?? [];
    return html`
        <header class="bar-of-tools">
            <h1 tabindex="-1">${model.id}</h1> <${Mark} mark=${words.STATES[model.state]} />
            <a class="button" href=${addressOf("switch", name)}>Switch…</a>
            ${instance && html`<button disabled=${isBusy} onClick=${() => order("/unload", { model: name, wait: false })}>Unload</button>`}
            <a class="button" href=${addressOf("logs", name)}>Log</a>
            <a class="button" href=${addressOf("config", name)}>Edit</a>
        </header>
        <p class="dim">${[model.title, model.description].filter(Boolean).join(": ")}</p>
        <${Refused} error=${error} />
        ${one ? html`<${SwitchCard} one=${one} />` : model.failure && html`<article class="card bad"><${FailureOf} failure=${model.failure} profile=${name} /></article>`}
        <div class="columns even">
            <section class="main" aria-label="how it stands">
                <dl class="facts">
                    <dt>verdict</dt><dd>${model.verdict ? html`<${Mark} mark=${words.VERDICTS[model.verdict.state]} />` : html`<span class="dim">never loaded</span>`}
                        ${reasons.map((reason) => html`<div><strong>${reason.message}</strong> <span class="dim">${reason.hint}</span></div>`)}</dd>
                    <dt>speed</dt><dd>${speeds(model) || html`<span class="dim">not measured</span>`}${model.speed?.prompt ? ` · prompt ${words.speed(model.speed.prompt)}` : ""}</dd>
                    <dt>context</dt><dd>${words.tokens(instance?.placement?.n_ctx ?? model.ctx_size)}</dd>
                    <dt>files</dt><dd>${words.mib(model.size_mib)}</dd>
                    <dt>last used</dt><dd>${lastUsed(view, model, now) || html`<span class="dim">not since the daemon began</span>`}</dd>
                    ${model.last_load_seconds != null && html`<dt>last load</dt><dd>${words.seconds(model.last_load_seconds)}</dd>`}
                    ${model.aliases?.length ? html`<dt>aliases</dt><dd>${model.aliases.join(", ")}</dd>` : null}
                    ${model.variants?.length ? html`<dt>variants</dt><dd>${model.variants.map((id, i) => html`${i > 0 && ", "}<a href=${addressOf("models", id)}>${id}</a>`)}</dd>` : null}
                    ${model.engine && html`<dt>engine</dt><dd>${model.engine}</dd>`}
                    ${instance && html`<dt>instance</dt><dd>${instance.id}, ${instance.phase} since ${words.moment(instance.since)}${instance.pid ? `, process ${instance.pid}` : ""}, ${instance.engine} ${instance.engine_version}</dd>`}
                    ${instance?.context && html`<dt>kept context</dt><dd>${keptContext(instance.context)}</dd>`}
                </dl>
            </section>
            <section class="aside" aria-label="where it lies">${instance?.plan || instance?.placement
                ? html`<${Layout} plan=${instance.plan} placement=${instance.placement} />`
                : html`<${Planned} view=${view} name=${name} />`}
            </section>
        </div>
        <${Past} view=${view} name=${name} />
        <${Flags} name=${name} />`;
}

/** Another name for a profile's instance: what it changes in a request. @param {{variant: import("../../types").VariantInfo}} props */
function Variant({ variant }) {
    return html`<h1 tabindex="-1">${variant.id}</h1>
        <p class="dim">${[variant.title, variant.description].filter(Boolean).join(": ")}</p>
        <p>Another name for <a href=${addressOf("models", variant.variant_of)}>${variant.variant_of}</a>, with these settings of its own:</p>
        <dl class="facts">${Object.entries(variant.settings ?? {}).map(([key, value]) => html`<dt>${key}</dt><dd><code>${String(value)}</code></dd>`)}</dl>`;
}

/** Saved contexts in words. @param {import("../../types").KeptContext} kept */
function keptContext(kept) {
    if (!kept.kept_tokens && !kept.reused_tokens) return kept.note || "nothing is kept yet";
    const where = { ram: "in RAM", disk: "on disk", "": "" }[kept.place ?? ""];
    return [
        `${words.amount(kept.kept_tokens ?? 0)} tokens ${where} (${words.mib(kept.kept_mib ?? 0)})`,
        kept.reused_tokens ? `${words.amount(kept.reused_tokens)} not read again, ${words.seconds(kept.saved_seconds ?? 0)} saved` : "",
        kept.note ?? "",
    ].filter(Boolean).join("; ");
}

/** Where it would lie, as known without asking its engine, beside where it lay last. @param {{view: View, name: string}} props */
function Planned({ view, name }) {
    const place = view.models.findIndex((model) => model.id === name); // plans are in the same order
    const plans = /** @type {import("../asking.js").Answer<import("../../types").Plans>} */ (useAnswer(`/plans?limit=1&offset=${place}`));
    const history = /** @type {import("../asking.js").Answer<import("../../types").History>} */ (useAnswer(`/history/${encodeURIComponent(name)}?limit=1`));
    const plan = plans.value?.plans.find((one) => one.profile === name), placement = history.value?.loads[0]?.placement;
    if (!plan && !placement) return html`<p class="dim">Where it lies is known when it is loaded.</p>`;
    const source = plan && (plan.source === "engine" ? "planned by its engine" : "an estimate");
    const said = [source, placement ? "reported by its last load" : "", plan && !plan.fits ? "it does not fit" : ""];
    return html`<p class="dim">Not loaded; ${said.filter(Boolean).join(", ")}.</p><${Layout} plan=${plan} placement=${placement} />`;
}

/** Its loads as a plot with the engine's builds marked, then one by one; its last switches. @param {{view: View, name: string}} props */
function Past({ view, name }) {
    const since = `${instanceOf(view, name)?.id} ${modelOf(view, name)?.state === "ready"}`;
    const path = encodeURIComponent(name);
    const history = /** @type {import("../asking.js").Answer<import("../../types").History>} */ (useAnswer(`/history/${path}?limit=200`, since));
    const switches = /** @type {import("../asking.js").Answer<import("../../types").SwitchHistory>} */ (useAnswer(`/switches?limit=5&model=${path}`, since));
    const loads = history.value?.loads ?? [];
    const { speed, load, marks } = useMemo(() => plotted(loads), [history.value]);
    if (!loads.length) return html`<${Refused} error=${history.error ?? switches.error} />`;
    return html`
        <section aria-labelledby="loads-title">
            <h2 id="loads-title">Loads</h2>
            ${loads.length > 1 && html`<div class="plots">
                <${Plot} title="Speed of each load" lines=${["tokens written"]} table=${speed} unit="t/s" points=${true} marks=${marks} />
                <${Plot} title="Seconds of each load" lines=${["load"]} table=${load} unit="s" points=${true} marks=${marks} />
            </div>`}
            <div class="scroll" tabindex="0" role="region" aria-label="its loads"><table>
                <thead><tr><th>ended</th><th>outcome</th><th>took</th><th>speed</th><th>verdict</th><th>build</th></tr></thead>
                <tbody>${loads.slice(0, 20).map((one) => html`<tr key=${one.id}>
                    <td>${words.moment(one.ended_at)}</td>
                    <td><${Mark} mark=${words.OUTCOMES[one.outcome ?? ""]} /> ${one.cause && html`<span class="note">${one.cause}</span>`}</td>
                    <td class="number">${words.seconds(one.seconds)}</td>
                    <td class="number">${words.speed(one.generation)}</td>
                    <td>${one.verdict && html`<${Mark} mark=${words.VERDICTS[one.verdict.state]} />`}</td>
                    <td>${one.engine} ${one.engine_version}</td>
                </tr>`)}</tbody>
            </table></div>
        </section>
        ${switches.value?.switches.length ? html`<section aria-labelledby="switches-title">
            <h2 id="switches-title"><a href=${addressOf("switches", "", { model: name })}>Last switch</a></h2>
            <${Waterfall} phases=${switches.value.switches[0].phases ?? []} />
        </section>` : null}`;
}

/** Loads as tables for plots, and where another build of the engine began. @param {import("../../types").LoadEntry[]} loads */
export function plotted(loads) {
    const ready = loads.filter((one) => one.outcome === "ready" && one.ended_at).reverse();
    const at = ready.map((one) => Date.parse(one.ended_at ?? "") / 1000);
    const builds = ready.map((one) => `${one.engine} ${one.engine_version}`);
    const marks = builds.flatMap((build, i) => (i > 0 && build !== builds[i - 1] ? [{ at: at[i], text: build }] : []));
    return {
        speed: /** @type {import("../plot.js").Table} */ ([at, ready.map((one) => one.generation ?? null)]),
        load: /** @type {import("../plot.js").Table} */ ([at, ready.map((one) => one.seconds ?? null)]),
        marks,
    };
}

/** Its flags, each with where it was written, and what its file says. @param {{name: string}} props */
function Flags({ name }) {
    const { value, error } = /** @type {import("../asking.js").Answer<import("../../types").ProfileDetail>} */ (useAnswer(`/profiles/${encodeURIComponent(name)}`));
    if (!value) return html`<${Refused} error=${error} />`;
    const facts = Object.entries(value.facts ?? {});
    return html`<section aria-labelledby="flags-title">
        <h2 id="flags-title">Flags and facts</h2>
        <div class="columns even">
            <div class="main scroll" tabindex="0" role="region" aria-label="its flags"><table>
                <thead><tr><th>flag</th><th>value</th><th>written at</th></tr></thead>
                <tbody>${(value.flags ?? []).map((flag) => html`<tr><td><code>${flag.flag}</code></td><td><code>${(flag.values ?? []).join(" ")}</code></td>
                    <td class="dim">${flag.origin}${flag.overridden?.length ? `; instead of ${flag.overridden.join(", ")}` : ""}</td></tr>`)}</tbody>
            </table></div>
            <dl class="facts aside">${facts.map(([what, text]) => html`<dt>${what}</dt><dd>${text}</dd>`)}
                ${value.facts_problem && html`<dt>problem</dt><dd>${value.facts_problem}</dd>`}
                ${(value.contradictions ?? []).map((text) => html`<dt>contradiction</dt><dd>${text}</dd>`)}</dl>
        </div>
    </section>`;
}
