#!/usr/bin/env bash
# All tests, in two processes at once: most of them wait for servers, so that two take little longer than one.
#
#   tools/test.sh PYTEST        what the second one prints comes after the first has ended
#
# Two, and not pytest-xdist: fixtures that make models and engines are shared by many files, and paths stay short
# enough for Unix sockets.
set -uo pipefail
cd "$(dirname "$0")/.."
pytest=$1
apart=(tests/cli tests/e2e tests/engine tests/packaging)

printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
"$pytest" -p no:cacheprovider "${apart[@]}" > "$printed" 2>&1 &
second=$!
trap 'kill "$second" 2>/dev/null; wait "$second"; rm -f "$printed"; exit 130' INT TERM
failed=0
"$pytest" tests "${apart[@]/#/--ignore=}" || failed=$?
wait "$second" || failed=$?
cat "$printed"
exit "$failed"
