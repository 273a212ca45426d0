"""Scripts of every sort, run by the real runner."""

import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agents.runner import watch
from agents.runner.port import RunProgress, RunStarted
from schemas.facts import AttemptResult
from schemas.specs import JobSpec, Limits, ScriptRef
from schemas.states import Outcome
from tests.unit.agents.runner.attempts import Bench, eventually, is_alive, make_grant, store
from tests.unit.agents.runner.conftest import BlobServer


def kind(result: AttemptResult) -> str:
    assert result.outcome is Outcome.FAILED
    assert result.failure is not None
    return result.failure.kind


def test_a_script_gets_its_parameters_and_gives_its_result(bench: Bench) -> None:
    result = bench.run(
        "import argparse, json\np = argparse.ArgumentParser()\np.add_argument('--rate', type=float)\n"
        "print('working')\nprint(json.dumps({'rate': p.parse_args().rate}))",
        params={"rate": 0.25},
    )
    assert result.outcome is Outcome.SUCCEEDED
    assert (result.exit_code, result.result, result.failure) == (0, {"rate": 0.25}, None)
    assert 0 < result.cpu_seconds < 30
    assert result.max_rss_mb > 4
    assert result.started_at <= result.ended_at
    assert 0 < result.duration_seconds < 90
    assert bench.lines(1) == ["working"]
    assert len(bench.find(RunStarted, 1)) == 1


def test_positional_values_and_stdin_reach_the_script(bench: Bench) -> None:
    echo = "import sys, json; print(json.dumps({'argv': sys.argv[1:], 'stdin': sys.stdin.read()}))"
    assert bench.run(echo, params={"a": 1, "b": "x y"}, arguments="positional").result == {
        "argv": ["1", "x y"],
        "stdin": "",
    }
    result = bench.run(echo, params={"a": [1, None]}, arguments="stdin").result
    assert result is not None
    assert (result["argv"], json.loads(result["stdin"])) == ([], {"a": [1, None]})


def test_a_script_that_never_reads_a_big_stdin_ends_as_it_likes(bench: Bench) -> None:
    source = "import os; os.close(0); print('{\"done\": true}')"
    assert bench.run(source, params={"a": "x" * 200_000}, arguments="stdin").result == {"done": True}


def test_a_script_runs_as_on_the_command_line(bench: Bench) -> None:
    (bench.scripts / "beside").mkdir()
    (bench.scripts / "beside" / "__init__.py").write_text("from . import inner\n")
    (bench.scripts / "beside" / "inner.py").write_text("VALUE = 7\n")
    result = bench.run(
        "import json, os, sys\nfrom beside.inner import VALUE\nopen('own.txt', 'w').write('x')\n"
        "print(json.dumps({'value': VALUE, 'cwd': os.getcwd(), 'file': __file__, 'argv0': sys.argv[0],"
        " 'session': os.getsid(0) == os.getpid(), 'mode': os.stat('.').st_mode & 0o777,"
        " 'tmp': os.environ['TMPDIR']}))"
    ).result
    assert result is not None
    folder = bench.home / "attempts" / "jaaaaaaaaaaaa.1"
    assert (result["value"], result["cwd"], result["mode"]) == (7, str(folder), 0o700)
    assert result["file"] == str(folder / result["argv0"])
    assert result["session"]
    assert result["tmp"].startswith(str(folder))
    eventually(lambda: not folder.exists(), "its folder goes")


def test_the_environment_is_an_allow_list(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDLEHANDS_HOME", "AWS_SECRET_ACCESS_KEY", "PYTHONSTARTUP", "http_proxy", "LD_PRELOAD"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("LC_TIME", "C")
    result = bench.run("import json, os; print(json.dumps(dict(os.environ)))").result
    assert result is not None
    assert "secret" not in result.values()
    assert (result["CUDA_VISIBLE_DEVICES"], result["LC_TIME"]) == ("1", "C")
    assert (result["IDLEHANDS_JOB"], result["IDLEHANDS_TOKEN"]) == ("jaaaaaaaaaaaa", "1")
    assert result["PYTHONUNBUFFERED"] == "1"


def test_a_script_gets_a_seed_that_its_result_names(bench: Bench) -> None:
    source = "import idlehands, json\nprint(json.dumps({'seed': idlehands.seed()}))"
    drawn = [bench.run(source) for _ in range(2)]
    given = bench.run(source, seed=7)

    assert [one.result for one in drawn] == [{"seed": one.seed} for one in drawn]
    assert drawn[0].seed != drawn[1].seed
    assert (given.result, given.seed) == ({"seed": 7}, 7)


def test_a_script_without_json_succeeds_without_result(bench: Bench) -> None:
    result = bench.run("print('hello')")
    assert (result.outcome, result.result) == (Outcome.SUCCEEDED, None)


def test_an_exit_code_is_a_failure_with_the_end_of_the_traceback(bench: Bench) -> None:
    result = bench.run("import sys; print('{\"a\": 1}'); sys.exit(3)")
    assert (kind(result), result.exit_code, result.result) == ("exit", 3, {"a": 1})
    result = bench.run("try:\n    1 / 0\nexcept ArithmeticError:\n    {}['key']")
    assert kind(result) == "exit"
    assert result.failure is not None
    assert result.failure.message.endswith("KeyError: 'key'")
    assert "ZeroDivisionError" in result.failure.traceback
    assert bench.lines(2, "stderr")[-1] == "KeyError: 'key'"


def test_death_by_signal_is_named(bench: Bench) -> None:
    result = bench.run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (kind(result), result.exit_code) == ("signal", 139)
    assert "SIGSEGV" in (result.failure.message if result.failure else "")


@pytest.mark.parametrize(
    "source",
    [
        b"x = (",
        b"def f():\nreturn 1",
        b"\x7fELF\x02\x01\x00\x00",
        b"caf\xe9 = 1",
        b"<html>",
        b"print 'x'",
        b"return 1",
    ],
)
def test_what_is_not_python_never_starts(bench: Bench, source: bytes) -> None:
    result = bench.run(source)
    assert kind(result) == "not_python"
    assert bench.find(RunStarted, 1) == []
    assert bench.run(source).failure == result.failure


def test_a_big_script_that_is_not_python_is_named_by_its_interpreter(bench: Bench) -> None:
    result = bench.run(b"# x\n" * 100_000 + b"x = (")
    assert kind(result) == "not_python"
    assert "'(' was never closed" in (result.failure.message if result.failure else "")


def test_a_syntax_error_in_a_module_is_an_ordinary_failure(bench: Bench) -> None:
    (bench.scripts / "crooked.py").write_text("x = (")
    assert kind(bench.run("import crooked")) == "exit"


@pytest.mark.parametrize("entry", ["other.py", "../secret.py", "/etc/passwd", ".", "folder"])
def test_an_entry_that_is_not_in_the_bundle_is_named(bench: Bench, entry: str) -> None:
    script = bench.scripts / "s.py"
    script.write_text("import folder.inner")
    (bench.scripts / "folder").mkdir()
    (bench.scripts / "folder" / "inner.py").write_text("")
    token = bench.start_spec(JobSpec(ScriptRef(store(bench.home, script).bundle, entry)))
    assert kind(bench.wait_result(token)) == "script_missing"


def test_an_unknown_interpreter_cannot_start(tmp_path: Path) -> None:
    bench = Bench(tmp_path, interpreter="/nowhere/python")
    assert kind(bench.run("print(1)")) == "cannot_start"
    bench.close()


def test_arguments_that_no_command_line_carries_cannot_start(bench: Bench) -> None:
    result = bench.run("print(1)", params={"a": "x" * 200_000})
    assert kind(result) == "cannot_start"
    assert "stdin" in (result.failure.message if result.failure else "")
    assert kind(bench.run("print(1)", params={"a": "x\0y"})) == "cannot_start"


def test_a_home_that_cannot_be_written_is_a_named_failure(bench: Bench) -> None:
    spec = JobSpec(store(bench.home, _write(bench, "print(1)")))
    (bench.home / "attempts").write_text("a file in the way")
    assert kind(bench.wait_result(bench.start_spec(spec))) == "cannot_start"
    (bench.home / "attempts").unlink()
    assert bench.wait_result(bench.start_spec(spec)).outcome is Outcome.SUCCEEDED


def test_a_script_that_never_ends_meets_its_wall_time(bench: Bench) -> None:
    result = bench.run("while True: pass", limits=Limits(wall_seconds=0.4))
    assert kind(result) == "wall_time"
    assert 0.4 <= result.duration_seconds < 60


def test_a_script_that_ignores_term_is_killed_at_its_wall_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_TERM_SECONDS", 1.0)
    source = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(9)"
    # Time enough for a slow interpreter to begin, and to ignore the signal.
    result = bench.run(source, limits=Limits(wall_seconds=2))
    assert (kind(result), result.exit_code) == ("wall_time", 137)
    assert result.duration_seconds >= 3


def test_300_mb_of_output_cost_the_agent_little_and_are_not_lost_from_the_count(bench: Bench) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = bench.run(
        "import sys\nblock = ('a line of some length, as scripts print it ' * 2 + chr(10)) * 1000\n"
        "for _ in range(300 * 1024 * 1024 // len(block) + 1): sys.stdout.write(block)\n"
        "print('{\"done\": 1}')",
        seconds=120,
    )
    assert result.outcome is Outcome.SUCCEEDED
    assert result.result == {"done": 1}
    assert result.output_bytes > 300 * 1024 * 1024
    # The reports pile up in the test; an agent hands them on.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 25 * 1024
    assert any("log lines were dropped" in note for note in result.notes)


@pytest.mark.parametrize(
    "text", ["x" * 1000, "{" * 1000, "x" * 99 + chr(10), "50%|##|" + chr(13), '{"a":1}' + chr(10)]
)
def test_output_over_the_limit_is_a_named_failure(bench: Bench, text: str) -> None:
    source = f"import sys\nwhile True: sys.stdout.write({text!r} * 100)"
    result = bench.run(source, limits=Limits(output_mb=20), seconds=60)
    assert kind(result) == "output_limit"
    assert 20 * 2**20 < result.output_bytes < 22 * 2**20


def test_binary_output_is_harmless(bench: Bench) -> None:
    source = "import os, sys\nfor _ in range(50): sys.stdout.buffer.write(os.urandom(20000))\nprint()\n"
    source += "print('{\"a\": 1}')"
    assert bench.run(source).result == {"a": 1}


def test_a_script_may_close_its_output_and_go_on(bench: Bench) -> None:
    source = "import os, time\nos.close(1); os.close(2)\ntime.sleep(0.5)\nos._exit(4)"
    result = bench.run(source)
    assert (kind(result), result.exit_code) == ("exit", 4)
    assert result.duration_seconds >= 0.5


def test_progress_is_live_and_in_order(bench: Bench) -> None:
    source = (
        "import time, idlehands\nfor step in range(8):\n"
        "    idlehands.report(step=step, loss=1 / (step + 1), percent=step * 10)\n    time.sleep(0.1)\n"
        'print(\'{"loss": 0.1, "best": 1}\')'
    )
    result = bench.run(source)
    parts = [report.progress for report in bench.find(RunProgress, 1)]
    assert len(parts) >= 3
    # On a busy machine it may take so long that what it uses is measured as well.
    points = [point for part in parts for point in part.points]
    assert [point.step for point in points if "loss" in point.metrics] == list(range(8))
    assert [point.seq for point in points] == list(range(len(points)))
    assert parts[-1].percent == 70
    assert [point.step for point in result.series] == list(range(8))


def test_the_same_module_does_nothing_by_hand(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(
        "import os, idlehands\nassert not idlehands.in_job()\nassert not idlehands.should_stop()\n"
        "idlehands.report(step=1, loss=float('nan'))\nopen('m', 'w').close(); idlehands.save('m', 'm')\n"
        "assert os.path.isdir(idlehands.checkpoint_dir())\n"
        "assert idlehands.checkpoint_dir() == idlehands.checkpoint_dir()\n"
        "try: idlehands.save('../m', 'm')\nexcept ValueError: print('refused')\n"
    )
    folder = Path(__file__).parents[4] / "agents" / "injected"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), "TMPDIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, script], env=environment, cwd=tmp_path, capture_output=True, check=True, text=True
    )
    assert run.stdout == '{"step": 1, "loss": NaN}\nrefused\n'


def test_winding_down_is_a_flag_and_no_signal(bench: Bench) -> None:
    token = bench.start(
        "import signal, time, idlehands\nsignal.signal(signal.SIGTERM, lambda *_: print('signalled'))\n"
        "print('ready')\nwhile not idlehands.should_stop(): time.sleep(0.02)\nprint('{\"stopped\": true}')"
    )
    bench.wait_line(token, "ready")
    bench.runner.wind_down("jaaaaaaaaaaaa", token)
    assert bench.wait_result(token).result == {"stopped": True}
    assert bench.lines(token) == ["ready"]


def test_one_that_knows_of_no_flag_is_ended_soon_and_delivers_what_it_has(bench: Bench) -> None:
    token = bench.start(
        "import json, time\nfor n in range(1, 4): print(json.dumps({'loss': 1 / n}), flush=True)\n"
        "time.sleep(0.5)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    bench.wait_line(token, "ready")

    bench.runner.wind_down("jaaaaaaaaaaaa", token)
    result = bench.wait_result(token)

    assert result.outcome is Outcome.FAILED
    assert result.failure is not None
    assert result.failure.kind == "ended_early"
    assert result.result == {"loss": 1 / 3}
    assert [(point.number, point.metrics) for point in result.series] == [
        (1, {"loss": 1.0}),
        (2, {"loss": 0.5}),
        (3, {"loss": 1 / 3}),
    ]


def test_winding_down_before_the_script_runs_is_not_lost(bench: Bench) -> None:
    token = bench.start("import time\ntime.sleep(60)")
    bench.runner.wind_down("jaaaaaaaaaaaa", token)
    failure = bench.wait_result(token).failure
    assert failure is not None
    assert failure.kind == "ended_early"


def test_a_stop_sends_term_first(bench: Bench) -> None:
    token = bench.start(
        "import signal, sys, time\ndef bye(*_):\n    print('bye'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, bye)\nprint('ready')\nwhile True: time.sleep(9)"
    )
    bench.wait_line(token, "ready")
    bench.runner.stop("jaaaaaaaaaaaa", token)
    bench.wait_stopped(token)
    assert bench.lines(token) == ["ready", "bye"]


def test_a_stop_at_once_does_not_wait_for_anybody(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_TERM_SECONDS", 3600.0)
    token = bench.start(
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('pid', os.getpid())\n"
        "while True: time.sleep(9)"
    )
    pid = int(bench.wait_line(token, "pid").split()[1])
    bench.runner.stop("jaaaaaaaaaaaa", token)
    bench.runner.stop("jaaaaaaaaaaaa", token, at_once=True)
    bench.wait_stopped(token)
    assert not is_alive(pid)


def test_a_stop_of_what_is_not_here_changes_nothing(bench: Bench) -> None:
    bench.runner.stop("jaaaaaaaaaaaa", 99)
    bench.runner.wind_down("jaaaaaaaaaaaa", 99)
    assert bench.reports == []


def test_a_stop_while_the_bundle_is_fetched_ends_the_attempt(tmp_path: Path) -> None:
    # Its patience with a REST that is not there would be an hour's.
    bench = Bench(tmp_path, upload_patience_seconds=3600.0)
    token = bench.start_spec(JobSpec(ScriptRef("0" * 64, "s.py")))
    bench.runner.stop("jaaaaaaaaaaaa", token)
    bench.wait_stopped(token)
    bench.close()


def test_a_second_start_of_the_same_attempt_changes_nothing(bench: Bench) -> None:
    spec = JobSpec(store(bench.home, _write(bench, "import time; time.sleep(0.3)")))
    for _ in range(3):
        bench.runner.start(make_grant(spec, 5))
    bench.wait_result(5)
    assert len(bench.find(RunStarted, 5)) == 1


def test_many_attempts_at_once_are_kept_apart(bench: Bench) -> None:
    source = "import sys, time, json\nprint('I am', sys.argv[1])\ntime.sleep(0.1)\n"
    source += "print(json.dumps({'me': sys.argv[1]}))"
    tokens = [bench.start(source, params={"n": n}, arguments="positional") for n in range(12)]
    for n, token in enumerate(tokens):
        assert bench.wait_result(token).result == {"me": str(n)}
        assert bench.lines(token) == [f"I am {n}"]


def test_nothing_is_left_open_after_many_attempts(bench: Bench) -> None:
    def is_idle() -> bool:
        return not any(thread.name.startswith("jaaaa") for thread in threading.enumerate())

    bench.run("print(1)")
    eventually(is_idle, "the thread of the first ends")
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(10):
        bench.run("print(1)")
    eventually(is_idle, "threads end")
    assert len(os.listdir("/proc/self/fd")) <= len(before)
    assert list((bench.home / "attempts").iterdir()) == []


def test_closing_stops_what_runs_and_later_starts_fail(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    token = bench.start("import os, time; print('pid', os.getpid()); time.sleep(99)")
    pid = int(bench.wait_line(token, "pid").split()[1])
    bench.close()
    bench.wait_stopped(token)
    assert not is_alive(pid)
    assert kind(bench.run("print(1)")) == "cannot_start"


def test_all_of_stdout_is_kept_where_the_spec_asks_for_it(bench: Bench, rest: BlobServer) -> None:
    bench.rest_url = rest.url
    source = "import sys\nprint('ü')\nprint('{\"a\": 1}')\nprint('no', file=sys.stderr)\nprint('end', end='')"
    result = bench.run(source, keep_stdout=True)
    assert (result.stdout, result.stdout_blob, result.stdout_lost) == ('ü\n{"a": 1}\nend', None, 0)
    assert bench.run(source).stdout is None

    flood = bench.run("for n in range(40_000): print('line', n)", keep_stdout=True)
    assert (flood.outcome, flood.stdout) == (Outcome.SUCCEEDED, None)
    assert flood.stdout_blob is not None
    lines = rest.blobs[flood.stdout_blob].decode().splitlines()
    assert lines == [f"line {number}" for number in range(40_000)]


def test_what_is_over_the_limit_of_a_kept_stdout_is_counted(bench: Bench, rest: BlobServer) -> None:
    bench.rest_url = rest.url
    result = bench.run("import os\nfor _ in range(17): os.write(1, b'x' * 2**20)", keep_stdout=True)
    assert result.stdout_lost == 2**20
    assert result.stdout_blob is not None
    assert len(rest.blobs[result.stdout_blob]) == 16 * 2**20


def test_a_big_result_travels_as_a_blob(bench: Bench, rest: BlobServer) -> None:
    bench.rest_url = rest.url
    rest.failures = [503]
    result = bench.run("import json; print(json.dumps({'values': list(range(100_000))}))")
    assert (result.outcome, result.result) == (Outcome.SUCCEEDED, None)
    assert result.result_blob is not None
    assert json.loads(rest.blobs[result.result_blob]) == {"values": list(range(100_000))}


def test_a_big_result_that_cannot_be_sent_is_kept_and_the_failure_says_where(bench: Bench) -> None:
    result = bench.run("import json; print(json.dumps({'values': list(range(100_000))}))")
    assert kind(result) == "result_too_big"
    message = result.failure.message if result.failure else ""
    assert "184320" in message
    (kept,) = (bench.home / "kept").iterdir()
    assert str(kept) in message
    assert json.loads(kept.read_bytes()) == {"values": list(range(100_000))}


def test_a_result_over_8_mib_is_refused_by_name(bench: Bench) -> None:
    result = bench.run("print('{\"a\": \"' + 'x' * 9_000_000 + '\"}')")
    assert kind(result) == "result_too_big"
    assert "8 MiB" in (result.failure.message if result.failure else "")


def test_saved_files_are_blobs_and_the_notes_name_them(bench: Bench, rest: BlobServer) -> None:
    bench.rest_url = rest.url
    source = "import idlehands\nopen('m', 'w').write('weights')\nidlehands.save('model.pt', 'm')"
    (note,) = bench.run(source).notes
    (sha256,) = rest.blobs
    assert note == f"saved model.pt: blob {sha256}, 7 bytes"
    bench.rest_url = ""
    (note,) = bench.run(source).notes
    assert "it is kept on this machine as" in note
    (kept,) = (bench.home / "kept").iterdir()
    assert kept.read_text() == "weights"


def test_checkpoints_outlive_a_failed_attempt_and_go_with_success(bench: Bench) -> None:
    source = (
        "import idlehands, os, sys\npath = os.path.join(idlehands.checkpoint_dir(), 'c')\n"
        "if os.path.exists(path): print('{\"continued\": true}')\n"
        "else:\n    open(path, 'w').close(); sys.exit(1)"
    )
    assert kind(bench.run(source)) == "exit"
    assert bench.run(source).result == {"continued": True}
    assert kind(bench.run(source)) == "exit"


def _write(bench: Bench, source: str) -> Path:
    script = bench.scripts / "written.py"
    script.write_text(source)
    return script
