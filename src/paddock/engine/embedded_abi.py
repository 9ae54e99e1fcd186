"""llama.cpp's own command line parser, called inside the xllamacpp wheel.

The wheel's documented interface has no command line. But its library exports llama.cpp's
`common_params_parse`, and its `CommonParams` holds the C++ `common_params` by value right behind
the Python object's head, so llama.cpp itself can parse argv into one. None of this is promised by
xllamacpp: `check` proves it, through the documented properties, before anything relies on it.
"""

import ctypes
import os
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import xllamacpp

from paddock.errors import EngineError
from paddock.extras import install_command

# bool common_params_parse(int, char **, common_params &, llama_example, void (*)(int, char **)):
# llama.cpp's common/arg.h, as GCC and Clang mangle it.
_SYMBOL = "_Z19common_params_parseiPPcR13common_params13llama_examplePFviS0_E"
_LOG, _FLUSH = "_Z15common_log_mainv", "_Z16common_log_flushP10common_log"
_LLAMA_EXAMPLE_SERVER = 12  # common/common.h, enum llama_example
_HEAD = object.__basicsize__  # where a Cython class's first field begins
_KNOWN = (
    "--model", "/paddock/check.gguf", "--alias", "paddock-check", "--ctx-size", "12345",
    "--batch-size", "321", "--port", "4321", "--temp", "0.25", "--slot-save-path", "/",
)  # fmt: skip


def wheel_version() -> str:
    return version("xllamacpp")


def check() -> None:
    """Parse a known command line and read it back; EngineError if anything is not where it was."""
    params = parse(_KNOWN)
    seen = (params.model.path, params.n_ctx, params.n_batch, params.port, params.sampling.temp)
    if seen != ("/paddock/check.gguf", 12345, 321, 4321, 0.25) or (
        "paddock-check" not in params.model_alias or params.slot_save_path != "/"
    ):
        raise _changed("a known command line did not arrive in its CommonParams")


def parse(argv: Sequence[str]) -> Any:
    """CommonParams of a llama-server command line, LLAMA_ARG_* included.

    llama.cpp prints its own errors and help; it exits the process for the likes of `--help`, and
    here SystemExit(1) follows an error.
    """
    params = xllamacpp.CommonParams()
    words = [b"llama-server", *map(os.fsencode, argv)]
    array = (ctypes.c_char_p * (len(words) + 1))(*words, None)
    if not _parser()(len(words), array, id(params) + _HEAD, _LLAMA_EXAMPLE_SERVER, None):
        raise SystemExit(1)
    return params


def flush_log() -> None:
    """Return when all that llama.cpp has logged is written: it writes in a thread of its own.

    Without this its lines come after ours or, if the process ends at once, never. A wheel that no
    longer exports these two (llama.cpp's common/log.h) only loses the order.
    """
    library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    with suppress(AttributeError):
        log, flush = getattr(library, _LOG), getattr(library, _FLUSH)
        log.restype, flush.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        flush(log())


def _parser() -> Any:
    library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    try:
        function = getattr(library, _SYMBOL)
    except AttributeError:
        raise _changed("its library no longer exports common_params_parse") from None
    function.restype = ctypes.c_bool
    strings = ctypes.POINTER(ctypes.c_char_p)
    function.argtypes = [ctypes.c_int, strings, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    return function


def _changed(what: str) -> EngineError:
    return EngineError(
        f"the embedded engine cannot use xllamacpp {wheel_version()}: {what}",
        hint=f"install a version that Paddock was tested with ({install_command('embedded')}), "
        "or a native llama-server",
    )
