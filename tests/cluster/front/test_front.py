"""Two real daemons behind one address: models by their names, on the node that has them."""

from pathlib import Path

from tests.cluster.stable import stable_of


async def test_each_model_answers_on_its_node(tmp_path: Path, models: Path) -> None:
    confs = {
        "one": f"[alpha]\nmodel = {models}/alpha.gguf\n[beta]\nmodel = {models}/beta.gguf\n",
        "two": f"[gamma]\nmodel = {models}/gamma.gguf\n[beta]\nmodel = {models}/beta.gguf\n",
    }
    async with stable_of(tmp_path, confs) as home:
        assert await home.answer("alpha") == "I am alpha."
        assert await home.answer("gamma") == "I am gamma."
        assert await home.answer("beta@two") == "I am beta."
        status = await home.status()
        assert {i.id.partition("/")[0] for i in status.instances} == {"one", "two"}
