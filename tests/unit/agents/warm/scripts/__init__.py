"""Scripts that must not notice whether they were started or forked; each prints what it sees."""

from tests.unit.agents.warm.scripts.ending import ENDING
from tests.unit.agents.warm.scripts.failing import FAILING
from tests.unit.agents.warm.scripts.heavy import HEAVIER, HEAVY
from tests.unit.agents.warm.scripts.multiplying import MULTIPLYING
from tests.unit.agents.warm.scripts.script import Script
from tests.unit.agents.warm.scripts.speaking import SPEAKING

__all__ = ["HEAVIER", "HEAVY", "PLAIN", "Script"]

PLAIN = {**SPEAKING, **FAILING, **ENDING, **MULTIPLYING}
