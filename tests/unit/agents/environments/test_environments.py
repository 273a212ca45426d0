"""Environments that uv builds from tiny wheels: once, in bounds, and without a trace when it fails."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.environments.limits import EnvironmentLimits
from agents.environments.offered import InterpretersBroken, find_interpreters, offered, remove_unfinished
from agents.runner.isolation import find_isolations
from agents.runner.port import RunEnded, RunStopped
from schemas.facts import AttemptResult
from schemas.specs import JobSpec, Needs
from tests.fixtures.wheels import only_from, write_sdist, write_wheel
from tests.unit.agents.runner.attempts import Bench, eventually, is_alive, store

MakeBench = Callable[..., Bench]
BUILT = Needs(environment="script")
SHOWS = """
import json, os, sys
import tinylib
print(json.dumps({"value": tinylib.VALUE, "prefix": sys.prefix, "venv": os.environ.get("VIRTUAL_ENV")}))
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with some packages."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        write_wheel(folder, "tinylib", version, f"VALUE = {version}\n")
    write_wheel(folder, "biglib", "1.0", "VALUE = 1\n", size=3_000_000)
    return folder


@pytest.fixture
def make_bench(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeBench]:
    """Make benches whose agent takes packages from those wheels only."""
    for name, value in only_from(wheels).items():
        monkeypatch.setenv(name, value)
    benches: list[Bench] = []

    def make(**settings: Any) -> Bench:
        benches.append(Bench(tmp_path, upload_patience_seconds=0.3, **settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def header(*wanted: str, python: str = ">=3.11") -> str:
    lines = json.dumps(list(wanted))
    return f'# /// script\n# requires-python = "{python}"\n# dependencies = {lines}\n# ///\n'


def run(bench: Bench, source: str, **beside: str) -> AttemptResult:
    """Run a script with files in its bundle."""
    return bench.wait_result(start(bench, source, **beside), 60)


def start(bench: Bench, source: str, needs: Needs = BUILT, **beside: str) -> int:
    script = bench.scripts / f"script_{len(os.listdir(bench.scripts))}.py"
    script.write_text(source)
    reference = store(bench.home, script)
    for name, text in beside.items():
        (bench.home / "bundles" / reference.bundle / name.replace("_", ".")).write_text(text)
    return bench.start_spec(JobSpec(reference, needs=needs))


def built(bench: Bench) -> list[Path]:
    """Return the environments that are there, whole or not."""
    folder = bench.home / "environments"
    return sorted(path for path in folder.iterdir() if path.name != "cache") if folder.exists() else []


def test_ten_scripts_at_once_build_one_environment_and_an_agent_after_it_uses_that(
    make_bench: MakeBench, rest: Any
) -> None:
    bench = make_bench(tells_environment=True, is_warm=True)
    bench.rest_url = rest.url
    tokens = [start(bench, header("tinylib<2") + SHOWS) for _ in range(10)]
    results = [bench.wait_result(token, 60) for token in tokens]

    (place,) = built(bench)
    assert [result.result for result in results] == [
        {"value": 1.0, "prefix": str(place / "env"), "venv": str(place / "env")}
    ] * 10
    said = [bench.lines(token, "stderr") for token in tokens]
    assert sum("idlehands: building the environment" in lines[0] for lines in said if lines) == 1
    # What a sweep's trial ran in is told of that environment, not of the agent's own.
    (told,) = {result.environment for result in results}
    assert json.loads(rest.blobs[told])["packages"] == {"tinylib": "1.0"}
    assert list(place.glob("env/lib/*/site-packages/__pycache__/tinylib*.pyc"))
    bench.runner.close()
    made_at = (place / "ready.json").stat().st_mtime_ns

    # Afresh, where all of these were forked from one interpreter in there.
    assert run(make_bench(), header("tinylib<2") + SHOWS).result == results[0].result

    assert (place / "ready.json").stat().st_mtime_ns == made_at


def test_requirements_with_includes_and_a_project_are_built_and_another_pin_is_another_environment(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    project = '[project]\nname = "x"\nversion = "1"\ndependencies = ["tinylib"]\n'

    included = run(
        bench,
        SHOWS,
        requirements_txt="-r base.txt\n-c pins.txt\n",
        base_txt="tinylib\n",
        pins_txt="tinylib==1.0\n",
    )
    project_result = run(bench, SHOWS + "\n", pyproject_toml=project)

    assert included.result is not None, included.failure
    assert included.result["value"] == 1.0
    assert project_result.result is not None, project_result.failure
    assert project_result.result["value"] == 2.0
    assert len(built(bench)) == 2


@pytest.mark.slow
def test_a_lock_is_built_as_it_is_locked(make_bench: MakeBench, tmp_path: Path) -> None:
    from agents.environments.offered import find_uv

    project = (
        '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["tinylib<2"]\n'
    )
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked" / "pyproject.toml").write_text(project)
    subprocess.run([find_uv() or "", "lock"], cwd=tmp_path / "locked", check=True, capture_output=True)
    lock = (tmp_path / "locked" / "uv.lock").read_text()

    result = run(make_bench(), SHOWS, pyproject_toml=project.replace("<2", ""), uv_lock=lock)

    assert result.result is not None, result.failure
    assert result.result["value"] == 1.0


def test_what_cannot_be_met_is_a_named_failure_in_uvs_words_that_leaves_nothing_and_fails_those_that_wait(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    tokens = [start(bench, header("tinylib", "no-such-package==3") + SHOWS) for _ in range(4)]

    failures = [bench.wait_result(token, 60).failure for token in tokens]

    for failure in failures:
        assert failure is not None
        assert failure.kind == "environment_failed"
        assert "the header of script_" in failure.message
        assert "no-such-package" in failure.message
        assert "unsatisfiable" in failure.traceback
    assert built(bench) == []


@pytest.mark.parametrize(
    ("source", "beside", "words"),
    [
        ("print()", {}, "nothing says what is in it"),
        ("print()", {"requirements_txt": "-r ../outside.txt\n"}, "outside of the script's folder"),
        (header("tinylib", python=">=3.99") + SHOWS, {}, "3.99"),
    ],
)
def test_what_cannot_be_built_is_said(
    make_bench: MakeBench, source: str, beside: dict[str, str], words: str
) -> None:
    bench = make_bench()

    failure = run(bench, source, **beside).failure

    assert failure is not None
    assert (failure.kind, words in failure.message) == ("environment_failed", True), failure.message
    assert built(bench) == []


SLEEPS = """
import os, time
def build_wheel(*_, **__):
    with open({file!r}, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture
def slow_package(
    make_bench: MakeBench, tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A package whose build sleeps; the file in which it says its pid."""
    said = tmp_path / "pid"
    folder = tmp_path / "sources"
    write_sdist(folder, "sleepy", "1.0", SLEEPS.format(file=str(said)))
    monkeypatch.setenv("UV_FIND_LINKS", f"{wheels},{folder}")
    return said


def read_pid(said: Path) -> int:
    return int(eventually(lambda: said.exists() and said.read_text(), "the package is being built", 60))


def test_a_stop_ends_a_build_at_once_and_leaves_nothing(make_bench: MakeBench, slow_package: Path) -> None:
    bench = make_bench()
    token = start(bench, header("sleepy") + SHOWS)
    pid = read_pid(slow_package)

    asked = time.monotonic()
    bench.runner.stop("jaaaaaaaaaaaa", token)
    bench.wait_stopped(token)

    # The build would sleep for ten minutes.
    assert time.monotonic() - asked < 60
    assert not is_alive(pid)
    assert built(bench) == []


AGENT = """
import sys, time
from pathlib import Path
from tests.unit.agents.environments.test_environments import header, start
from tests.unit.agents.runner.attempts import Bench
start(Bench(Path(sys.argv[1])), header("sleepy") + "print()")
time.sleep(600)
"""


@pytest.mark.slow
def test_a_build_dies_with_an_agent_that_is_killed_and_the_next_agent_removes_what_it_left(
    tmp_path: Path, slow_package: Path, make_bench: MakeBench
) -> None:
    agent = subprocess.Popen([sys.executable, "-c", AGENT, str(tmp_path)], stdin=subprocess.DEVNULL)
    try:
        pid = read_pid(slow_package)
    finally:
        agent.kill()
        agent.wait()
    eventually(lambda: not is_alive(pid), "the warden has ended the build", 60)
    assert [path.name for path in (tmp_path / "home" / "environments").iterdir()] != ["cache"]

    assert built(make_bench()) == []


@pytest.mark.slow
def test_a_build_stands_still_while_the_owner_wants_that(make_bench: MakeBench, slow_package: Path) -> None:
    bench = make_bench(environment_limits=EnvironmentLimits(seconds=15))
    token = start(bench, header("sleepy") + SHOWS)
    pid = read_pid(slow_package)

    bench.runner.freeze("jaaaaaaaaaaaa", token, still=True)
    eventually(
        lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", "it stands", 30
    )
    bench.runner.freeze("jaaaaaaaaaaaa", token, still=False)
    eventually(
        lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T", "it goes on", 30
    )

    bench.runner.stop("jaaaaaaaaaaaa", token, at_once=True)
    bench.wait_stopped(token)
    assert built(bench) == []


@pytest.mark.slow
def test_a_build_that_takes_too_long_is_a_named_failure(make_bench: MakeBench, slow_package: Path) -> None:
    bench = make_bench(environment_limits=EnvironmentLimits(seconds=3))

    failure = bench.wait_result(start(bench, header("sleepy") + SHOWS), 60).failure

    assert failure is not None
    assert failure.kind == "environment_failed"
    assert "was not built within 3 s" in failure.message
    assert built(bench) == []


@pytest.mark.slow
def test_what_is_used_no_more_goes_when_room_is_needed_and_what_never_fits_is_refused(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(environment_limits=EnvironmentLimits(bytes=1_000_000))
    assert run(bench, header("tinylib<2") + SHOWS).failure is None
    (first,) = built(bench)

    too_big = run(bench, header("tinylib", "biglib") + SHOWS).failure
    assert too_big is not None
    assert too_big.kind == "environment_too_big"
    assert not (bench.home / "environments" / "cache").exists()

    bench.runner.close()
    roomier = make_bench(environment_limits=EnvironmentLimits(bytes=3_100_000))
    assert run(roomier, header("tinylib", "biglib") + SHOWS).failure is None
    assert len(built(roomier)) == 1
    assert not first.exists()


@pytest.mark.slow
def test_half_an_environment_is_never_used(make_bench: MakeBench) -> None:
    bench = make_bench()
    assert run(bench, header("tinylib") + SHOWS).failure is None
    (place,) = built(bench)
    bench.runner.close()
    # As an agent leaves it that dies while it builds.
    (place / "ready.json").unlink()
    (place / "env" / "lib").rename(place / "env" / "lost")

    remove_unfinished(bench.home)
    assert built(bench) == []

    assert run(make_bench(), header("tinylib") + SHOWS).failure is None


def test_a_machine_without_uv_hands_the_job_back(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench()
    monkeypatch.setattr("agents.environments.choosing.find_uv", lambda: None)

    token = start(bench, header("tinylib") + SHOWS)

    (stopped,) = eventually(lambda: bench.find(RunStopped, token))
    assert "uv is not installed" in stopped.why


# --- strict ------------------------------------------------------------------------------

ISOLATIONS = find_isolations()
needs_strict = pytest.mark.skipif(
    "strict" not in ISOLATIONS.levels, reason=f"no sandbox here: {ISOLATIONS.why_not_strict}"
)
STRICT = Needs(environment="script", isolation="strict")

WRITES = (
    SHOWS
    + """
try:
    open(tinylib.__file__, "a").write("#")
except OSError as error:
    print(json.dumps({"value": tinylib.VALUE, "error": error.errno}))
"""
)


@needs_strict
def test_in_strict_the_environment_cannot_be_changed_and_runs_nothing_outside_of_the_sandbox(
    make_bench: MakeBench, rest: Any, tmp_path: Path, wheels: Path
) -> None:
    ran = tmp_path / "ran"
    ran.mkdir()
    # Run by every interpreter of that environment when it starts, where it sees that folder.
    code = f"import os; os.path.isdir({str(ran)!r}) and open({str(ran / 'outside')!r}, 'w')\n"
    write_wheel(wheels, "sneaky", "1.0", "", more={"sneaky.pth": code.encode()})
    bench = make_bench(isolations=ISOLATIONS, is_warm=True, tells_environment=True)
    bench.rest_url = rest.url

    results = [
        bench.wait_result(start(bench, header("tinylib", "sneaky") + WRITES + "#" * number, STRICT), 60)
        for number in range(2)
    ]

    assert [result.result for result in results] == [{"value": 2.0, "error": 30}] * 2, results
    assert json.loads(rest.blobs[results[0].environment])["packages"] == {"sneaky": "1.0", "tinylib": "2.0"}
    assert os.listdir(ran) == []


@needs_strict
def test_in_strict_no_code_of_a_package_is_run_to_install_it_and_no_strange_address_is_asked(
    make_bench: MakeBench, slow_package: Path
) -> None:
    bench = make_bench(isolations=ISOLATIONS)
    source, strange = header("sleepy"), header("tinylib @ https://10.0.0.1/tinylib-1.0-py3-none-any.whl")

    unbuilt, refused = (
        bench.wait_result(start(bench, text + SHOWS, STRICT), 60).failure for text in (source, strange)
    )

    assert unbuilt is not None
    assert refused is not None
    assert unbuilt.kind == refused.kind == "environment_failed"
    assert "only wheels are installed" in unbuilt.message
    assert "10.0.0.1" in refused.message
    assert not slow_package.exists()


# --- named interpreters --------------------------------------------------------------------


def test_the_owner_names_interpreters_and_scripts_run_in_them(make_bench: MakeBench) -> None:
    bench = make_bench()
    base = os.path.realpath(sys.executable)
    (bench.home / "environments.json").write_text(json.dumps({"plain": base}))

    result = bench.wait_result(
        start(
            bench, "import json, sys\nprint(json.dumps({'prefix': sys.prefix}))", Needs(environment="plain")
        )
    )
    token = start(bench, "print()", Needs(environment="other"))

    assert result.result == {"prefix": sys.base_prefix}
    (stopped,) = eventually(lambda: bench.find(RunStopped, token))
    assert "no interpreter other" in stopped.why
    assert not bench.find(RunEnded, token)


def test_programs_on_path_are_offered_by_their_versions_and_shims_are_not(tmp_path: Path) -> None:
    (tmp_path / "python3.12").symlink_to(sys.executable)
    (tmp_path / "python3.13").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3.13").chmod(0o755)
    (tmp_path / "python3").symlink_to(sys.executable)

    found = find_interpreters(tmp_path, {"PATH": str(tmp_path)})

    assert found == {"python3.12": str(tmp_path / "python3.12")}
    assert "script" in offered(tmp_path, "/usr/bin/uv")
    assert "script" not in offered(tmp_path, None)


@pytest.mark.parametrize("text", ["{", "[]", '{"auto": "/bin/sh"}', '{"a b": "/bin/sh"}', '{"a": "python"}'])
def test_names_that_cannot_be_used_are_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "environments.json").write_text(text)

    with pytest.raises(InterpretersBroken, match=r"environments\.json"):
        find_interpreters(tmp_path)
