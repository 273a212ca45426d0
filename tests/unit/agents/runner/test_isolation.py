"""The levels of isolation: what a machine says it has, and scripts that run the same in all of them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.runner.isolation import IsolationMissing, Isolations, find_isolations
from agents.runner.port import RunStarted, RunStopped
from schemas.facts import AttemptResult
from schemas.specs import Limits, Needs
from tests.unit.agents.runner.attempts import Bench, eventually
from tests.unit.agents.runner.conftest import BlobServer

HAS_STRICT = "strict" in find_isolations().levels
needs_strict = pytest.mark.skipif(not HAS_STRICT, reason=find_isolations().why_not_strict)
STRICT = Needs(isolation="strict")

#: Every way for a script to end, print and report: name, source, and more of the spec.
SCRIPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("", {}),
    "output": ("print('out'); import sys; print('err', file=sys.stderr)", {}),
    "without newline": ("import sys; sys.stdout.write('a\\nb'); sys.stderr.write('c')", {}),
    "exit code": ("import sys; print('{\"a\": 1}'); sys.exit(3)", {}),
    "big exit code": ("import sys; sys.exit(139)", {}),
    "exception": ("def f():\n    return {}['key']\nf()", {}),
    "signal": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", {}),
    "killed by itself": ("import os; os.kill(os.getpid(), 9)", {}),
    "flags": (
        "import argparse, json\np = argparse.ArgumentParser()\np.add_argument('--rate', type=float)\n"
        "print(json.dumps({'rate': p.parse_args().rate}))",
        {"params": {"rate": 0.25}},
    ),
    "stdin": (
        "import json, sys; print(json.dumps(json.load(sys.stdin)))",
        {"params": {"a": [1, None], "ü": "x" * 100_000}, "arguments": "stdin"},
    ),
    "argv": ("import json, sys; print(json.dumps(sys.argv))", {"argv": ("-v", "--", "a b", "ü", "")}),
    "place": (
        "import json, os, sys\nprint(json.dumps({'cwd': os.getcwd(), 'file': __file__, "
        "'session': os.getsid(0) == os.getpid(), 'mode': os.stat('.').st_mode, 'uid': os.getuid(), "
        "'prefix': sys.prefix, 'base': sys.base_prefix, 'path': sys.path[1:], 'cores': os.cpu_count()}))",
        {},
    ),
    "packages": ("import json, msgspec, ssl, sqlite3; print(json.dumps({'at': msgspec.__file__}))", {}),
    "own files": (
        "import os, tempfile\nopen('mine', 'w').write('x')\n"
        "with tempfile.NamedTemporaryFile() as f: f.write(b'y')\n"
        "open(os.path.expanduser('~/.cache-of-mine') if os.environ['HOME'].startswith(os.getcwd()) "
        "else 'cache', 'w').write('z')\nprint('{\"ok\": true}')",
        {},
    ),
    "processes": (
        "import subprocess, sys, multiprocessing, json\n"
        "def double(x): return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    print(subprocess.run([sys.executable, '-c', 'print(5)'], capture_output=True).stdout)\n"
        "    with multiprocessing.Pool(2) as pool: print(json.dumps({'sum': sum(pool.map(double, [1, 2]))}))",
        {},
    ),
    "what children print later": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(0.3)\n    print('late', flush=True)\n"
        "    os._exit(0)\nprint('early', flush=True)",
        {},
    ),
    "metrics": (
        "import idlehands, json\nfor i in range(3): idlehands.report(step=i, loss=1 / (i + 1))\n"
        "print(json.dumps({'done': idlehands.in_job()}))",
        {},
    ),
    "time limit": ("import time\nprint('on', flush=True)\ntime.sleep(60)", {"limits": Limits(2.5)}),
    "output limit": ("while True: print('x' * 1000)", {"limits": Limits(output_mb=1)}),
    "not python": ("print 'x'", {}),
}


@pytest.fixture
def basic(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "one", upload_patience_seconds=0.3, isolations=Isolations(("basic",)))
    yield bench
    bench.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "two", upload_patience_seconds=0.3, isolations=find_isolations("strict"))
    yield bench
    bench.close()


def seen(bench: Bench, result: AttemptResult) -> dict[str, object]:
    """Return all of a result and of its output that must not depend on isolation."""
    home = str(bench.home)
    token = result.token
    # Of a flood, what arrives before the kill is luck.
    flood = result.failure is not None and result.failure.kind == "output_limit"
    failure = result.failure
    return {
        "outcome": result.outcome,
        "exit code": None if flood else result.exit_code,
        "result": repr(result.result).replace(home, "HOME"),
        "failure": None if failure is None else (failure.kind, failure.message.replace(home, "HOME")),
        "traceback": None if flood or failure is None else failure.traceback.replace(home, "HOME"),
        "series": [(point.metrics, point.step) for point in result.series],
        "stdout": None if flood else [line.replace(home, "HOME") for line in bench.lines(token, "stdout")],
        "stderr": [line.replace(home, "HOME") for line in bench.lines(token, "stderr")],
        "started": len(bench.find(RunStarted, token)),
        "notes": () if flood else result.notes,
    }


@needs_strict
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_in_strict_as_in_basic(name: str, basic: Bench, strict: Bench) -> None:
    source, more = SCRIPTS[name]

    plain = seen(basic, basic.run(source, **more))
    enclosed = seen(strict, strict.run(source, **more))

    assert enclosed == plain


@needs_strict
def test_what_a_script_used_is_measured_inside(strict: Bench) -> None:
    result = strict.run(
        "import time\nblock = bytearray(60_000_000)\nend = time.process_time() + 0.3\n"
        "while time.process_time() < end: pass"
    )
    assert 0.3 <= result.cpu_seconds < 5
    assert 60 < result.max_rss_mb < 400


@needs_strict
def test_a_stop_reaches_the_script_and_not_its_sandbox(strict: Bench) -> None:
    token = strict.start(
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('asked', flush=True), sys.exit(0)))\n"
        "print('ready', flush=True)\nwhile True: time.sleep(9)"
    )
    strict.wait_line(token, "ready")
    strict.runner.stop("jaaaaaaaaaaaa", token)
    strict.wait_stopped(token)
    assert strict.wait_line(token, "asked")


@needs_strict
def test_a_stubborn_script_is_killed_with_all_it_began(strict: Bench) -> None:
    token = strict.start(
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0: os.setsid()\nprint('ready', flush=True)\nwhile True: time.sleep(9)"
    )
    strict.wait_line(token, "ready")
    strict.runner.stop("jaaaaaaaaaaaa", token, at_once=True)
    strict.wait_stopped(token)


@needs_strict
def test_the_stop_flag_is_seen_inside(strict: Bench) -> None:
    token = strict.start(
        "import idlehands, time\nprint('ready', flush=True)\n"
        "while not idlehands.should_stop(): time.sleep(0.01)\nprint('{\"stopped\": true}')"
    )
    strict.wait_line(token, "ready")
    strict.runner.wind_down("jaaaaaaaaaaaa", token)
    assert strict.wait_result(token).result == {"stopped": True}


@needs_strict
def test_checkpoints_outlive_an_attempt(strict: Bench) -> None:
    source = (
        "import idlehands, os, json, sys\npath = os.path.join(idlehands.checkpoint_dir(), 'epoch')\n"
        "if os.path.exists(path): print(json.dumps({'epoch': open(path).read()}))\n"
        "else: open(path, 'w').write('7'); sys.exit(1)"
    )
    assert strict.run(source).exit_code == 1
    assert strict.run(source).result == {"epoch": "7"}
    assert not (strict.home / "checkpoints" / "jaaaaaaaaaaaa").exists()


@needs_strict
def test_saved_files_are_handed_in(strict: Bench, rest: BlobServer) -> None:
    strict.rest_url = rest.url
    result = strict.run("import idlehands\nopen('m', 'w').write('weights')\nidlehands.save('model.pt', 'm')")
    assert result.notes[0].startswith("saved model.pt: blob ")
    assert b"weights" in rest.blobs.values()


@needs_strict
def test_strict_is_given_to_a_job_that_asks_for_it_and_basic_to_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path, isolations=find_isolations())
    source = "import json, os; print(json.dumps({'alone': os.getpid() < 10}))"
    try:
        assert bench.run(source).result == {"alone": False}
        assert bench.run(source, needs=STRICT).result == {"alone": True}
    finally:
        bench.close()


def test_a_job_whose_isolation_is_not_here_is_handed_back(basic: Bench) -> None:
    token = basic.start("print(1)", needs=STRICT)
    basic.wait_stopped(token)
    (stopped,) = basic.find(RunStopped, token)
    assert "does not have isolation strict: it runs jobs at basic only" in stopped.why
    assert basic.find(RunStarted, token) == []


@needs_strict
def test_a_sandbox_that_cannot_be_made_hands_the_job_back(tmp_path: Path) -> None:
    whole = find_isolations()
    broken = Isolations(whole.levels, (*whole.bubblewrap, "--ro-bind", "/nowhere", "/nowhere"))
    bench = Bench(tmp_path, isolations=broken)
    try:
        token = bench.start("print(1)", needs=STRICT)
        eventually(lambda: bench.find(RunStopped, token))
        (stopped,) = bench.find(RunStopped, token)
        assert "bubblewrap could not make a sandbox: bwrap: " in stopped.why
        assert bench.lines(token, "stdout") == []
    finally:
        bench.close()


def test_a_machine_without_bubblewrap_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_isolations()
    assert (found.levels, found.bubblewrap) == (("basic",), ())
    assert "bubblewrap is not installed" in found.why_not_strict
    with pytest.raises(IsolationMissing, match="isolation strict is demanded, but this machine has basic"):
        find_isolations("strict")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "setting up uid map"),
        ("exit 3", "it ended with status"),
        ("kill -9 $$", "it ended with status 9"),
    ],
)
def test_a_bubblewrap_that_does_not_work_here_is_no_strict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, why: str
) -> None:
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = find_isolations()
    assert found.levels == ("basic",)
    assert why in found.why_not_strict


@needs_strict
def test_an_owner_who_demands_strict_gets_nothing_less() -> None:
    assert find_isolations("strict").levels == ("strict",)
    assert find_isolations("basic").levels == ("basic", "strict")


@needs_strict
def test_another_interpreter_is_visible_with_its_packages(tmp_path: Path) -> None:
    import venv

    venv.create(tmp_path / "own", with_pip=False, symlinks=True)
    python = tmp_path / "own" / "bin" / "python"
    packages = tmp_path / "own" / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    (packages / "only_there.py").write_text("VALUE = 3\n")
    bench = Bench(tmp_path / "bench", isolations=find_isolations(), interpreter=str(python))
    try:
        result = bench.run(
            "import json, only_there, sys\nprint(json.dumps({'v': only_there.VALUE, 'p': sys.prefix}))",
            needs=STRICT,
        )
        assert result.result == {"v": 3, "p": str(tmp_path / "own")}
    finally:
        bench.close()
