"""Which samplers there are, and what can be set of each."""

from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import fields

from schemas.strict import Spec

SamplerName = Literal["grid", "random", "sobol", "halton", "tpe", "gp", "cmaes", "nsga2", "nsga3", "pbt"]
#: Those whose choices follow from what became of earlier trials.
LEARNING: frozenset[str] = frozenset({"tpe", "gp", "cmaes", "nsga2", "nsga3", "pbt"})
#: Those that search for several objectives at once.
MANY_OBJECTIVES: frozenset[str] = frozenset({"tpe", "gp", "nsga2", "nsga3"})
#: Those that prefer trials that keep to the constraints.
CONSTRAINED: frozenset[str] = frozenset({"tpe", "gp", "nsga2", "nsga3"})

_Share = Annotated[float, Meta(ge=0, le=1)]


class SamplerOptions(Spec, frozen=True):
    """What can be set of a sampler. None: as Optuna has it; but sequences are scrambled."""

    #: Trials at random before it begins to learn (tpe, gp, cmaes).
    n_startup_trials: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    #: Candidates of which the best is taken (tpe).
    n_ei_candidates: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    #: Whether parameters are looked at together (tpe).
    multivariate: bool | None = None
    #: Whether trials that run keep others away (tpe).
    constant_liar: bool | None = None
    #: Whether the same parameters always give the same value (gp).
    deterministic_objective: bool | None = None
    #: Trials of one generation (cmaes, nsga2, nsga3); members of the population (pbt).
    population_size: Annotated[int, Meta(ge=2, le=10_000)] | None = None
    mutation_prob: _Share | None = None
    crossover_prob: _Share | None = None
    swapping_prob: _Share | None = None
    #: Whether the points of a sequence are scrambled (sobol, halton).
    scramble: bool | None = None
    #: The worst so many give up and go on from one of the best so many (pbt).
    quantile: Annotated[float, Meta(gt=0, le=0.5)] | None = None
    #: How often a parameter is drawn anew instead of moved by a fifth (pbt).
    resample_prob: _Share | None = None


#: Members of a population where nothing is said.
POPULATION_SIZE = 8

_OF: dict[str, tuple[str, ...]] = {
    "sobol": ("scramble",),
    "halton": ("scramble",),
    "tpe": ("n_startup_trials", "n_ei_candidates", "multivariate", "constant_liar"),
    "gp": ("n_startup_trials", "deterministic_objective"),
    "cmaes": ("n_startup_trials", "population_size"),
    "nsga2": ("population_size", "mutation_prob", "crossover_prob", "swapping_prob"),
    "nsga3": ("population_size", "mutation_prob", "crossover_prob", "swapping_prob"),
    "pbt": ("population_size", "quantile", "resample_prob"),
}


def options_of(sampler: str) -> tuple[str, ...]:
    """Return the names of what can be set of a sampler."""
    return _OF.get(sampler, ())


def given_options(options: SamplerOptions) -> dict[str, bool | int | float]:
    """Return the options that were set."""
    found = ((one.name, getattr(options, one.name)) for one in fields(SamplerOptions))
    return {name: value for name, value in found if value is not None}


def why_no_option(sampler: str, options: SamplerOptions) -> str:
    """Return why an option cannot be set for this sampler, or ""."""
    known = _OF.get(sampler, ())
    for name in given_options(options):
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            return f"{name} is no option of the sampler {sampler}: {has}"
    return ""
