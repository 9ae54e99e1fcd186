#!/bin/sh
# optuna 5.0.0: a trial that is tried again after its process died is judged by the constraint of the attempt that died.
#
# RDBStorage(heartbeat_interval=…, heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback()) tries a trial again whose process
# was killed. The first attempt calls trial.set_constraint("memory", 4.0) (too much; another program had the card) and is killed.
# The second one, with the same parameters, calls set_constraint("memory", -1.0) and ends well with the best value of all:
#   its constraints           {"memory": 4.0}, with a UserWarning that this one "is already set"
#   study.best_trial          the other, worse trial
# The callback copies what the sampler noted (system_attrs), constraints among them, and a constraint is set once. Its user
# attributes are copied, too, but those can be written again. Whoever tries again because circumstances have changed never
# finds the trial that they changed for, and the sampler keeps away from its parameters.
#
# Seen 2026-12-01:
#   retried trial 1: COMPLETE 1.0 {'memory': 4.0}, warned: True
#   best: trial 2 with 5.0
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0
cat > "$folder/try.py" <<'PY'
import os
import sys
import time
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")
storage = optuna.storages.RDBStorage(
    f"sqlite:///{sys.argv[1]}",
    heartbeat_interval=1,
    grace_period=2,
    heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(),
)
study = optuna.create_study(study_name="layers", storage=storage, load_if_exists=True)


def attempt(trial):
    trial.suggest_int("layers", 0, 99)
    trial.set_constraint("memory", 4.0)
    os._exit(9)


def again(trial):
    trial.suggest_int("layers", 0, 99)
    trial.set_constraint("memory", -1.0)
    return 1.0 if trial.number == 1 else 5.0


if sys.argv[2] == "first":
    study.optimize(attempt, n_trials=1)
time.sleep(4)  # longer than the grace period
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    study.optimize(again, n_trials=2)
_, retried, other = study.trials
warned = any("already set" in str(one.message) for one in caught)
print(f"retried trial {retried.number}: {retried.state.name} {retried.value} {retried.constraints}, warned: {warned}")
print(f"best: trial {study.best_trial.number} with {study.best_value}")
same = retried.params == study.trials[0].params
sys.exit(not (same and warned and retried.constraints == {"memory": 4.0} and study.best_trial.number == other.number))
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/study.db" first || [ $? = 9 ]
"$folder/venv/bin/python" "$folder/try.py" "$folder/study.db" second
