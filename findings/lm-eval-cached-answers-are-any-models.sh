#!/bin/sh
# lm-eval 0.4.13: with --use_cache a second model is given the answers, and so the score, of the first.
#
# `lm_eval run --model local-completions --model_args model=NAME,base_url=… --use_cache FILE`, two models with the same FILE, as in
# a loop over models. "good" knows both answers, "bad" none:
#   --model_args model=good,… --use_cache answers     score 1.0, 2 requests
#   --model_args model=bad,…  --use_cache answers     score 1.0, no request at all
#   --model_args model=bad,…                          score 0.0
# An answer is kept by its prompt and its generation settings; neither the model's name nor its address is part of that. (It
# is called "a sqlite db file for caching model responses".) Nor does anything say that no model was asked; the table
# of results names "bad". So does a model that was changed, quantised or started with other flags keep its score of before.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'lm_eval[api]==0.4.13'
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder" <<'PY'
import sys

from tiny_eval import completions, evaluate, write_task

folder = sys.argv[1]
write_task(folder, [("Is it so?", "Yes."), ("And now?", "Yes.")])
seen = []
with completions(lambda _: "Yes.") as (good, asked_good), completions(lambda _: "No.") as (bad, asked_bad):
    for model, url, asked, more in (
        ("good", good, asked_good, ["--use_cache", folder + "/answers"]),
        ("bad", bad, asked_bad, ["--use_cache", folder + "/answers"]),
        ("bad", bad, asked_bad, []),
    ):
        seen.append((evaluate(folder, url, model, *more), len(asked)))
        print(model, *more[:1], "score", seen[-1][0], "requests", seen[-1][1])
sys.exit(seen != [(1.0, 2), (1.0, 0), (0.0, 2)])
PY
