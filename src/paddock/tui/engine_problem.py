"""What is wrong with the engine as a whole, in a line: there is none, or it uses none of the GPUs. Pure."""

import re
from collections.abc import Iterator

from paddock.tui.state import View

_UNNAMED = re.compile(r"GPU\d+")  # a GPU that its driver reads, and that no engine has named


def engine_problem(view: View) -> str:
    """ "" where nothing is known to be wrong."""
    if view.version and not view.engine:
        return "no llama-server was found: `paddock engine build` compiles one"
    gpus = [device for device in view.devices if device.kind == "gpu"]
    if not gpus or any(not _UNNAMED.fullmatch(device.name) for device in gpus):
        return ""
    places = set(_places(view))
    if not places or places != {"Host"}:
        return ""
    names = ", ".join(device.description or device.name for device in gpus)
    return f"the engine uses none of the GPUs ({names}): `paddock doctor` says why"


def _places(view: View) -> Iterator[str]:
    """The devices that loaded models lie on."""
    for instance in view.instances.values():
        if instance.placement:
            yield from (buffer.device for buffer in instance.placement.buffers)
