"""One file for each verb; `engine/`, `import_/` and `key/` hold those of two words.

A verb reads its options, asks another room for what it needs, and has it printed. The docstring of its
function is its `--help`: one sentence, then what a user must know. It imports what it needs when it runs,
so that `paddock --help` stays fast.

It never imports another verb: what two of them need belongs in `output/`, `online/`, `background/` or
`offline/`, and an option that two of them have in `options.py`.

To add one: a file with a function of its name and an EXAMPLE, a line in `main.py`, and its section in docs/cli.md.
"""
