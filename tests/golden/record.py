"""Plays a house in which every type of event happens, and writes its log down.

`python -m tests.golden.record 0002` adds the folder `tests/golden/0002`.
"""

import sys
from pathlib import Path

from schemas.events import AnyEvent, Decision
from schemas.facts import MachineFacts
from tests.golden.folding import write
from tests.golden.scenes_of_house import (
    play_audit,
    play_models,
    play_pipelines,
    play_schedules,
    play_services,
)
from tests.golden.scenes_of_jobs import (
    play_claims_ahead,
    play_deletions,
    play_dependencies,
    play_jobs,
    play_limits,
    play_losses,
)
from tests.golden.scenes_of_sweeps import play_asked, play_early_stopping, play_population, play_sweeps
from tests.unit.hq.core.small_house import SmallHouse


def play() -> list[Decision]:
    """Return the log of a house in which every type of event happened."""
    house = SmallHouse()
    house.boot("attic", slots=4, facts=MachineFacts("Linux", "3.11.2", "i5", 4, 8000, 1, ("cuda",), "0.1.0"))
    house.boot("den", slots=2)
    play_jobs(house)
    play_sweeps(house)
    house.restart()
    house.heartbeat("attic")
    house.heartbeat("den")
    house.settle()
    play_early_stopping(house)
    play_asked(house)
    play_population(house)
    play_services(house)
    play_models(house)
    play_losses(house)
    play_deletions(house)
    play_audit(house)
    play_dependencies(house)
    play_pipelines(house)
    play_limits(house)
    play_claims_ahead(house)
    play_schedules(house)
    missing = {kind.__name__ for kind in AnyEvent.__args__} - {type(event).__name__ for event in house.events}
    assert not missing, f"no {missing} in this log"
    return house.decisions


if __name__ == "__main__":
    write(Path(__file__).parent / sys.argv[1], play())
