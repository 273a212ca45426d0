"""Optuna's samplers as a sweep sets them: a new one for every trial, seeded by the trial's number.

So nothing of a choice lies in a sampler's own memory. What some of them keep
on trials and on the study (generations, the state of CMA-ES) lies in the
`Ledger`, where it comes about again from the log.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIIISampler, NSGAIISampler, TPESampler
from optuna.samplers._tpe.sampler import default_gamma
from optuna.study import Study
from optuna.trial import FrozenTrial

from hq.search.densities import QuickParzenEstimator
from hq.search.ledger import Ledger
from schemas.samplers import given_options
from schemas.specs import SweepSpec

#: Those that keep something on trials: what they chose before has to come about again.
REMEMBERING = frozenset({"cmaes", "nsga2", "nsga3"})
#: Those that take numbers only.
NUMBERS_ONLY = frozenset({"cmaes"})


class QuickTPESampler(TPESampler):
    """TPE that takes trials from the ledger's rows instead of one by one: the same choice in less time.

    A test compares it with Optuna's own.
    """

    #: Good and other trials, for all that is sampled of one trial.
    _split: tuple[np.ndarray, np.ndarray] | None = None

    def reseed(self, seed: int) -> None:
        """Make it as new, with this seed: to build one takes as long as a tenth of a choice."""
        self._split = None
        self._rng.rng.seed(seed)
        self._random_sampler._rng.rng.seed(seed)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        ledger = study._storage
        if not isinstance(ledger, Ledger):
            return super().sample_relative(study, trial, search_space)
        # Without a note on the trial, by which processes of Optuna tell each other what they chose.
        if not search_space or ledger.finished < self._n_startup_trials:
            return {}
        return self._sample(study, trial, search_space)

    def _get_internal_repr(
        self, trials: list[FrozenTrial], search_space: dict[str, BaseDistribution], study: Study
    ) -> dict[str, np.ndarray]:
        storage = study._storage
        if isinstance(storage, Ledger):
            return storage.columns_of([trial.number for trial in trials], list(search_space))
        return super()._get_internal_repr(trials, search_space, study)

    def _sample(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        ledger = study._storage
        if not isinstance(ledger, Ledger) or not ledger.is_plain:
            return super()._sample(study, trial, search_space)
        if self._split is None:
            self._split = ledger.split(trial.number, default_gamma, self._constant_liar)
        below, above = (
            QuickParzenEstimator(
                ledger.columns_of(numbers, list(search_space)),
                search_space,
                self._parzen_estimator_parameters,
            )
            for numbers in self._split
        )
        candidates = below.sample(self._rng.rng, self._n_ei_candidates)
        best = TPESampler._compare(candidates, self._compute_acquisition_func(candidates, below, above))
        return {name: one.to_external_repr(best[name]) for name, one in search_space.items()}


def build_optuna_sampler(spec: SweepSpec, seed: int, past: Sequence[FrozenTrial]) -> BaseSampler:
    """Return the sampler that chooses one trial.

    Args:
        spec: Of the sweep.
        seed: Of the trial.
        past: Trials of another time, for those samplers that take them apart from the others.
    """
    options: dict[str, Any] = given_options(spec.options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        match spec.sampler:
            case "tpe":
                return QuickTPESampler(seed=seed, **{"multivariate": True, **options})
            case "gp":
                return GPSampler(seed=seed, warn_independent_sampling=False, **options)
            case "cmaes":
                if "population_size" in options:
                    options["popsize"] = options.pop("population_size")
                if past:
                    options["source_trials"] = list(past)
                return CmaEsSampler(seed=seed, warn_independent_sampling=False, **options)
            case "nsga2":
                return NSGAIISampler(seed=seed, **options)
            case "nsga3":
                return NSGAIIISampler(seed=seed, **options)
    raise ValueError(f"Optuna has no sampler {spec.sampler} that learns")
