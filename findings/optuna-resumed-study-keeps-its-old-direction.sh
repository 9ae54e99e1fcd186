#!/bin/sh
# optuna 5.0.0: a study that is resumed with another direction goes on in the old one, without a word.
#
# `create_study(study_name=..., storage=..., load_if_exists=True, direction="maximize")` on a study that was made
# to minimise returns it as it is: direction MINIMIZE, no error, no warning. With directions=[two of them] the same:
# the study has one. Everything that goes by the direction then looks for the worst: here the sampler, asked to
# maximise -(x - 2)^2, ends far away from 2, and `best_params` names the worst trial.
#
# Seen 2026-11-30:
#   asked for maximize, got MINIMIZE, 0 warnings
#   asked for two directions, got [MINIMIZE]
#   best x of 61 trials: -10.0, though 2 is best
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0
cat > "$folder/try.py" <<'PY'
import sys
import warnings

import optuna
from optuna.study import StudyDirection

storage = f"sqlite:///{sys.argv[1]}"
optuna.logging.set_verbosity(optuna.logging.WARNING)


def study(**settings):
    sampler = optuna.samplers.TPESampler(seed=1)
    return optuna.create_study(
        study_name="tokens per second", storage=storage, load_if_exists=True, sampler=sampler, **settings
    )


study(direction="minimize").optimize(lambda trial: trial.suggest_float("x", -10, 10) ** 2, n_trials=1)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    resumed = study(direction="maximize")
    two = study(directions=["maximize", "minimize"])
print(f"asked for maximize, got {resumed.direction.name}, {len(caught)} warnings")
print(f"asked for two directions, got {[direction.name for direction in two.directions]}")
resumed.optimize(lambda trial: -((trial.suggest_float("x", -10, 10) - 2) ** 2), n_trials=60)
best = resumed.best_params["x"]
print(f"best x of {len(resumed.trials)} trials: {best:.1f}, though 2 is best")
as_seen = resumed.direction is StudyDirection.MINIMIZE and len(two.directions) == 1 and not caught
sys.exit(0 if as_seen and abs(best - 2) > 5 else 1)
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/study.db"
