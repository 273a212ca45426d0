"""What an agent tells of its machine, and that telling it costs an idle agent nothing."""

import os
import subprocess
import sys

import msgspec

from agents.facts import count_cores, read_facts
from schemas.facts import MachineFacts


def test_the_facts_of_this_machine_make_sense() -> None:
    facts = read_facts(labels=("cuda",), gpus=2, version="0.1.0")

    assert facts.cores == count_cores() == len(os.sched_getaffinity(0))
    assert facts.memory_mb > 100
    assert facts.python == ".".join(map(str, sys.version_info[:3]))
    assert (facts.gpus, facts.labels, facts.version) == (2, ("cuda",), "0.1.0")
    assert facts.system.startswith("Linux")


def test_facts_are_what_the_schema_allows() -> None:
    facts = read_facts(labels=(), gpus=0, version="0")

    assert msgspec.json.decode(msgspec.json.encode(facts), type=MachineFacts) == facts


def test_cores_that_this_process_may_not_use_do_not_count() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from agents.facts import count_cores; print(count_cores())"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


def test_an_idle_agent_imports_nothing_heavy() -> None:
    heavy = (
        "asyncio",
        "psutil",
        "requests",
        "httpx",
        "pymongo",
        "pydantic",
        "cryptography",
        "numpy",
        "typer",
    )
    code = f"import agents.__main__, sys; print([name for name in {heavy!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
