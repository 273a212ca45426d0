"""`idlehands conformance` against real agents: ours and the examples pass, broken ones are caught."""

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from idlehands.conformance import checks_orders, checks_refusing, checks_restarts, checks_working
from idlehands.conformance.suite import PARTS, run_suite
from idlehands.conformance.verdicts import Check, Verdict

pytestmark = pytest.mark.process
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
_OPTIONS = "--broker {broker} --certificate {certificate} --home {home}"
_PYTHON = shlex.quote(sys.executable)
OURS = f"{_PYTHON} -m agents {_OPTIONS} --guest dedicated --slots 1"
SHORT = {
    "short": (
        *(checks_working.first_heartbeat, checks_working.presence, checks_working.claims_an_offer),
        *(checks_working.waits_for_the_grant, checks_working.runs_what_is_granted),
    )
}


def failed(verdicts: list[Verdict], *levels: str) -> dict[str, str]:
    """Return what was seen, by the name of the check."""
    levels = levels or ("must", "should")
    return {one.check: one.seen for one in verdicts if one.status == "failed" and one.level in levels}


def python_example(folder: Path, *changes: tuple[str, str]) -> str:
    """Return the command of the Python example, with parts of its text replaced."""
    text = (EXAMPLES / "agent.py").read_text()
    for old, new in changes:
        assert old in text, f"the example does not say {old!r} any more"
        text = text.replace(old, new)
    file = folder / "agent.py"
    file.write_text(text)
    return f"{_PYTHON} {shlex.quote(str(file))} {_OPTIONS}"


def test_our_agent_does_what_it_must_from_its_first_word_to_a_running_script() -> None:
    verdicts = run_suite(OURS, SHORT)

    assert failed(verdicts) == {}
    assert {"first-heartbeat", "runs-what-is-granted", "speaks-readably"} <= {one.check for one in verdicts}


@pytest.mark.slow
def test_our_agent_keeps_the_whole_protocol() -> None:
    assert failed(run_suite(OURS, PARTS), "must") == {}


@pytest.mark.slow
def test_the_example_in_python_does_all_that_an_agent_must(tmp_path: Path) -> None:
    assert failed(run_suite(python_example(tmp_path), PARTS), "must") == {}


@pytest.mark.slow
def test_the_example_in_shell_does_all_that_an_agent_must() -> None:
    missing = [
        tool for tool in ("jq", "xxd", "curl", "openssl", "mosquitto_pub") if shutil.which(tool) is None
    ]
    if missing:
        pytest.skip(f"the example in shell needs {' and '.join(missing)}")
    example = shlex.quote(str(EXAMPLES / "agent.sh"))

    # It starts dozens of programs a message: three at a time are enough for two cores.
    verdicts = run_suite(f"bash {example} {_OPTIONS}", PARTS, together=3)

    assert failed(verdicts, "must") == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "checks", "caught"),
    [
        pytest.param(
            [("or attempt in begun:", "or False:"), ("    del claims[attempt]\n    try:", "    try:")],
            (checks_orders.runs_a_grant_once,),
            "runs-a-grant-once",
            id="it runs a grant as often as it comes",
        ),
        pytest.param(
            [('if nonce != grant["nonce"]:', "if False:"), ("    del claims[attempt]\n    try:", "    try:")],
            (checks_refusing.unsigned, checks_refusing.invented),
            "refuses-other-nonces",
            id="it looks at no nonce",
        ),
        pytest.param(
            [('(grant["agent"], grant["boot"]) != (me, boot)', "False")],
            (checks_refusing.unsigned, checks_refusing.misdirected),
            "refuses-others-grants",
            id="it takes what is another's",
        ),
        pytest.param(
            [('if what == "grant":\n        check', 'if what == "nothing":\n        check')],
            (checks_refusing.unsigned,),
            "refuses-unsigned-grants",
            id="it checks no signature",
        ),
        pytest.param(
            [('"wait": 1}', '"wait": 1e9}')],
            (
                *(checks_working.first_heartbeat, checks_working.asks_until_answered),
                *(checks_working.claims_an_offer, checks_working.runs_what_is_granted),
                checks_working.repeats_the_result,
            ),
            "repeats-the-result",
            id="it says a result once",
        ),
        pytest.param(
            [('home.glob("result-*")', "()")],
            (
                *(checks_restarts.has_a_last_will, checks_restarts.boots_with_larger_numbers),
                checks_restarts.keeps_results_over_a_kill,
            ),
            "keeps-results-over-a-kill",
            id="it forgets results when it is killed",
        ),
    ],
)
def test_a_broken_agent_is_caught(
    tmp_path: Path, changes: list[tuple[str, str]], checks: tuple[Check, ...], caught: str
) -> None:
    verdicts = run_suite(python_example(tmp_path, *changes), {"broken": checks})

    assert caught in failed(verdicts, "must")
