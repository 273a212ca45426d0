"""Population based training (Jaderberg et al. 2017): members train, and the worst go on as the best do.

    trials 0 .. n-1     the members, drawn at random (the points to try first)
    then, as one ends   it goes on from its own checkpoint with its own parameters, unless it is among the
                        worst: then from the checkpoint of one of the best, with parameters near that one's

Pure: trial t is chosen knowing the first t - parallel + 1 ends of the log, by a
seed of its own. Nobody waits for a generation: two members are compared by what
they had reached in the last generation that both have been through.
"""

import math
import random
from collections.abc import Sequence
from typing import Any

from hq.search.samplers import CannotChoose, Params, Proposal, draw_all, number_seed
from schemas.objectives import objectives_of
from schemas.samplers import POPULATION_SIZE
from schemas.spaces import Dimension, FloatRange, IntRange, active_params, contains, step_at, steps_of
from schemas.specs import SweepSpec
from schemas.states import JobStatus
from schemas.trials import Descent, TrialEnd

QUANTILE = 0.2
RESAMPLE = 0.25
FACTORS = (0.8, 1.2)
_NO_CHECKPOINT = (
    "no trial left a checkpoint, so there is nothing to go on from: the script must write what it needs into "
    "idlehands.checkpoint_dir() and read it when it starts (docs/search.md)"
)


class Population:
    """The members of one sweep.

    Args:
        spec: Of the sweep.
        seed: As `seed_of` tells.
        settled: How many trials had ended when the sweep was last changed.
    """

    def __init__(self, spec: SweepSpec, seed: str, settled: int = 0) -> None:
        self._spec, self._seed, self._settled = spec, seed, settled
        self._size = spec.options.population_size or POPULATION_SIZE
        self._quantile = spec.options.quantile or QUANTILE
        chance = spec.options.resample_prob
        self._resample = RESAMPLE if chance is None else chance
        (objective,) = objectives_of(spec)
        self._sign = 1.0 if objective.direction == "minimize" else -1.0

    def propose(
        self,
        first: int,
        count: int,
        trials: Sequence[Params],
        ends: Sequence[TrialEnd],
        descents: Sequence[Descent],
    ) -> Proposal:
        """Return trials `first`, `first` + 1, ...: as many as members are free, at most `count`.

        Args:
            first: How many were proposed.
            count: How many are wanted.
            trials: Parameters of those that were proposed, by number.
            ends: How trials ended, in the order of the log.
            descents: Who comes from whom, by number.

        Raises:
            CannotChoose: If no trial left a checkpoint.
        """
        params, lines = list(trials[:first]), list(descents[:first])
        for number in range(first, first + count):
            chosen = self._choose(number, params, ends, lines)
            if chosen is None:
                break
            params.append(chosen[0])
            lines.append(chosen[1])
        return Proposal(tuple(params[first:]), descents=tuple(lines[first:]))

    def find_sources(self, proposed: int, ends: Sequence[TrialEnd], descents: Sequence[Descent]) -> set[int]:
        """Return the trials from which trial `proposed` or a later one may go on.

        Whoever has fewer ends than there are learns of some more than are needed, of none too few.
        """
        known = self._count_known(proposed)
        # Of each member the last one that whoever chooses next knows of, and those after it.
        sources = {trial for _, trial in self._score(ends[:known], descents).values()}
        return sources | {end.trial for end in ends[known:] if _is_source(end)}

    def _count_known(self, number: int) -> int:
        return max(number - min(self._spec.parallel, self._size) + 1, self._settled)

    def _choose(
        self, number: int, trials: Sequence[Params], ends: Sequence[TrialEnd], descents: Sequence[Descent]
    ) -> tuple[Params, Descent] | None:
        if number < self._size:
            return self._begin(number), Descent(number)
        seen = self._find_seen(number, ends)
        ended = {end.trial: order for order, end in enumerate(seen)}
        latest = {descent.member: trial for trial, descent in enumerate(descents)}
        free = [member for member, trial in latest.items() if trial in ended]
        if not free:
            return None
        # Who has been waiting longest: so nobody gets far ahead of the others.
        member = min(free, key=lambda one: ended[latest[one]])
        scores = self._score(seen, descents)
        if not scores:
            # They failed: whoever comes next may not.
            return self._begin(number), Descent(member)
        ranked = sorted(scores, key=lambda one: (scores[one][0], one))
        some = min(math.ceil(self._quantile * len(ranked)), len(ranked) // 2)
        source = random.Random(number_seed(self._seed, number))  # noqa: S311
        own = scores.get(member)
        if own is not None and own[1] == latest[member]:
            lines = {one: self._trace(seen, descents, scores[one][1]) for one in scores}
            better = sum(_is_better(lines[one], lines[member]) for one in scores if one != member)
            if some == 0 or better < len(scores) - some:
                return self._keep(number, trials[own[1]]), Descent(member, own[1])
            ranked.remove(member)
        parent = scores[source.choice(ranked[: max(some, 1)])][1]
        return self._explore(number, trials[parent], source), Descent(member, parent)

    def _find_seen(self, number: int, ends: Sequence[TrialEnd]) -> Sequence[TrialEnd]:
        """Return the ends by which a trial is chosen: the first ones, enough to have one to go on from.

        Raises:
            CannotChoose: If trials succeeded and left nothing, and no other did so far.
        """
        known = self._count_known(number)
        seen = ends[:known]
        if any(map(_is_source, seen)) or not any(end.worth.values for end in seen):
            return seen
        for order, end in enumerate(ends[known:], start=known):
            if _is_source(end):
                return ends[: order + 1]
        raise CannotChoose(_NO_CHECKPOINT)

    def _score(self, ends: Sequence[TrialEnd], descents: Sequence[Descent]) -> dict[int, tuple[float, int]]:
        """Return for each member what it reached last, lower is better, and in which trial."""
        return {
            descents[end.trial].member: (self._sign * end.worth.values[0], end.trial)
            for end in ends
            if _is_source(end)
        }

    def _trace(self, ends: Sequence[TrialEnd], descents: Sequence[Descent], trial: int) -> list[float]:
        """Return what a trial and those before it in its line had reached, oldest first; lower is better."""
        values = {end.trial: self._sign * end.worth.values[0] for end in ends if end.worth.values}
        line: list[float] = []
        wanted: int | None = trial
        while wanted is not None:
            line.append(values[wanted])
            wanted = descents[wanted].parent
        return line[::-1]

    def _begin(self, number: int) -> Params:
        drawn = draw_all(self._spec.space, self._seed, number)
        given = self._spec.tries[number] if number < len(self._spec.tries) else {}
        return active_params(self._spec.space, {**drawn, **given})

    def _keep(self, number: int, before: Params) -> Params:
        # What the space, changed since then, does not have any more is drawn anew.
        space = self._spec.space
        kept = {name: one for name, one in before.items() if name in space and contains(space[name], one)}
        return active_params(space, {**draw_all(space, self._seed, number), **kept})

    def _explore(self, number: int, before: Params, source: random.Random) -> Params:
        space = self._spec.space
        drawn = draw_all(space, self._seed, number)
        moved: Params = {}
        for name in sorted(space):
            anew, factor = source.random() < self._resample, source.choice(FACTORS)
            value = before.get(name)
            keeps = name in before and contains(space[name], value) and not anew
            moved[name] = move(space[name], value, factor) if keeps else drawn[name]
        return active_params(space, moved)


def _is_source(end: TrialEnd) -> bool:
    """Tell whether another trial can go on from this one."""
    return end.status is JobStatus.SUCCEEDED and bool(end.worth.values) and end.checkpoint is not None


def _is_better(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether one line was better than another when both had trained as long."""
    common = min(len(one), len(other)) - 1
    return one[common] < other[common]


def move(dimension: Dimension, value: Any, factor: float) -> Any:
    """Return a value near `value`: times the factor, within the range, a step away at least. Choices stay."""
    match dimension:
        case IntRange(low=low, high=high, step=step):
            away = max(round(abs(value * (factor - 1)) / step), 1) * step
            wanted = value + (away if (factor > 1) == (value >= 0) else -away)
            return min(max(wanted, low), high - (high - low) % step)
        case FloatRange(low=low, high=high, step=step) if step is not None:
            index = round((value - low) / step)
            away = max(round(abs(value * (factor - 1)) / step), 1)
            index += away if (factor > 1) == (value >= 0) else -away
            return step_at(dimension, min(max(index, 0), steps_of(dimension)))
        case FloatRange(low=low, high=high):
            # At nought a factor does nothing: a tenth of the range does.
            wanted = value * factor if value else (high - low) / 10 * (1 if factor > 1 else -1)
            return min(max(wanted, low), high)
        case _:
            return value
