"""What fit chose, from what real engines printed while they looked for it.

`fit-11434-h100-*.txt` were printed by build 11434 at `-lv 5` on two H100, of which another program
held 72 and 76 of 80 GiB but in `-fits`; `-rpc-moe` on two RPC devices of 260 and 180 MiB. Trials in
the middle of a long search were taken out, and lines that tell nothing.
"""

from pathlib import Path

import pytest

from paddock.llama.fit import Elsewhere, Fit, FitTrial, Sizes
from paddock.llama.fit_log import FitReader

HERE = Path(__file__).parent


def lines(name: str) -> list[str]:
    return (HERE / f"fit-11434-{name}.txt").read_text(encoding="utf-8").splitlines()


def fit_of(log: list[str]) -> Fit:
    reader = FitReader()
    for line in log:
        reader.feed(line)
    fit = reader.fit()
    assert fit is not None
    return fit


def test_what_fits_is_taken_as_asked_for():
    fit = fit_of(lines("h100-fits"))
    assert fit.trial.sizes == {
        "CUDA0": Sizes(3757, 8704, 724),
        "CUDA1": Sizes(4317, 7680, 684),
        "Host": Sizes(1002, 0, 592),
    }
    assert fit.trial.layers == {"CUDA0": 17, "CUDA1": 16}
    assert (fit.n_ctx, fit.n_ctx_train, fit.reduced_from) == (131072, 131072, None)
    assert (fit.trial.splits, fit.overflowing, fit.complaint) == (3, {}, "")


def test_devices_come_with_their_slots_and_what_was_free():
    first, second = fit_of(lines("h100-moe")).devices
    assert (first.name, first.address) == ("CUDA0", "0000:00:06.0")
    assert (first.total_mib, first.free_mib) == (81079, 8348)
    assert (second.description, second.free_mib) == ("NVIDIA H100 80GB HBM3", 4252)
    assert [d.address for d in fit_of(lines("rpc-moe")).devices] == [None, None]


def test_experts_that_do_not_fit_overflow_and_are_counted_by_layer():
    """The real load that followed had buffers of 7,234.67 and 3,126.17 MiB, and 92 / 49 splits."""
    fit = fit_of(lines("h100-moe"))
    assert {name: s.total for name, s in fit.trial.sizes.items()} == {
        "CUDA0": 7234,
        "CUDA1": 3125,
        "Host": 7754,
    }
    assert fit.trial.layers == {"CUDA0": 21, "CUDA1": 28}
    assert fit.overflowing == {"CUDA0": 1, "CUDA1": 23}
    assert len(fit.trial.layers_moved_to_host) == 22
    assert (fit.trial.splits, fit.trial.splits_tg) == (92, 49)


def test_of_a_dense_model_the_trial_of_the_chosen_layers_counts():
    """The last device's own line says 3,011 MiB: logged before the first one was filled."""
    fit = fit_of(lines("h100-dense"))
    assert fit.trial.layers == {"CUDA0": 25, "CUDA1": 8}
    assert fit.trial.sizes["CUDA1"].total == 3121
    assert (fit.n_ctx, fit.trial.n_ctx, fit.reduced_from) == (12800, 12800, 131072)


def test_where_fit_gives_up_what_was_asked_for_is_loaded():
    fit = fit_of(lines("h100-ngl-99"))
    assert "n_gpu_layers already set by user to 99" in fit.complaint
    assert fit.trial.sizes["CUDA0"].total == 10962
    assert fit.trial.sizes["CUDA0"].total > fit.devices[0].free_mib


def test_parts_of_a_layer_may_overflow_to_the_next_device():
    fit = fit_of(lines("rpc-moe"))
    assert fit.trial.layers == {"RPC0": 9, "RPC1": 4}
    assert fit.overflowing == {"RPC0": 1, "RPC1": 0}
    assert fit.trial.layers_moved_to_host == set()
    assert fit.trial.sizes["RPC0"] == Sizes(137, 40, 20)


def reckoned_at(n_ctx: int, *trials: tuple[int, int]) -> FitTrial:
    """Made-up: what is reckoned with a context cut to `n_ctx`, from trials of tokens and MiB of context."""
    log = lines("h100-fits")
    first = next(i for i, line in enumerate(log) if "assigned to device" in line)
    end = max(i for i, line in enumerate(log) if "breakdown_print" in line)
    found = log[:first]
    for tokens, mib in trials:
        said = [line.replace("n_ctx                 = 131072", f"n_ctx                 = {tokens}") for line in log[first : end + 1]]  # fmt: skip
        found += [line.replace("8704", str(mib)) for line in said]
        found += ["0.9 I common_params_fit_impl: getting device memory data with reduced context:"]
    found += [f"0.9 I common_params_fit_impl: context size reduced from 131072 to {n_ctx} -> need 9 MiB less"]  # fmt: skip
    fit = fit_of([*found, *log[end + 1 :]])
    assert (fit.n_ctx, fit.reduced_from) == (n_ctx, 131072)
    return fit.trial


def test_a_context_that_fit_only_reckons_lies_between_the_two_that_it_measured():
    """With one device llama.cpp does not measure the context that it cuts to."""
    trial = reckoned_at(67_584, (131_072, 8704), (4096, 272))
    assert (trial.n_ctx, trial.sizes["CUDA0"]) == (67_584, Sizes(3757, 4488, 724))
    assert trial.layers == {"CUDA0": 17, "CUDA1": 16}


@pytest.mark.parametrize(
    "trials", [[(131_072, 8704)], [(4096, 272)], [(131_072, 8704), (8192, 544)]]
)
def test_a_context_that_lies_between_no_two_is_as_it_was_measured(trials: list[tuple[int, int]]):
    trial = reckoned_at(5632, *trials)
    assert (trial.n_ctx, trial.sizes["CUDA0"].context) == trials[-1]


def test_a_draft_model_is_kept_apart():
    """Made-up from a real trial: what is measured for the extra model is not the model's own."""
    log = lines("h100-fits")
    first = next(i for i, line in enumerate(log) if "assigned to device" in line)
    end = max(i for i, line in enumerate(log) if "breakdown_print" in line)
    extra = "0.9 I operator(): getting device memory data for the extra model at a context size of"
    fit = fit_of([*log[: end + 1], extra, *log[first:]])
    assert fit.draft is not None
    assert fit.draft.sizes["CUDA0"] == fit.trial.sizes["CUDA0"] == Sizes(3757, 8704, 724)
    assert fit.trial.layers == {"CUDA0": 17, "CUDA1": 16}


def test_slots_with_caches_of_their_own_have_the_context_of_the_second_trial():
    """Made up from a real trial: without --ctx-size, fit measures again with the context of all."""
    log = lines("h100-fits")
    first = next(i for i, line in enumerate(log) if "assigned to device" in line)
    end = max(i for i, line in enumerate(log) if "breakdown_print" in line)
    unset = (
        "0.9 I common_params_fit_impl: context size unset and KV cache not unified -> using 262144"
    )
    again = [line.replace("n_ctx                 = 131072", "n_ctx                 = 262144") for line in log[first : end + 1]]  # fmt: skip
    fit = fit_of([*log[: end + 1], unset, *again, *log[end + 1 :]])
    assert (fit.n_ctx, fit.trial.n_ctx, fit.reduced_from) == (262144, 262144, None)


def test_without_a_trial_there_is_no_fit():
    reader = FitReader()
    reader.feed("0.1 E srv  llama_server: failed to load model")
    assert reader.fit() is None


def test_a_made_up_vulkan_device_that_shares_ram_is_known_as_such():
    """Real lines of CUDA under Vulkan's names, below its list of devices (ggml-vulkan.cpp, 11434)."""
    listed = [
        "ggml_vulkan: 0 = AMD Radeon 780M (RADV PHOENIX) (radv) | uma: 1 | fp16: 1 | bf16: 0 | fp4: 0",
        "ggml_vulkan: 1 = AMD Radeon RX 7900 XTX (RADV NAVI31) (radv) | uma: 0 | fp16: 1 | bf16: 0",
    ]
    fitted = [line.replace("CUDA", "Vulkan") for line in lines("h100-fits")]
    assert [device.is_in_ram for device in fit_of(listed + fitted).devices] == [True, False]


# Printed by build 11434 on an RPC device, whose layers all lie there.
AS_USUAL = (
    "0.00.019.568 D done_getting_tensors: tensor 'token_embd.weight' (f16) (and 0 others) cannot be "
    "used with preferred buffer type CPU_REPACK, using CPU instead"
)


def test_tensors_that_lie_elsewhere_are_counted_and_the_first_is_named():
    rows = [*lines("h100-fits")]
    at = next(i for i, line in enumerate(rows) if "memory_breakdown" in line)
    found = fit_of([*rows[:at], AS_USUAL, *rows[at:]]).trial.elsewhere
    assert found == Elsewhere("token_embd.weight", "f16", 0, "CPU_REPACK", "CPU")
    assert not found.is_refusal
    refused = AS_USUAL.replace("CPU_REPACK", "Vulkan0").replace("0 others", "17 others")
    found = fit_of([*rows[:at], refused, *rows[at:]]).trial.elsewhere
    assert found is not None
    assert (found.is_refusal, found.others) == (True, 17)
