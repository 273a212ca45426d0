"""Chooses a sweep's trials from what became of earlier ones. Pure: the same history, the same choice.

Trial n is chosen knowing exactly the first k(n) ends in the order of the log,
with all other trials before it as running: not what happened to be known when
it was asked for. So neither a restart nor a burst of ends changes anything.

    k(n) = n - parallel + 1, at least 0 and at least what was settled

A learner goes on from choice to choice; one that is built anew from the
history stands where the other stands.
"""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, create_trial

from hq.search.dimensions import build_distributions, only_value, to_internal, to_value
from hq.search.ledger import STUDY, Ledger, LedgerTrial
from hq.search.optuna_samplers import NUMBERS_ONLY, REMEMBERING, QuickTPESampler, build_optuna_sampler
from hq.search.samplers import Params, Proposal, number_seed
from schemas.objectives import objectives_of
from schemas.searches import fits
from schemas.spaces import Choice, active_params, in_order, is_active
from schemas.specs import SweepSpec
from schemas.trials import TrialEnd

optuna.logging.set_verbosity(optuna.logging.ERROR)
#: CMA-ES begins where the best tenth of trials of another time was.
_LEAST_SOURCE = 10


class Learner:
    """Of one sweep.

    Args:
        spec: Of the sweep. Another spec needs another learner.
        seed: As `seed_of` tells.
        settled: How many trials had ended when the sweep was last changed.
    """

    def __init__(self, spec: SweepSpec, seed: str, settled: int = 0) -> None:
        self._spec = spec
        self._seed = seed
        self._settled = settled
        self._order = in_order(spec.space)
        self._distributions = build_distributions(spec.space)
        self._groups = _grouped(spec)
        self._tpe: QuickTPESampler | None = None
        self._begin()

    def _begin(self) -> None:
        directions = [
            StudyDirection.MINIMIZE if one.direction == "minimize" else StudyDirection.MAXIMIZE
            for one in objectives_of(self._spec)
        ]
        self._ledger = Ledger(directions, self._distributions)
        #: Parameters of the sweep's own trials, as they are in the ledger.
        self._params: list[Params] = []
        #: So many of them are known to be what became events.
        self._confirmed = 0
        self._ended = 0
        self._past: list[LedgerTrial] = []
        for one in self._spec.past:
            if fits(self._spec, one.params):
                self._past.append(self._add_past(one.params, one.values))
        self._source = self._build_source() if self._spec.sampler == "cmaes" else []

    def propose(
        self,
        first: int,
        count: int,
        trials: Sequence[Params],
        ends: Sequence[TrialEnd],
        added: int = 0,
    ) -> Proposal:
        """Return the parameters of trials `first`, `first` + 1, ..., `count` of them.

        Args:
            first: How many were proposed.
            count: How many are wanted; the last needs `k(first + count - 1)` ends.
            trials: Parameters of those that were proposed, by number.
            ends: How trials ended, in the order of the log.
            added: How many of those that were proposed were added by hand.

        Raises:
            Exception: Whatever Optuna raises; then this learner is of no more use.
        """
        if len(self._params) > first or not self._confirm(trials):
            # What was chosen here never became an event, or somebody else proposed.
            self._begin()
        self._catch_up(trials[:first], ends)
        chosen = [self._choose(number, ends, added) for number in range(first, first + count)]
        return Proposal(tuple(chosen))

    # --- details ------------------------------------------------------------------

    def _confirm(self, trials: Sequence[Params]) -> bool:
        for number in range(self._confirmed, min(len(self._params), len(trials))):
            if self._params[number] != active_params(self._spec.space, trials[number]):
                return False
            self._confirmed += 1
        return True

    def _catch_up(self, trials: Sequence[Params], ends: Sequence[TrialEnd]) -> None:
        replayed = self._spec.sampler in REMEMBERING
        # A trial was proposed before it, or one after it, ended, whatever the sweep's settings were then.
        latest = _first_ends(ends, len(trials)) if replayed else []
        for number in range(len(self._params), len(trials)):
            params = active_params(self._spec.space, trials[number])
            trial = self._ledger.add()
            if replayed:
                self._end_trials(ends, min(self._known(number), latest[number]))
                self._sample(trial, number, params)
            self._note(trial, params)

    def _choose(self, number: int, ends: Sequence[TrialEnd], added: int) -> Params:
        self._end_trials(ends, self._known(number))
        trial = self._ledger.add()
        chosen = number - added
        given = self._spec.tries[chosen] if chosen < len(self._spec.tries) else {}
        params = self._sample(trial, number, given)
        self._note(trial, params)
        return params

    def _known(self, number: int) -> int:
        return max(number - self._spec.parallel + 1, self._settled, 0)

    def _sample(self, trial: LedgerTrial, number: int, given: Params) -> Params:
        """Return the parameters of a trial: those given, and the others as the sampler chooses them."""
        sampler = self._build_sampler(number_seed(self._seed, number))
        study = Study(STUDY, self._ledger, sampler)
        sampler.before_trial(study, trial)
        space = self._spec.space
        params: Params = {}
        relative: dict[frozenset[str], dict[str, Any]] = {}
        for name in self._order:
            if not is_active(space, name, params):
                continue
            group = self._groups.get(name)
            if group is not None and group not in relative:
                # Also where all of it is given: what the sampler keeps on the trial is to come about again.
                relative[group] = self._sample_group(sampler, study, trial, group)
            if name in given:
                params[name] = given[name]
                continue
            if name not in self._distributions:
                params[name] = only_value(space[name])
                continue
            together = relative[group] if group is not None else {}
            chosen = (
                together[name]
                if name in together
                else sampler.sample_independent(study, trial, name, self._distributions[name])
            )
            params[name] = to_value(space[name], chosen)
        return {name: params[name] for name in space if name in params}

    def _build_sampler(self, seed: int) -> BaseSampler:
        if self._tpe is not None:
            self._tpe.reseed(seed)
            return self._tpe
        sampler = build_optuna_sampler(self._spec, seed, self._source)
        if isinstance(sampler, QuickTPESampler):
            self._tpe = sampler
        return sampler

    def _sample_group(
        self, sampler: BaseSampler, study: Study, trial: LedgerTrial, group: frozenset[str]
    ) -> dict[str, Any]:
        searched = {name: self._distributions[name] for name in sorted(group)}
        return sampler.sample_relative(study, trial, searched)

    def _note(self, trial: LedgerTrial, params: Params) -> None:
        space = self._spec.space
        try:
            known = {
                name: to_internal(space[name], value)
                for name, value in params.items()
                if name in self._distributions
            }
            if not fits(self._spec, params):
                raise ValueError("outside the space")
        except ValueError:
            # Of a space that was changed meanwhile: nothing can be learned from it.
            known = {}
        self._ledger.set_params(trial, known)
        self._params.append(params)

    def _end_trials(self, ends: Sequence[TrialEnd], wanted: int) -> None:
        for end in ends[self._ended : wanted]:
            trial = self._ledger.trials[end.trial + len(self._past)]
            worth = end.worth
            if not trial.params and self._distributions:
                self._ledger.end(trial, (), ())
            else:
                self._ledger.end(trial, worth.values, worth.violations, end.reached)
            self._ended += 1

    def _add_past(self, given: Params, values: Sequence[float]) -> LedgerTrial:
        space = self._spec.space
        params = active_params(space, given)
        trial = self._ledger.add()
        self._ledger.set_params(
            trial,
            {name: to_internal(space[name], v) for name, v in params.items() if name in self._distributions},
        )
        self._ledger.end(trial, values, ())
        if self._spec.sampler.startswith("nsga"):
            sampler = build_optuna_sampler(self._spec, 0, ())
            self._ledger.set_trial_system_attr(trial.number, sampler._get_generation_key(), 0)  # type: ignore[attr-defined]
        return trial

    def _build_source(self) -> list[FrozenTrial]:
        """Return the past trials with what CMA-ES itself chooses; nothing when they are too few for it."""
        if len(self._past) < _LEAST_SOURCE or not self._groups:
            return []
        names = sorted(next(iter(self._groups.values())))
        return [
            create_trial(
                params={name: trial.params[name] for name in names},
                distributions={name: self._distributions[name] for name in names},
                values=trial.values,
            )
            for trial in self._past
        ]


def _grouped(spec: SweepSpec) -> dict[str, frozenset[str]]:
    """Return which parameters are sampled together: those that exist at the same times.

    Only TPE looks at what exists under a condition; the others draw it by itself.
    """
    distributions = build_distributions(spec.space)
    numbers = spec.sampler in NUMBERS_ONLY
    groups: dict[str, list[str]] = {}
    for name, dimension in spec.space.items():
        if name not in distributions or (numbers and isinstance(dimension, Choice)):
            continue
        when = repr(sorted((parent, repr(values)) for parent, values in dimension.when.items()))
        if dimension.when and spec.sampler != "tpe":
            continue
        groups.setdefault(when, []).append(name)
    return {name: frozenset(names) for names in groups.values() for name in names}


def _first_ends(ends: Sequence[TrialEnd], count: int) -> list[int]:
    """Return for each trial how many ends there were before it or any later one ended."""
    first = [len(ends)] * (count + 1)
    for index in reversed(range(len(ends))):
        if ends[index].trial < count:
            first[ends[index].trial] = index
    for number in reversed(range(count)):
        first[number] = min(first[number], first[number + 1])
    return first[:count]
