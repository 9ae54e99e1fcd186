from paddock.engine.environment import NO_GPU, engine_environment


def test_what_would_change_a_profile_is_taken_out():
    theirs = {
        "LLAMA_ARG_N_GPU_LAYERS": "99",
        "LLAMA_API_KEY": "secret",
        "LLAMA_SERVER_ROUTER_PORT": "8080",
        "AIP_MODE": "PREDICTION",
        "PADDOCK_LLAMA_SERVER": "/opt/llama-server",
        "XDG_CONFIG_HOME": "/home/u/.config",
    }
    assert engine_environment(theirs) == {"XDG_CONFIG_HOME": "/dev/null"}


def test_what_the_backends_need_stays():
    theirs = {
        "PATH": "/bin",
        "LD_LIBRARY_PATH": "/opt/cuda/lib",
        "CUDA_VISIBLE_DEVICES": "1,0",
        "GGML_CUDA_ENABLE_UNIFIED_MEMORY": "1",
        "LLAMA_CACHE": "/models/cache",
    }
    assert engine_environment(theirs) == theirs | {"XDG_CONFIG_HOME": "/dev/null"}


def test_every_backend_that_has_a_choice_can_be_kept_from_its_gpus():
    assert {"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"} < set(NO_GPU)
    assert "level_zero" in NO_GPU["ONEAPI_DEVICE_SELECTOR"], "another filter ends ggml's SYCL"
