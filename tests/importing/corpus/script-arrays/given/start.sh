#!/usr/bin/env bash
# Starts what is asked for: ./start.sh code|chat
set -euo pipefail

# ---- settings ----
ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
SERVER="${LLAMA_SERVER_BIN:-$ROOT/bin/llama-server}"
PORT="${PORT:-8080}"
export GGML_CUDA_GRAPHS=1   # faster here

common=(
  --host 0.0.0.0 --port "$PORT"
  --parallel 1        # one user
  # keeps the house quiet
  --threads 2
)

case "${1:-chat}" in
  code)
    # long files
    exec "$SERVER" -m "$ROOT/models/lark.gguf" -c $((8 * 1024)) "${common[@]}"
    ;;
  chat)
    exec "$SERVER" -m "$ROOT/models/pipit.gguf" -c 4096 "${common[@]}" \
      --temp 0.8 >> "$ROOT/chat.log" 2>&1
    ;;
  *)
    echo "usage: $0 code|chat" >&2
    exit 1
    ;;
esac
