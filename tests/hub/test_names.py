"""What a person may write for a repository, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.hub.names import HubName, is_hub_name, is_plain_path, parsed
from paddock.hub.refusals import BadName

OURS = HubName("acme", "Parrot-GGUF")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("acme/Parrot-GGUF", OURS),
        ("hf.co/acme/Parrot-GGUF", OURS),
        ("hf:acme/Parrot-GGUF", OURS),
        ("https://huggingface.co/acme/Parrot-GGUF", OURS),
        ("https://huggingface.co/acme/Parrot-GGUF/tree/main", OURS),
        ("acme/Parrot-GGUF:Q4_K_M", HubName("acme", "Parrot-GGUF", "Q4_K_M")),
        ("hf.co/acme/Parrot-GGUF:Q4_K_M", HubName("acme", "Parrot-GGUF", "Q4_K_M")),
        ("acme/Parrot-GGUF@dev:Q8_0", HubName("acme", "Parrot-GGUF", "Q8_0", revision="dev")),
        ("acme/Parrot-GGUF/sub/a.gguf", HubName("acme", "Parrot-GGUF", file="sub/a.gguf")),
        (
            "https://hf.co/acme/Parrot-GGUF/resolve/dev/a%20b.gguf?download=true",
            HubName("acme", "Parrot-GGUF", file="a b.gguf", revision="dev"),
        ),
        (
            "http://mirror:8000/acme/Parrot-GGUF/blob/main/a.gguf",
            HubName("acme", "Parrot-GGUF", file="a.gguf", endpoint="http://mirror:8000"),
        ),
    ],
)  # fmt: skip
def test_a_name_in_each_of_its_forms(text: str, name: HubName) -> None:
    assert parsed(text) == name
    assert parsed(f" {text} ") == name


@pytest.mark.parametrize(
    "text",
    ["", "parrot", "/", "acme/", "/x", "acme/x:", "acme/x@", "a/../b", "../x/y", "acme/x/../y.gguf",
     "acme/x/a\\b.gguf", "acme/x:Q4/a.gguf", "ftp://hf.co/a/b", "https://me:word@hf.co/a/b", "a b/c",
     "acme/x//y", "~/models/x.gguf", "acme/x--y"],
)  # fmt: skip
def test_what_is_none_is_refused_with_the_forms_that_there_are(text: str) -> None:
    with pytest.raises(BadName) as refused:
        parsed(text)
    assert "OWNER/REPO:QUANT" in refused.value.hint
    assert not is_hub_name(text)


@given(st.text(max_size=60))
def test_any_text_is_a_name_within_its_folder_or_none(text: str) -> None:
    try:
        name = parsed(text)
    except BadName:
        return
    assert ".." not in (name.owner, name.name)
    assert "/" not in name.owner + name.name
    assert not name.file or is_plain_path(name.file)
    assert parsed(str(name)).repository == name.repository
