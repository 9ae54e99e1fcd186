#!/bin/sh
# tomlkit 0.15.2: a table added to one that is written with dotted keys swallows the keys behind it.
#
#   document = tomlkit.parse('engines.a.path = "/a"\nlisten = "127.0.0.1:80"\n')
#   document["engines"]["b"] = {"path": "/b"}
#   tomlkit.dumps(document)
# puts the header `[engines.b]` where the dotted keys end, in the middle of the top level:
#   engines.a.path = "/a"
#   [engines.b]
#   path = "/b"
#   listen = "127.0.0.1:80"
# Both texts are valid TOML, but `listen` is now engines.b.listen. The document in memory still says
# document["listen"], and unwrap() gives what was meant: only the written file is wrong. With a key of the same
# name in the new table the result is no longer TOML ("Cannot overwrite a value"). An inline table
# (tomlkit.inline_table()) in the place of the dict is written rightly.
#
# Seen 2026-11-30, as printed below. Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tomlkit==0.15.2
cat > "$folder/try.py" <<'PY'
import sys
import tomllib

import tomlkit

TEXT = 'engines.a.path = "/a"\nlisten = "127.0.0.1:80"\n'


def edited(new):
    document = tomlkit.parse(TEXT)
    document["engines"]["b"] = new
    return tomlkit.dumps(document), document.unwrap()


inline = tomlkit.inline_table()
inline["path"] = "/b"
written, meant = edited({"path": "/b"})
print(written)
print("means in memory:", meant)
print("means in the file:", tomllib.loads(written))
as_inline, meant_inline = edited(inline)
as_seen = tomllib.loads(written)["engines"]["b"].get("listen") == "127.0.0.1:80" == meant["listen"]
sys.exit(0 if as_seen and tomllib.loads(as_inline) == meant_inline == meant else 1)
PY
"$folder/venv/bin/python" "$folder/try.py"
