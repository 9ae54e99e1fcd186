#!/bin/sh
# lm-eval 0.4.13: with --cache_requests true a task whose data has changed asks its old questions and marks them by the new answers.
#
# A task of one's own (a YAML file, its questions in a JSON lines file), `lm_eval run … --cache_requests true`, a model that is right
# about both sets of questions:
#   questions of Monday                       asked "1 + 1?", "1 + 2?", score 1.0
#   the file now has those of Tuesday         asked "1 + 1?", "1 + 2?" again, and held against Tuesday's answers: score 0.0
#   the same without --cache_requests         asked "2 + 3?", "2 + 4?", score 1.0
# What is cached is kept by the task's name, its number of examples and the tokenizer, not by what is in the task; the prompt comes from
# there and the answer from the data. The cache lies in the installed package (lm_eval/caching/.cache, or LM_HARNESS_CACHE_PATH), for all
# folders and projects that have a task of that name. `--cache_requests refresh` makes it anew. Nothing says that it was used.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'lm_eval[api]==0.4.13'
unset LM_HARNESS_CACHE_PATH
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder" <<'PY'
import sys

from tiny_eval import completions, evaluate, write_task

folder = sys.argv[1]
monday = [("1 + 1?", "Two."), ("1 + 2?", "Three.")]
tuesday = [("2 + 3?", "Five."), ("2 + 4?", "Six.")]
knows = dict(monday + tuesday)
seen = []
for questions, more in (
    (monday, ["--cache_requests", "true"]),
    (tuesday, ["--cache_requests", "true"]),
    (tuesday, []),
):
    write_task(folder, questions)
    with completions(knows.__getitem__) as (url, asked):
        seen.append((evaluate(folder, url, "good", *more), asked))
    print(*more, "asked", asked, "score", seen[-1][0])
old, new = ([question for question, _ in day] for day in (monday, tuesday))
sys.exit(seen != [(1.0, old), (0.0, old), (1.0, new)])
PY
