"""Configuration: models.conf and paddock.toml become frozen profiles and settings.

Start with `models_conf.py` (a file becomes profiles, or all its problems at once), then
`sections.py` (the keys of one section), `layers.py` (which of several settings of a flag counts) and
`profile.py` (the result). `ini.py` reads the syntax, `vocabulary.py` and `spellings.py` hold the
tables of keys, `settings.py` reads paddock.toml, `model_folder.py` finds GGUF files; `lenders.py` makes addresses of the machines that a profile names.
It must never guess: every value has an origin with its line, and a file with an error gives no
profiles at all. It asks engines only for their flags, through `engine_flags.py`.
To add a key of models.conf: a row in `vocabulary.py`, a reader in `values.py`, a field of `Profile`,
a line in docs/configuration.md. A setting of paddock.toml: a field of `Settings`, and its heading
there.
"""
