"""The active profiles, and what is known of their files.

Start at `roster.py`: profiles, engines and facts of model files, replaced as a whole when models.conf was
read without errors. `watch.py` notices that a file was written; `model_files.py` knows sizes and
dates; `flaws.py` what certainly keeps a profile from loading. `config_file.py` is the file as it is written over HTTP, with the
texts that it had before; `proposal.py` reads a text that it may become; `rights.py` says whether anything may be changed over HTTP.

Never: parse models.conf here (`config` does), or look at a disk on the event loop for every
profile: lists of thousands are made from what was read in a thread.
To add something known of a profile's file: to `llama.gguf.Facts`, then a method of `Roster`.
"""
