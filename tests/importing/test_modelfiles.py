"""Modelfiles of this project's own become the profiles that they must, down to their comments.

modelfiles/NAME/…            a Modelfile
modelfiles/NAME/models.txt   files beside it: `.projector` and `.adapter` by their headers, `cut:` ends early,
                             `store:NAME` is a model of Ollama's store, `split:` one in two files
modelfiles/NAME/expected.txt the models.conf and its notes, or why there is none
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from paddock.importing.modelfile import comments, instructions, name_of
from paddock.llama.scripted import write, write_split
from tests.cli.conftest import Paddock, paddock, state_home
from tests.importing.stores import Ollama, say
from tests.llama.headers import header

__all__ = ["paddock", "state_home"]
CORPUS = Path(__file__).with_name("modelfiles")
NAMES = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())
_DATE = re.compile(r" on \d{4}-\d\d-\d\d\.")
_PROPOSED = re.compile(r"(?s)(proposed for this machine.*?ctx-size = )\d+")
_DIGEST = re.compile(r"sha256-[0-9a-f]{64}")


def lay_out(name: str, folder: Path) -> Path:
    """The Modelfile, its files beside it."""
    shutil.copytree(CORPUS / name, folder)
    for line in (folder / "models.txt").read_text().splitlines():
        _model(line, folder)
    (folder / "expected.txt").unlink(missing_ok=True)
    (folder / "models.txt").unlink()
    modelfile = next(p for p in folder.iterdir() if "odelfile" in p.name)
    modelfile.write_text(modelfile.read_text().replace("@FOLDER@", str(folder)))
    return modelfile


def _model(line: str, folder: Path) -> None:
    if line.startswith("store:"):
        store = Ollama(folder.parent / ".ollama" / "models")
        model, tag = line[6:].split(":")
        params = {"num_ctx": 8192, "temperature": 0.1}
        place = f"registry.ollama.ai/library/{model}/{tag}"
        store.manifest(place, model=store.model(say("base")), params=params)
        return
    if line.startswith("split:"):
        (folder / line[6:]).parent.mkdir()
        write_split(folder / line[6:], say("split"), shards=2)
        return
    path = folder / line.removeprefix("cut:")
    path.parent.mkdir(exist_ok=True)
    if path.suffix in {".projector", ".adapter"}:
        kind = {"general.type": "mmproj" if path.suffix == ".projector" else "adapter"}
        path = path.with_suffix("" if path.stem.startswith("sha256-") else ".gguf")
        header(path, "clip" if kind["general.type"] == "mmproj" else "llama", kind)
        return
    write(path, say(path.stem))
    if line.startswith("cut:"):
        path.write_bytes(path.read_bytes()[:40_000])


def imported(paddock: Paddock, modelfile: Path) -> str:
    """What an import makes of it, with this machine's own taken out."""
    made = paddock("import", "ollama", modelfile, "--json")
    home = str(modelfile.parent.parent)
    if made.status:
        return made.err.replace(home, "@HOME@")
    result = json.loads(made.out)
    notes = "".join(f"{n['kind']}: {n['where']}: {n['why']}\n" for n in result["notes"])
    text = _PROPOSED.sub(r"\1@N@", _DATE.sub(".", result["text"]))
    return _DIGEST.sub("sha256-@DIGEST@", f"{text}\n{notes}".replace(home, "@HOME@"))


@pytest.mark.parametrize("name", NAMES)
def test_a_modelfile_becomes_what_it_must(paddock: Paddock, tmp_path: Path, name: str) -> None:
    modelfile = lay_out(name, tmp_path / name)
    assert imported(paddock, modelfile) == (CORPUS / name / "expected.txt").read_text()
    if (tmp_path / ".config" / "paddock" / "models.conf").exists():
        assert paddock("check").status == 0


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("coder/Modelfile", "coder"),
        ("x/Modelfile.coder", "coder"),
        ("x/coder.Modelfile", "coder"),
        ("x/coder.modelfile", "coder"),
        ("x/qwen2.5.Modelfile", "qwen2.5"),
        ("x/Modelfile.txt", "x"),
    ],
)
def test_a_profile_is_named_after_its_file_or_folder(tmp_path: Path, file: str, name: str) -> None:
    assert name_of(tmp_path / file) == name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM a", [("from", "", "a")]),
        ("from a\n\n# c\nParameter top_k 5", [("from", "", "a"), ("parameter", "top_k", "5")]),
        ('SYSTEM """a\n# b\nc"""\nFROM x', [("system", "", "a\n# b\nc"), ("from", "", "x")]),
        ('SYSTEM "a\nb"\nFROM x', [("system", "", "a\nb"), ("from", "", "x")]),
        ('SYSTEM say "hi\nFROM x', [("system", "", 'say "hi'), ("from", "", "x")]),
        ('MESSAGE user "a\nb"', [("message", "user", "a\nb")]),
        ('PARAMETER stop "a b"', [("parameter", "stop", "a b")]),
        ('SYSTEM ""', [("system", "", "")]),
        ('SYSTEM """never ends\nFROM x', [("system", "", '"""never ends\nFROM x')]),
        ("NONSENSE", [("nonsense", "", "")]),
        ("", []),
    ],
)
def test_instructions_are_read_as_ollama_reads_them(
    text: str, found: list[tuple[str, str, str]]
) -> None:
    assert [(one.name, one.word, one.value) for one in instructions(text)] == found


def test_comments_are_those_between_instructions() -> None:
    text = '# one\nFROM a\n  # two\nSYSTEM """\n# none\n"""\n#\n## three'
    assert comments(text, list(instructions(text))) == [("one", 2), ("two", 4), ("three", 0)]
