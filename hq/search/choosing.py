"""What the search process knows of one sweep, and with which sampler it chooses.

Optuna is imported when the first sweep needs it: most houses never do.
"""

import importlib
import importlib.util
import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from hq.search.population import Population
from hq.search.samplers import (
    CannotChoose,
    GridSampler,
    Params,
    Proposal,
    RandomSampler,
    Sampler,
    draw_all,
    seed_of,
)
from schemas.names import SweepId
from schemas.objectives import objectives_of
from schemas.samplers import LEARNING
from schemas.spaces import active_params
from schemas.specs import PastTrial, SweepSpec
from schemas.trials import Descent, KnownTrials, TrialEnd

if TYPE_CHECKING:
    from hq.search.learner import Learner

#: What has to be there for each sampler, by the names to import.
_NEEDED = {
    "sobol": ("scipy",),
    "halton": ("scipy",),
    "tpe": ("optuna",),
    "gp": ("optuna", "scipy", "torch"),
    "cmaes": ("optuna", "cmaes"),
    "nsga2": ("optuna",),
    "nsga3": ("optuna",),
}
log = logging.getLogger(__name__)


class Memory:
    """One sweep's history as far as it was told, and the sampler that goes with it.

    Args:
        sweep: Its id.
        spec: As HQ told it last.
        settled: How many trials had ended when the sweep was last changed.
        before: What was known of it before it was changed.
    """

    def __init__(
        self, sweep: SweepId, spec: SweepSpec, settled: int = 0, before: "Memory | None" = None
    ) -> None:
        self.trials: list[Params] = before.trials if before is not None else []
        self.ends: list[TrialEnd] = before.ends if before is not None else []
        self.descents: list[Descent] = before.descents if before is not None else []
        self.past_blob: str | None = spec.past_blob
        known = before if before is not None and before.past_blob == spec.past_blob else None
        #: Trials of another time that were too many for the spec.
        self.past: list[PastTrial] = known.past if known is not None else []
        self.is_past_whole: bool = known.is_past_whole if known is not None else spec.past_blob is None
        self.why_no_past = ""
        self.is_learning = spec.sampler in LEARNING
        self._spec = spec
        self._settled = settled
        self._seed = seed_of(sweep, spec)
        self._learner: Learner | None = None
        #: What was logged last, so that it is not said again and again.
        self._trouble = ""
        self._has_packages = False

    def is_of(self, spec: SweepSpec, settled: int) -> bool:
        """Tell whether the sweep has not changed."""
        return self._settled == settled and self._spec == spec

    def learn(
        self,
        known: KnownTrials,
        trials: Sequence[Params],
        ends: Sequence[TrialEnd],
        descents: Sequence[Descent] = (),
    ) -> bool:
        """Take in what happened after `known`, and tell whether there was anything new."""
        before = len(self.trials) + len(self.ends)
        # An answer to an older question begins earlier; one that begins later leaves a gap.
        if known.trials <= len(self.trials):
            self.descents.extend(descents[len(self.trials) - known.trials :])
            self.trials.extend(trials[len(self.trials) - known.trials :])
        if known.ends <= len(self.ends):
            self.ends.extend(ends[len(self.ends) - known.ends :])
        return len(self.trials) + len(self.ends) > before

    def learn_past(self, after: int, part: Sequence[PastTrial], more: bool, why: str) -> None:
        """Take in trials of another time that follow the first `after`."""
        self.why_no_past = why
        if why or after != len(self.past):
            return
        wanted = len(objectives_of(self._spec))
        # What cannot be compared is left out later; what has no values is nothing to learn from.
        self.past.extend(part)
        if not more:
            self.is_past_whole = True
            self.past = [
                one for one in self.past if len(one.values) == wanted and all(map(math.isfinite, one.values))
            ]

    def knows(self, proposed: int, ended: int) -> bool:
        """Tell whether nothing is missing."""
        return len(self.trials) >= proposed and len(self.ends) >= ended

    def choose(self, first: int, count: int, added: int = 0) -> Proposal:
        """Return the parameters of trials `first`, `first` + 1, ..., at most `count` of them.

        Args:
            first: Number of the first one.
            count: How many are wanted.
            added: How many of those before were not chosen here, but added by hand.

        Raises:
            CannotChoose: If something has to be mended first.
        """
        self._check_packages()
        if self.why_no_past:
            raise CannotChoose(self.why_no_past)
        try:
            if self._spec.sampler == "pbt":
                population = Population(self._spec, self._seed, self._settled)
                return population.propose(first, count, self.trials, self.ends, self.descents)
            if self.is_learning:
                return self._learn_and_choose(first, count, added)
            return self._choose_blindly(first - added, count)
        except CannotChoose:
            raise
        except Exception as error:
            # One sweep's trouble must not stop the others, whatever it is.
            self._learner = None
            what = f"{type(error).__name__}: {error}"[:500]
            if what != self._trouble:
                self._trouble = what
                log.exception("no trial can be chosen by %s", self._spec.sampler)
            raise CannotChoose(f"the sampler {self._spec.sampler} cannot choose a trial: {what}") from error

    def _learn_and_choose(self, first: int, count: int, added: int) -> Proposal:
        from hq.search.learner import Learner

        if self._learner is None:
            whole = replace(self._spec, past=(*self._spec.past, *self.past))
            self._learner = Learner(whole, self._seed, self._settled)
        return self._learner.propose(first, count, self.trials, self.ends, added)

    def _choose_blindly(self, first: int, count: int) -> Proposal:
        spec = self._spec
        if spec.sampler == "grid":
            # The points that were asked for come before the grid.
            tried = len(spec.tries)
            blind = RandomSampler().propose(spec.space, self._seed, first, min(count, max(tried - first, 0)))
            rest = count - len(blind.trials)
            grid = GridSampler().propose(spec.space, self._seed, max(first - tried, 0), rest)
            chosen = Proposal(blind.trials + grid.trials, grid.exhausted)
        else:
            chosen = self._sampler().propose(spec.space, self._seed, first, count)
        trials = [
            complete(spec, self._seed, number, params)
            for number, params in enumerate(chosen.trials, start=first)
        ]
        return Proposal(tuple(trials), chosen.exhausted)

    def _sampler(self) -> Sampler:
        spec = self._spec
        if spec.sampler == "random":
            return RandomSampler()
        from hq.search.sequences import SequenceSampler

        return SequenceSampler(spec.sampler, spec.options.scramble is not False)

    def _check_packages(self) -> None:
        if self._has_packages:
            return
        importlib.invalidate_caches()
        missing = [
            one for one in _NEEDED.get(self._spec.sampler, ()) if importlib.util.find_spec(one) is None
        ]
        if missing:
            names = " ".join(missing)
            raise CannotChoose(
                f"the sampler {self._spec.sampler} needs {names} on the HQ host: "
                f"`pip install {names}` there in HQ's environment, then it goes on by itself"
            )
        self._has_packages = True


def complete(spec: SweepSpec, seed: str, number: int, params: Params) -> Params:
    """Return the parameters of a trial that was drawn blindly, with the point that was asked for, if any."""
    if number >= len(spec.tries):
        return params
    # All are drawn: a value that was asked for can bring others into being.
    drawn = draw_all(spec.space, seed, number)
    return active_params(spec.space, {**drawn, **spec.tries[number]})
