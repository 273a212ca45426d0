"""The sweeps of a house as Optuna's studies."""

import optuna
import pytest
from optuna.trial import TrialState

from hq.dashboard.storage import ReadOnly, SweepStorage
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.test_sweeps_over_rest import sweep as sweep  # the same four trials


def test_a_sweep_is_a_study_with_its_trials_that_can_only_be_read(house: LittleHouse, sweep: str) -> None:
    storage = SweepStorage(house.uri)

    [name] = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)

    assert name == f"train ({sweep})"
    assert study.direction is optuna.study.StudyDirection.MAXIMIZE
    assert study.metric_names == ["accuracy"]
    assert [(trial.number, trial.params, trial.value) for trial in study.trials] == [
        (0, {"x": 0}, 0.7),
        (1, {"x": 3}, 1.0),
        (2, {"x": 1}, 0.8),
        (3, {"x": 2}, 0.9),
    ]
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)
    assert study.best_trial.number == 1
    assert study.user_attrs["sweep"] == sweep
    assert storage.get_trial(study.best_trial._trial_id) == study.best_trial
    with pytest.raises(ReadOnly, match="only shown here"):
        study.set_user_attr("a", 1)
    with pytest.raises(KeyError):
        storage.get_all_trials(1)
    storage.close()
