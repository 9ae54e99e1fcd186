"""The command line of an instance: its profile's flags, then ours where the profile is silent."""

from dataclasses import replace
from pathlib import Path

from paddock.config.profile import Flag, Origin, Profile
from paddock.engine.engine import Engine
from paddock.engine.launch import command, environment, own_flags
from paddock.llama.flags import parse_help

HELP = Path(__file__).parents[1] / "llama" / "help-11434.txt"
ENGINE = Engine(
    name="native",
    kind="native",
    command=("/opt/llama-server",),
    version="version: 11434",
    build=11434,
    flags=parse_help(HELP.read_text(encoding="utf-8")),
    identity="x",
    env=(("LD_LIBRARY_PATH", "/opt/lib"),),
)
HERE = Origin("alpha", "model", 3)


def profile(*flags: tuple[str, ...]) -> Profile:
    made = tuple(Flag(name, tuple(values), HERE) for name, *values in flags)
    return Profile("alpha", 1, Path("/m/alpha.gguf"), made)


def words(*flags: tuple[str, ...]) -> list[str]:
    return command(ENGINE, profile(*flags), socket="/run/1.sock")


def test_the_profile_comes_first_and_what_paddock_needs_is_added():
    assert words(("--model", "/m/alpha.gguf"), ("--ctx-size", "4096")) == [
        *["/opt/llama-server", "--model", "/m/alpha.gguf", "--ctx-size", "4096"],
        *["--host", "/run/1.sock", "--alias", "alpha"],
        *["--log-verbosity", "4", "--log-colors", "off"],
    ]


def test_what_the_profile_says_stays():
    argv = words(("--log-verbosity", "5"), ("--alias", "mine,yours"))
    assert argv.count("--log-verbosity") == argv.count("--alias") == 1
    assert argv[1:5] == ["--log-verbosity", "5", "--alias", "mine,yours"]


def test_a_profile_that_is_verbose_by_another_flag_is_not_made_quieter():
    for name in ("--verbose", "-v", "--log-verbose"):
        given = ENGINE.flags.find(name)
        assert given is not None
        assert "--log-verbosity" not in words((given[0].name,))


def test_an_engine_that_lacks_a_flag_does_not_get_it():
    bare = replace(ENGINE, flags=parse_help(""))
    assert command(bare, profile(("--model", "m")), socket="/s") == [
        "/opt/llama-server", "--model", "m",
    ]  # fmt: skip


def test_our_flags_say_that_they_are_ours():
    assert {flag.origin.section for flag in own_flags(ENGINE, profile(), socket="/s")} == {
        "paddock"
    }


def test_the_child_protocol_is_on_and_the_users_own_settings_are_off():
    seen = environment(ENGINE, {"PATH": "/bin", "LLAMA_ARG_CTX_SIZE": "9"})
    assert seen["LLAMA_SERVER_ROUTER_PORT"]
    assert seen["PATH"] == "/bin"
    assert seen["LD_LIBRARY_PATH"] == "/opt/lib"
    assert "LLAMA_ARG_CTX_SIZE" not in seen


def test_what_the_engine_needs_wins_over_what_the_user_has():
    seen = environment(ENGINE, {"LD_LIBRARY_PATH": "/home/u/lib"})
    assert seen["LD_LIBRARY_PATH"] == "/opt/lib"
