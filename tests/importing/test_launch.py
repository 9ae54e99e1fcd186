"""Whatever stands before a llama-server, its flags are seen; what is no llama-server is none."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.importing.launch import Launch, Other, launches
from paddock.importing.shell import Call, Shell
from paddock.importing.shell_words import Remark

FOLDER = Path("/srv/box")
FLAGS = ("-m", "a b.gguf", "-c", "1024")


def started(*words: str, env: dict[str, str] | None = None) -> list[Launch | Other]:
    call = Call(words, (), 0, env or {}, FOLDER)
    return list(launches(call, Shell(FOLDER, FOLDER)))


def launch(*words: str) -> Launch:
    (found,) = started(*words)
    assert isinstance(found, Launch), found
    return found


# What people put before a server, and what must be lost of it ("" for nothing).
PREFIXES = [
    ("env A=1 B=2", ""),
    ("env -i -u HOME A=1", ""),
    ("A=1", ""),
    ("exec", ""),
    ("nohup", ""),
    ("setsid", ""),
    ("stdbuf -oL -eL", ""),
    ("stdbuf -o L", ""),
    ("nice", "nice"),
    ("nice -n 10", "nice -n 10"),
    ("nice -10", "nice -10"),
    ("nice --adjustment=5", "nice --adjustment=5"),
    ("ionice -c2 -n 7", "ionice -c2 -n 7"),
    ("taskset 0xff", "taskset 0xff"),
    ("taskset -c 0-7,9", "taskset -c 0-7,9"),
    ("numactl -N 0 -m 0", "numactl -N 0 -m 0"),
    ("numactl --interleave=all", "numactl --interleave=all"),
    ("numactl --cpunodebind 1 --membind 1", "numactl --cpunodebind 1 --membind 1"),
    ("chrt -f 10", "chrt -f 10"),
    ("timeout -k 5 3600", "timeout -k 5 3600"),
    ("/usr/bin/nice -n 1", "/usr/bin/nice -n 1"),
    ("sudo -u llama -E", "sudo -u llama -E"),
    ("systemd-run --user --scope -p MemoryMax=20G", "systemd-run --user --scope -p MemoryMax=20G"),
    ("toolbox run -c llama-rocm", "toolbox run -c llama-rocm"),
    ("distrobox enter llama --", "distrobox enter llama --"),
    ("conda run -n cuda --no-capture-output", "conda run -n cuda --no-capture-output"),
    ("flock /tmp/gpu.lock", "flock /tmp/gpu.lock"),
    ("screen -dmS chat", ""),
]


@pytest.mark.parametrize(("prefix", "lost"), PREFIXES)
def test_a_prefix_is_looked_through_and_reported_where_it_is_lost(prefix: str, lost: str) -> None:
    found = launch(*prefix.split(), "/opt/llama-server", *FLAGS)
    assert (found.program, found.words) == ("/opt/llama-server", FLAGS)
    assert [words for words, _ in found.left] == ([lost] if lost else [])


@settings(deadline=None)
@given(st.lists(st.sampled_from(PREFIXES), max_size=4))
def test_any_stack_of_prefixes_is_looked_through(stack: list[tuple[str, str]]) -> None:
    words = [word for prefix, _ in stack for word in prefix.split()]
    found = launch(*words, "llama-server", *FLAGS)
    assert found.words == FLAGS
    assert [words for words, _ in found.left] == [lost for _, lost in stack if lost]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(PREFIXES), max_size=2), st.sampled_from(["sh", "bash", "/bin/dash"])
)
def test_a_shell_around_it_changes_nothing(stack: list[tuple[str, str]], shell: str) -> None:
    inner = [*(word for prefix, _ in stack for word in prefix.split()), "llama-server", *FLAGS]
    found = launch("nice", shell, "-c", shlex.join(inner))
    assert found.words == FLAGS
    assert [words for words, _ in found.left] == ["nice", *(lost for _, lost in stack if lost)]


def test_variables_before_it_and_of_its_model_are_its_environment() -> None:
    (found,) = started("A=1", "env", "B=2", "llama-server", env={"B": "9", "C": "3"})
    assert isinstance(found, Launch)
    assert found.env == {"A": "1", "B": "2", "C": "3"}


def test_what_a_shell_does_before_it_counts_or_is_reported() -> None:
    text = "source /opt/x.sh && cd /srv/models; export A=1; ulimit -l unlimited; exec llama-server -m m.gguf -t $(nproc) > log 2>&1 &"
    found = launch("bash", "-lc", text)
    assert found.words == ("-m", "m.gguf", "-t", "$(nproc)")
    assert (found.folder, found.env, found.unknown) == (
        Path("/srv/models"),
        {"A": "1"},
        ("$(nproc)",),
    )
    assert [words for words, _ in found.left] == ["source /opt/x.sh", "ulimit -l unlimited"]


def test_a_script_is_read_unless_it_is_called_as_the_server_is(tmp_path: Path) -> None:
    text = '#!/bin/sh\nexport A=1\nexec nice -n 5 /opt/llama-server --jinja "$@"\n'
    for name in ("qwen.sh", "start-llama-server.sh", "llama-server", "llama-server-vulkan"):
        (tmp_path / name).write_text(text)
    for name in ("qwen.sh", "start-llama-server.sh"):
        found = launch(str(tmp_path / name), *FLAGS)
        assert (found.program, found.words) == ("/opt/llama-server", ("--jinja", *FLAGS))
        assert found.env == {"A": "1"}
    for name in ("llama-server", "llama-server-vulkan"):
        found = launch(str(tmp_path / name), *FLAGS)
        assert (found.program, found.words) == (str(tmp_path / name), FLAGS)


def test_a_script_that_cannot_be_understood_but_is_called_as_the_server_is_is_one(
    tmp_path: Path,
) -> None:
    wrapper = tmp_path / "llama-server-wrapper.sh"
    wrapper.write_text('#!/bin/sh\n"$(find / -name server)" "$@"\n')
    assert launch(str(wrapper), *FLAGS).program == str(wrapper)


CONTAINERS = [
    "docker run --rm -it -p 8080:8080 -v /srv/models:/m ghcr.io/ggml-org/llama.cpp:server -m /m/x.gguf",
    "podman run -d --name=x --volume /srv/models:/m:ro,z local/llama-cpp -m /m/x.gguf",
    "docker --context far run --mount type=bind,src=/srv/models,dst=/m llama.cpp:full --server -m /m/x.gguf",
    "docker container run -v/srv/models:/m --entrypoint=/app/llama-server mine:3 -m /m/x.gguf",
    "docker run -v /srv/models:/m mine:3 llama-server -m /m/x.gguf",
    "docker run -v /srv/models:/m mine:3 -m /m/x.gguf",
]


@pytest.mark.parametrize("command", CONTAINERS)
def test_a_container_with_a_llama_server_is_an_image_its_mounts_and_flags(command: str) -> None:
    found = launch(*command.split())
    assert found.image
    assert found.words == ("-m", "/m/x.gguf")
    assert found.mounts.on_host("/m/x.gguf") == "/srv/models/x.gguf"


def test_a_containers_devices_memory_and_environment_are_its_engines() -> None:
    found = launch(
        *("docker", "run", "--gpus", '"device=0,2"', "-m", "16g", "-e", "A=1", "--tmpfs", "/x"),
        *("llama.cpp", "-m", "x.gguf"),
    )
    assert found.env == {"CUDA_VISIBLE_DEVICES": "0,2", "A": "1"}
    assert found.memory == 16 << 10
    assert [words for words, _ in found.left] == ["--tmpfs /x"]


OTHERS = [
    ("vllm serve x", "runs vllm, and"),
    ("python -m llama_cpp.server --model x.gguf", "runs python, and"),
    ("nice -n 5 whisper-server -m x.bin", "runs whisper-server, and"),
    ("docker run vllm/vllm-openai --model x", "vllm/vllm-openai, which is no llama.cpp"),
    ("docker run koboldai/koboldcpp --model x.gguf", "koboldai/koboldcpp, which is no llama.cpp"),
    ("docker exec box llama-server -m x.gguf", "described elsewhere"),
    ("docker compose up", "described elsewhere"),
    ("bash -c 'echo hello'", "no llama-server is seen"),
    ("bash", "no llama-server is seen"),
    ("", "has no command"),
    ("nice -n 5", "has no command"),
]


@pytest.mark.parametrize(("command", "why"), OTHERS)
def test_what_is_no_llama_server_says_what_it_is(command: str, why: str) -> None:
    (found,) = started(*shlex.split(command))
    assert isinstance(found, Other)
    assert why in found.why
    assert "name its image" not in found.why


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), max_size=6
    )
)
def test_no_command_line_breaks_it(words: list[str]) -> None:
    assert started(*words)


@pytest.mark.parametrize(
    "command",
    [
        ("tmux", "new-session", "-d", "-s", "chat", "nice llama-server -m 'a b.gguf' -c 1024"),
        ("tmux", "new", "-d", "-s", "chat", "-c", "/srv", "llama-server", *FLAGS),
    ],
)
def test_a_command_in_a_terminal_of_its_own_is_seen(command: tuple[str, ...]) -> None:
    assert launch(*command).words == FLAGS


def test_comments_around_a_shell_are_those_of_what_it_starts() -> None:
    text = "# inside\nexec llama-server -m a.gguf"
    call = Call(("nice", "bash", "-c", text), (Remark("around", 0),), 0, {}, FOLDER)
    (found,) = launches(call, Shell(FOLDER, FOLDER))
    assert isinstance(found, Launch)
    assert [remark.text for remark in found.remarks] == ["around", "inside"]


@pytest.mark.parametrize(
    ("flags", "cure"),
    [
        ("--models-preset /etc/models.ini --models-max 2", "`paddock check /etc/models.ini`"),
        ("--models-dir /models --port 8080", "`paddock init /models`"),
    ],
)
@pytest.mark.parametrize(
    "before", ["llama-server", "docker run --rm ghcr.io/ggml-org/llama.cpp:server"]
)
def test_a_router_of_llama_cpp_is_no_profile_and_its_files_have_a_command(
    before: str, flags: str, cure: str
) -> None:
    (found,) = started(*before.split(), *flags.split())
    assert isinstance(found, Other)
    assert found.is_server
    assert cure in found.why


def test_a_gpu_of_a_container_is_named_to_the_engine(tmp_path: Path) -> None:
    (tmp_path / "gpu.env").write_text("# both\nexport GGML_CUDA_P2P='1'\nHF_HOME=/hf\n")
    command = "podman run --device nvidia.com/gpu=1 --device /dev/dri --env-file gpu.env -e HF_HOME=/x llama.cpp -m a"
    (found,) = launches(Call(tuple(command.split()), (), 0, {}, tmp_path), Shell(FOLDER, FOLDER))
    assert isinstance(found, Launch)
    expected = {"CUDA_VISIBLE_DEVICES": "1", "GGML_CUDA_P2P": "1", "HF_HOME": "/x"}
    assert found.env == expected
    assert found.left == ()
