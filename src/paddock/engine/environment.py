"""The environment that an engine's process gets: only what is meant for it. Pure.

llama.cpp takes every flag from `LLAMA_ARG_…` too, and further ones from `config.ini` in
`$XDG_CONFIG_HOME/llama.cpp`: a forgotten `ngl = 99` would change every profile unseen.
`/etc/llama.cpp/config.ini` is read as well and cannot be avoided from outside; that file is meant for
every llama.cpp of the machine, Paddock's engines included.
"""

from collections.abc import Mapping

# Nothing can ever lie below it, so llama.cpp finds no config.ini there.
_NO_CONFIG = "/dev/null"

# LLAMA_ARG_* set flags, LLAMA_API_KEY a key, others debugging and the child protocol, which Paddock
# sets itself. AIP_* move llama-server's routes and port (its Vertex mode). PADDOCK_* are ours, and
# may hold keys.
_TAKEN_OUT = ("LLAMA_", "AIP_", "PADDOCK_")

# Where downloaded models lie: the same files for us as for llama-server by hand.
_KEPT = frozenset({"LLAMA_CACHE"})

# What keeps a server from every GPU. With `--device none` alone a CUDA build still took 527 MiB of an
# H100 (build 11434): its context. Vulkan's is a list of numbers, which may be empty. SYCL's backend lives
# on without any device, but not with the processor's alone (ggml-sycl/dpct/helper.hpp).
NO_GPU = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "HIP_VISIBLE_DEVICES": "-1",
    "GGML_VK_VISIBLE_DEVICES": "",
    "ONEAPI_DEVICE_SELECTOR": "level_zero:99",
}


def engine_environment(base: Mapping[str, str]) -> dict[str, str]:
    """`base` without what would change a profile; the backends' own settings (CUDA, ggml) stay."""
    kept = {
        name: value
        for name, value in base.items()
        if name in _KEPT or not name.startswith(_TAKEN_OUT)
    }
    return kept | {"XDG_CONFIG_HOME": _NO_CONFIG}
