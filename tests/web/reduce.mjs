// Folds histories as the page does: `{name: [[news, now], …]}` in, the view after each step out.

import { reduceNews } from "../../src/paddock/web/page/reducer.js";
import { nothing } from "../../src/paddock/web/page/state.js";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const tales = JSON.parse(Buffer.concat(chunks));
const folded = Object.entries(tales).map(([name, steps]) => {
    let view = nothing();
    return [name, steps.map(([news, now]) => (view = reduceNews(view, news, now)))];
});
process.stdout.write(JSON.stringify(Object.fromEntries(folded)));
