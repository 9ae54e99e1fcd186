"""What stands in for an engine: a source tree of a few lines, and a server that dies on long prompts.

CMake makes a `llama-server` of the tree that prints its version and its flags, no more. The real tree
takes minutes to compile; what is tried on this one is our side of a build.
"""

import shlex
import sys
from pathlib import Path

from tests.engine import frail
from tests.yard import engine_command

_CMAKE = """\
cmake_minimum_required(VERSION 3.16)
project(stand_in C)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT DEFINED LLAMA_BUILD_NUMBER)
  set(LLAMA_BUILD_NUMBER 0)
endif()
add_executable(llama-server main.c words.c)
target_compile_definitions(llama-server PRIVATE NUMBER=${LLAMA_BUILD_NUMBER})
"""
_MAIN = """\
#include <stdio.h>
#include <string.h>
const char *word(void);
int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        fprintf(stderr, "version: %s (build %d, commit unknown)\\n", word(), NUMBER);
    else
        printf("-m,    --model FNAME    model path to load\\n");
    return 0;
}
"""
_WORDS = """\
const char *word(void) {
    return "0.1";
}
"""
PATCH = """\
--- a/words.c
+++ b/words.c
@@ -1,3 +1,3 @@
 const char *word(void) {
-    return "0.1";
+    return "0.1-patched";
 }
"""


def source_tree(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text(_CMAKE)
    (folder / "main.c").write_text(_MAIN)
    (folder / "words.c").write_text(_WORDS)
    return folder


def frail_engine(path: Path) -> Path:
    """The real server, which dies on prompts of more than 100 tokens."""
    words = [sys.executable, frail.__file__, *engine_command(), "--"]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    path.chmod(0o755)
    return path
