"""What the environment, llama.cpp's own files, drivers and swap tell, whatever the profile."""

from pathlib import Path

from paddock.api.placement import Advice, DevicePlan, Plan
from paddock.core.model import HOST, DeviceId
from paddock.host.memory import Memory
from paddock.placement.advice import advise_machine
from paddock.placement.advice_machine import SYSTEM_CONFIG
from paddock.placement.devices import Reading
from paddock.placement.examination import config_files
from paddock.placement.profile_facts import MachineFacts
from tests.config.stables import FLAGS

H200 = Reading(DeviceId("0000:01:00.0"), "NVIDIA H200", 143155, 142000)
RAM = Reading(HOST, "Host", 64000, 60000)


def only(machine: MachineFacts, code: str) -> Advice:
    (advice,) = advise_machine(machine)
    assert advice.code == code
    assert advice.profile == ""
    return advice


# ---- flags from elsewhere ----


def test_variables_that_set_flags_are_named_with_the_keys_that_they_stand_for():
    environ = {"LLAMA_ARG_N_GPU_LAYERS": "99", "LLAMA_ARG_UBATCH": "2048", "LLAMA_CACHE": "/x"}
    advice = only(MachineFacts(environ=environ, flags=FLAGS), "environment-overrides")
    assert advice.severity == "info"
    assert "LLAMA_ARG_N_GPU_LAYERS (N_GPU_LAYERS), LLAMA_ARG_UBATCH (ubatch-size)" in advice.message
    assert "Paddock's instances do not see them" in advice.hint
    assert advice.hint.endswith("unset LLAMA_ARG_N_GPU_LAYERS LLAMA_ARG_UBATCH")


def test_without_an_engine_a_variable_is_reported_by_its_own_name():
    advice = only(MachineFacts(environ={"LLAMA_ARG_NEW_THING": "1"}), "environment-overrides")
    assert "LLAMA_ARG_NEW_THING (new-thing)" in advice.message


def test_the_config_file_of_a_user_concerns_only_servers_by_hand(tmp_path: Path):
    file = tmp_path / "llama.cpp" / "config.ini"
    file.parent.mkdir()
    file.write_text("ngl = 99\n[*]\nfit-target = 128\n[some-model]\nc = 5\n")
    for environ in ({"XDG_CONFIG_HOME": str(tmp_path)}, {"HOME": _home(tmp_path)}):
        found = {p: keys for p, keys in config_files(environ).items() if p != SYSTEM_CONFIG}
        assert list(found.values()) == [("ngl", "fit-target")]
    advice = only(MachineFacts(config_files={file: ("ngl", "fit-target")}), "llama-config-file")
    assert advice.severity == "info"
    assert advice.message.startswith(f"{file} sets ngl, fit-target: ")
    assert "Paddock's instances do not read it" in advice.hint


def _home(config: Path) -> str:
    (config / ".config").symlink_to(config)
    return str(config)


def test_the_one_of_the_system_concerns_all():
    advice = only(MachineFacts(config_files={SYSTEM_CONFIG: ("ngl",)}), "llama-config-file")
    assert advice.severity == "warning"
    assert "sets ngl: for every llama-server of this machine, Paddock's included" in advice.message


def test_one_that_is_no_text_or_sets_nothing_is_reported_all_the_same(tmp_path: Path):
    file = tmp_path / "llama.cpp" / "config.ini"
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe\0")
    assert config_files({"XDG_CONFIG_HOME": str(tmp_path)})[file] == ()
    assert " is there: " in only(MachineFacts(config_files={file: ()}), "llama-config-file").message


# ---- drivers ----


def _plan(*devices: str, source: str = "engine") -> Plan:
    return Plan(
        profile="p",
        source=source,  # type: ignore[arg-type]
        fits=True,
        engine="native",
        engine_version="0.6.0",
        devices=[DevicePlan(device=d, id=HOST if d == "Host" else d) for d in devices],
    )


def test_gpus_that_an_engine_does_not_use_on_made_up_readings():
    readings = {H200.id: H200, HOST: RAM}
    advice = only(MachineFacts(readings=readings, plans=(_plan("Host"),)), "gpus-unseen")
    assert advice.severity == "warning"
    assert advice.message == "there are GPUs (NVIDIA H200), and native 0.6.0 uses none of them"


def test_gpus_that_are_used_or_missing_or_unknown_to_every_engine_on_made_up_readings():
    used, estimate = _plan("CUDA0", "Host"), _plan("Host", source="estimate")
    both = {H200.id: H200, HOST: RAM}
    assert advise_machine(MachineFacts(readings=both, plans=(used, _plan("Host")))) == []
    assert advise_machine(MachineFacts(readings=both, plans=(estimate,))) == []
    assert advise_machine(MachineFacts(readings={HOST: RAM}, plans=(_plan("Host"),))) == []
    remote = Reading(DeviceId("RPC0[h:1]"), "RPC0", 24000, 24000)
    assert advise_machine(MachineFacts(readings={remote.id: remote}, plans=(_plan("Host"),))) == []


def test_the_processors_own_graphics_are_not_missed_beside_a_card_on_made_up_readings():
    own = Reading(DeviceId("0000:00:02.0"), "GPU0", 0, 0, is_in_ram=True)
    both = {H200.id: H200, own.id: own, HOST: RAM}
    found = only(MachineFacts(readings=both, plans=(_plan("Host"),)), "gpus-unseen")
    assert "(NVIDIA H200)" in found.message
    alone = {own.id: own, HOST: RAM}
    assert "(GPU0)" in only(MachineFacts(readings=alone, plans=(_plan("Host"),)), "gpus-unseen").message  # fmt: skip


# ---- swap ----


def test_a_resident_model_that_was_swapped_out_on_made_up_readings():
    machine = MachineFacts(swapped={"big": 900, "small": 10}, memory=Memory(swap_used_mib=5300))
    advice = only(machine, "swapped-out")
    assert advice.severity == "warning"
    assert advice.message == (
        "900 MiB of the loaded big is in swap, of 5.2 GiB that the machine swapped"
    )
    assert "paddock unload big" in advice.hint
