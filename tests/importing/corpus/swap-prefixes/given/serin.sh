#!/usr/bin/env bash
# Serin, with what the shell needs.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
model="${SERIN_MODEL:-$here/serin.gguf}"
args=(
  -m "$model"
  -c 2048            # small on purpose
  # one user only
  --parallel 1
)
exec llama-server "${args[@]}" "$@"
