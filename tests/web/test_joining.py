"""Modules joined into one script do what they did apart."""

import json
import subprocess
from pathlib import Path

import pytest

from paddock.web.joining import CannotJoin, joined, later, stub
from tests.web.node import node

APART = {
    "main.js": 'import { seen, tick as tock } from "./state.js";\nimport * as all from "./deep/all.js";\n'
    'import "./effect.js";\ntock();\n/** @type {import("./not-there.js").X} */\n'
    "export const found = [seen(), all.a, all.b(), all.public, globalThis.effect];\n"
    'export const view = () => import("./deep/late.js");\n',
    "state.js": "let ticks = 0;\nexport function tick() { ticks += 1; }\nexport const seen = () => ticks;\n",
    "effect.js": 'globalThis.effect = "took place";\n',
    "deep/all.js": 'import {\n    seen,\n} from "../state.js";\nexport class a {}\nexport async function b() { return seen(); }\n'
    "const local = 7; export{local as public};\n//# sourceMappingURL=all.js.map\n",
    "deep/late.js": 'import { seen, tick } from "../state.js";\ntick();\nexport const ticks = seen();\n',
}
PROGRAM = """
const whole = await import("./page.js"), { found, view } = whole.m3;
const late = await view(), state = await import("./state.js");
console.log(JSON.stringify([found[0], typeof found[1], await found[2], found[3], found[4], late.ticks, state.seen()]));
"""


def test_the_joined_script_and_what_comes_later_share_one_state(tmp_path: Path) -> None:
    whole = joined(APART, "main.js")
    assert whole.modules == ["state.js", "deep/all.js", "effect.js", "main.js"]
    assert later(APART) == {"deep/late.js"}
    files = {"page.js": whole.text, "deep/late.js": APART["deep/late.js"], "test.js": PROGRAM}
    files["state.js"] = stub(whole, APART, "state.js", "./page.js")
    files["package.json"] = '{"type": "module"}'
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run([node(), str(tmp_path / "test.js")], capture_output=True, text=True)
    assert json.loads(done.stdout or "null") == [1, "function", 1, 7, "took place", 2, 2], (
        done.stderr
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('import { x } from "./gone.js";', "gone.js, which is not there"),
        ('import { x } from "./main.js";', "in a circle: main.js → main.js"),
        ('import x from "./other.js";', "import x from"),
        ("export let x = 1;", "export let"),
        ("export default 1;", "export default"),
        ('export * from "./other.js";', "export *"),
        ('export { x } from "./other.js";', "export { x }"),
    ],
)
def test_what_is_not_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(CannotJoin, match=f"{said.replace('*', '[*]')}"):
        joined({"main.js": f"{text}\nvoid 0;\n", "other.js": "export const x = 1;\n"}, "main.js")
