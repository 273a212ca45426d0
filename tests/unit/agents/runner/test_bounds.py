"""The kernel's bounds of a script: it has them, its children have them, and it cannot lift them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runner.isolation import find_isolations
from schemas.specs import Needs
from tests.unit.agents.runner.attempts import Bench

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has them all")
LOOK = """
import json, resource, subprocess, sys, time

def look():
    names = ("CORE", "NOFILE", "NPROC")
    found = {name: resource.getrlimit(getattr(resource, 'RLIMIT_' + name)) for name in names}
    return {**found, 'oom': int(open('/proc/self/oom_score_adj').read())}

# They are set from outside, in the first moment.
end = time.monotonic() + 10
def is_bounded(found):
    return found['CORE'] == (0, 0) and 0 < found['NOFILE'][1] <= 65_536 and 0 < found['NPROC'][1] <= 16_384
while not is_bounded(look()) and time.monotonic() < end: time.sleep(0.005)
if sys.argv[1:] == ['child']:
    print(json.dumps(look())); sys.exit()
own = look()
child = json.loads(subprocess.run([sys.executable, __file__, 'child'], capture_output=True, text=True).stdout)
try:
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1)); lifted = True
except (ValueError, OSError):
    lifted = False
print(json.dumps({"own": own, "child": child, 'lifted': lifted}))
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, isolations=find_isolations())
    yield made
    made.close()


@pytest.mark.parametrize("level", ["basic", "strict"])
def test_a_script_and_its_children_are_bounded(bench: Bench, level: str) -> None:
    if level not in find_isolations().levels:
        pytest.skip(find_isolations().why_not_strict)
    found = bench.run(LOOK, needs=Needs(isolation=level)).result  # type: ignore[arg-type]

    assert found is not None
    for who in ("own", "child"):
        assert found[who]["CORE"] == [0, 0]
        assert 0 < found[who]["NOFILE"][1] <= 65_536
        assert 0 < found[who]["NPROC"][1] <= 16_384
        # Around a sandbox it is set from outside only, and the sandbox may have been faster.
        assert found[who]["oom"] == 500 or level == "strict"
    # Of those who may lift any bound, root is one; in `strict` even root is not.
    assert not found["lifted"] or level == "basic"
