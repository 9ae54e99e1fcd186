"""The worked example of CONTRIBUTING.md: a daemon, a real llama-server, and a model of our own."""

from pathlib import Path

from paddock.llama.scripted import ScriptedModel, write
from tests.yard import places, yard


async def test_a_model_answers_with_its_sentence(tmp_path: Path) -> None:
    model = write(tmp_path / "parrot.gguf", ScriptedModel(say="Pieces of eight.", name="parrot"))
    paths = places(tmp_path / "yard", f"[parrot]\nmodel = {model}\n")
    async with yard(paths) as home:
        assert await home.answer("parrot") == "Pieces of eight."
        status = await home.until_phase("parrot", "ready")
        assert [instance.profile for instance in status.instances] == ["parrot"]
