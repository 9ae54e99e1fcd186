"""`paddock import …`: a models.conf from what other programs keep on the disk. One file for each verb.

To add a source: its reader in `paddock.importing`, a file here that takes the options of `import_options.py`,
a line below, and its section in docs/cli.md and docs/import.md.
"""

from __future__ import annotations

import typer

from paddock.cli.verbs.import_ import dir as folder
from paddock.cli.verbs.import_ import hf_cache, llama_swap, lmstudio, ollama, wrapper

app = typer.Typer(
    name="import",
    help="A models.conf from other programs' files: nothing is copied, moved or overwritten.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb, name, epilog in (
    (wrapper.wrapper, "wrapper", wrapper.EXAMPLE),
    (ollama.ollama, "ollama", ollama.EXAMPLE),
    (llama_swap.llama_swap, "llama-swap", llama_swap.EXAMPLE),
    (folder.folder_of_files, "dir", folder.EXAMPLE),
    (hf_cache.hf_cache, "hf-cache", hf_cache.EXAMPLE),
    (lmstudio.lmstudio, "lmstudio", lmstudio.EXAMPLE),
):
    app.command(name, epilog=epilog)(verb)
