"""Sections without a model that are named after one, as `llama-server --models-preset` has them.

Found by running the router of build 11434: a section gets the files of the models folder's entry of
its name (`NAME.gguf`, or a folder NAME with its projector and draft), or of what Hugging Face's
cache holds under `user/repository:QUANTISATION`. No file is opened.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from paddock.config.model_files import is_there
from paddock.config.model_folder import look_into
from paddock.config.model_names import name_of

_REPOSITORY = re.compile(r"(?P<user>[\w.-]+)/(?P<name>[\w.-]+)(?::(?P<quant>[\w.-]+))?")
_DRAFTS = ("mtp-", "dspark-", "dflash-")  # `draft_prefixes` in common/preset.cpp
DEFAULT_QUANTS = (
    "Q4_K_M",
    "Q8_0",
)  # `-hf` without a tag: the first that there is (common/download.cpp)
_CACHES = (
    ("LLAMA_CACHE", ""),
    ("HF_HUB_CACHE", ""),
    ("HUGGINGFACE_HUB_CACHE", ""),
    ("HF_HOME", "hub"),
    ("XDG_CACHE_HOME", "huggingface/hub"),
    ("HOME", ".cache/huggingface/hub"),
)  # common/hf-cache.cpp

Files = dict[str, Path]  # by the flag that takes them


def files_named(name: str, models: Path) -> Files:
    """What llama.cpp's router would serve under this name; empty where it has no such model."""
    return _in_folder(name, models) or repository_files(name, os.environ)


def _in_folder(name: str, models: Path) -> Files:
    if "/" in name or name in {"", ".", ".."}:
        return {}
    file = models / f"{name}.gguf"
    if is_there(file) and not _is_companion(file.name):
        return {"--model": file}
    folder = models / name
    if not is_there(folder) or not folder.is_dir():
        return {}
    try:
        return _sorted_out(sorted(p for p in folder.iterdir() if p.name.endswith(".gguf")))
    except OSError:
        return {}


def _is_companion(name: str) -> bool:
    return "mmproj" in name or name.startswith(_DRAFTS)


def _sorted_out(files: list[Path]) -> Files:
    """The first file of each kind, and of shards the first."""
    models = [f for f in files if not _is_companion(f.name)]
    shards = [f for f in models if "-00001-of-" in f.name]
    found = {
        "--model": [*shards, *models],
        "--mmproj": [f for f in files if "mmproj" in f.name],
        "--model-draft": [f for f in files if f.name.startswith(_DRAFTS)],
    }
    return {flag: given[0] for flag, given in found.items() if given} if models else {}


def is_repository(name: str) -> bool:
    return _REPOSITORY.fullmatch(name) is not None


def repository_of(name: str) -> str:
    """`user/repository` of `user/repository:QUANTISATION`; empty where it is none."""
    found = _REPOSITORY.fullmatch(name)
    return f"{found['user']}/{found['name']}" if found else ""


def repository_files(name: str, environ: Mapping[str, str]) -> Files:
    """What Hugging Face's cache holds of `user/repository:QUANTISATION`."""
    found = _REPOSITORY.fullmatch(name)
    if not found:
        return {}
    home = cache(environ) / f"models--{found['user']}--{found['name']}"
    if not is_there(home) or not home.is_dir():
        return {}
    return chosen_of([file.path for file in look_into(home).files], name)


def chosen_of(files: Sequence[Path], name: str) -> Files:
    """What of these is meant by `user/repository:QUANTISATION`; without one as llama-server chooses."""
    quant = name.partition(":")[2]
    models = [file for file in files if not _is_companion(file.name)]
    tags = [quant] if quant else DEFAULT_QUANTS
    fitting = [f for tag in tags for f in models if _is_of(name_of(f.name).quantisation, tag)]
    if not fitting and not quant:
        fitting = models
    if not fitting:
        return {}
    projectors = [file for file in files if "mmproj" in file.name]
    return {"--model": fitting[0]} | ({"--mmproj": projectors[0]} if projectors else {})


def _is_of(quantisation: str, tag: str) -> bool:
    """Whether a file of this one is meant by the tag, which may lack what its quantiser puts before it: `UD-`."""
    own, wanted = quantisation.lower(), tag.lower()
    return own == wanted or own.endswith(f"-{wanted}")


def cache(environ: Mapping[str, str]) -> Path:
    """Where llama.cpp keeps what it downloads, and huggingface_hub too."""
    return caches(environ)[0]


def caches(environ: Mapping[str, str]) -> list[Path]:
    """The same, and where each would look if it were not for the variable before."""
    named = [Path(value) / below for name, below in _CACHES if (value := environ.get(name))]
    return named or [Path.home() / ".cache" / "huggingface" / "hub"]
