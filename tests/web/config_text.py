"""models.conf of the recorded histories, and what a daemon would say of a draft of it."""

from typing import Any

from paddock.api.editing import (
    ConfigChanges,
    ConfigCheck,
    ConfigPreview,
    ConfigProblem,
    ConfigText,
    EarlierText,
    PlanChange,
)
from paddock.api.placement import DevicePlan, Plan
from tests.tui.machine import GLM, QWEN, time_at

TEXT = f"""# What all have
[*]
FLASH_ATTN = on
FIT_TARGET = 1024

[{GLM}]
MODEL = GLM-4.7-Flash-Q4_K_M.gguf
NAME = GLM 4.7 Flash
CTX_SIZE = 131072
KV_CACHE_TYPE_K = q8_0   ; measured: no worse
ttl = 30m

[{QWEN}]
MODEL = Qwen3-Coder-30B-Q5_K_M.gguf
CTX_SISE = 65536
temp = 0.7
aliases = coder
n-gpu-layers = 99
"""
CHECK = ConfigCheck(
    ok=False,
    problems=[
        ConfigProblem(
            severity="error", message="unknown key 'CTX_SISE'", hint="did you mean 'CTX_SIZE'?",
            line=15, section=QWEN, key="CTX_SISE", code="unknown-flag",
        ),
        ConfigProblem(
            severity="warning", message="--n-gpu-layers 99 keeps --fit from moving layers",
            hint="use auto, or FIT = off", line=18, section=QWEN, code="numeric-gpu-layers",
        ),
    ],
)  # fmt: skip


def _plan(source: Any, context: int) -> Plan:
    device = DevicePlan(device="CUDA0", model=17_664, context=context, compute=806, overhead=420)
    return Plan(profile=QWEN, source=source, fits=True, devices=[device], n_ctx=context * 16)


PREVIEW = ConfigPreview(
    check=ConfigCheck(ok=True, profiles=2),
    fingerprint="f" * 64,
    difference=[
        "@@ -12,7 +12,7 @@",
        " ",
        f" [{QWEN}]",
        " MODEL = Qwen3-Coder-30B-Q5_K_M.gguf",
        "-CTX_SISE = 65536",
        "+CTX_SIZE = 98304   ; as much as fits",
        " temp = 0.7",
        " aliases = coder",
        "-n-gpu-layers = 99",
    ],
    changes=ConfigChanges(changed=[QWEN], restarts=[QWEN], stale=[QWEN]),
    plans=[PlanChange(profile=QWEN, before=_plan("engine", 4096), after=_plan("estimate", 6144))],
)


def answer(path: str, body: bytes = b"") -> Any:
    """To a GET, or to a POST of this body; None where it has nothing."""
    match path:
        case "/config":
            earlier = EarlierText(fingerprint="e" * 64, replaced_at=time_at(-7200.0), size=512)
            return ConfigText(
                path="/home/anna/.config/paddock/models.conf", text=TEXT, fingerprint="f" * 64,
                editing="limited", earlier=[earlier],
            )  # fmt: skip
        case "/config/check":
            return CHECK if b"SISE" in body else ConfigCheck(ok=True, profiles=2)
        case "/config/preview":
            return PREVIEW
        case _:
            return None
