"""The house from Python: functions that run on its machines, and what comes of them."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deploy import client_wheel
from idlehands.bundle import build_bundle
from idlehands.calls.calling import Wishes
from idlehands.calls.packing import NotPicklable
from idlehands.client.errors import HqUnreachable, RequestRefused
from idlehands.client.following import LogUpdate, StatusUpdate
from idlehands.client.house import House, connect
from idlehands.client.house_async import AsyncHouse
from idlehands.client.jobs import JobFailure, NobodyTrusts
from idlehands.client.loops import Search
from idlehands.executor import Executor
from idlehands.house.running import RunningHouse
from idlehands.house.trusting import read_trust_list, write_trust_list
from schemas.requests import DeployService, StopService
from schemas.specs import JobSpec, Needs, ScriptRef, ServiceSpec
from schemas.trust import TrustedAuthor
from tests.fixtures.broker import eventually
from tests.peers import cpython_executor

SECONDS = 60
#: Not in processes of other backends, which do not know the name.
_JOBLIBS = "idlehands and not (nested_loop and (loky or back_compat))"


class Thing:
    def __init__(self, size: int) -> None:
        self.size = size


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def square(x: float) -> float:
    return x * x


@pytest.fixture(scope="module")
def home(house: RunningHouse) -> Iterator[House]:
    """The house as a program on the HQ host has it."""
    before = os.environ.get("IDLEHANDS_HOME")
    os.environ["IDLEHANDS_HOME"] = str(house.home.path)
    try:
        with connect(timeout=60) as opened:
            yield opened
    finally:
        if before is None:
            del os.environ["IDLEHANDS_HOME"]
        else:
            os.environ["IDLEHANDS_HOME"] = before


def test_a_function_runs_on_a_machine_of_the_house_and_returns(home: House) -> None:
    job = home.submit(square, 7)

    assert job.result(SECONDS) == 49
    assert job.status == "succeeded"
    assert job.agent in home._found.own_agents
    assert list(home.map(square, range(20))) == [x * x for x in range(20)]


def test_what_a_function_raises_is_raised_here(home: House) -> None:
    def fail() -> None:
        raise LookupError("not there")

    job = home.submit(fail)

    with pytest.raises(LookupError, match="not there") as raised:
        job.result(SECONDS)
    assert 'raise LookupError("not there")' in str(raised.value.__cause__)
    # For everybody else it failed as scripts fail.
    assert job.status == "failed"
    assert "LookupError: not there" in "\n".join(job.log())


def test_large_arguments_and_results_go_by_their_hashes(home: House) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(300_000.0)

    doubled = home.submit(lambda array: Thing(array * 2), array).result(SECONDS)

    assert type(doubled) is Thing
    assert (doubled.size == array * 2).all()


def test_a_call_that_dies_is_a_named_failure(home: House) -> None:
    job = home.submit(os._exit, 3)

    with pytest.raises(JobFailure, match="exit"):
        job.result(SECONDS)


def test_a_call_that_nobody_trusts_runs_nowhere_and_says_so(
    house: RunningHouse, home: House, tmp_path: Any
) -> None:
    folder = house.home.client("cli")
    with connect(house.home.broker_address, folder, author_key=tmp_path / "olga.key") as olga:
        mark = tmp_path / "ran"
        job = olga.submit(mark.touch)

        with pytest.raises(NobodyTrusts, match="No machine trusts the author") as raised:
            job.result(SECONDS)
        assert "idlehands trust author add" in str(raised.value)
        assert olga.public_key in str(raised.value)
        assert not mark.exists()

        # Her key is added on one machine: then it runs there.
        agent = sorted(home._found.own_agents)[0]
        before = read_trust_list(house.home.agent(agent))
        author = TrustedAuthor("olga", olga.public_key)
        changed = replace(before, authors=(*before.authors, author))
        write_trust_list(house.home.agent(agent), changed)
        eventually(job.done, SECONDS)
        assert job.result() is None
        assert job.agent == agent
        assert mark.exists()
        write_trust_list(house.home.agent(agent), before)


def test_a_loop_of_ones_own_asks_and_tells_as_the_page_on_searching_says(
    home: House, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "search.md").read_text()
    (example,) = re.findall(r"```python\n(import idlehands.+?)```", page, re.DOTALL)
    names: dict[str, Any] = {}

    exec(example, names)  # noqa: S102 - it is the page that is tested

    search: Search = names["search"]
    again = home.open_search(search.id)
    assert len(again.trials) == 50
    assert all(row.state == "succeeded" and row.by == home.client.name for row in again.trials)
    assert again.best_params["layers"] == 1
    assert again.best_trial == min(again.trials, key=lambda row: row.values)
    assert again.ask() is None
    assert home.client.sweep(search.id, at_least=home.client.ping())["status"] == "finished"
    assert str(again.best_value) in capsys.readouterr().out
    with pytest.raises(RequestRefused, match="not ended"):
        again.tell(3, 0.1)


def test_a_loops_mistakes_are_said_and_change_nothing(home: House) -> None:
    search = home.optimize({"x": "0.0..1.0"}, {"loss": "min", "size": "min"}, trials=2, sampler="random")
    trial = search.ask(SECONDS)
    assert trial is not None

    with pytest.raises(RequestRefused, match="parallel") as refused:
        search.ask()
    assert refused.value.code == "too_many_asked"
    with pytest.raises(ValueError, match="not finite"):
        search.tell(trial, [float("nan"), 1])
    with pytest.raises(ValueError, match="needs a value"):
        search.tell(trial)
    with pytest.raises(RequestRefused, match="there are 2 objectives"):
        search.tell(trial, 0.5)
    with pytest.raises(RequestRefused, match="no trial 9"):
        search.tell(9, [0.5, 1])
    with pytest.raises(ValueError, match="this is no search"):
        home.optimize({"x": "1..0"}, {"loss": "min"})
    trial.report(0.5, 1)
    assert not trial.should_prune()
    search.tell(trial, [0.5, 1])

    assert [row.values for row in search.best_trials] == [(0.5, 1.0)]
    with pytest.raises(ValueError, match="several objectives"):
        _ = search.best_trial
    home.client.cancel_sweep(search.id)


@pytest.mark.slow
def test_a_loop_goes_on_when_hq_and_search_are_killed_under_it(house: RunningHouse, home: House) -> None:
    search = home.optimize(
        {"x": "0.0..1.0"}, {"loss": "min"}, trials=24, pruner={"type": "median", "startup_trials": 2}
    )
    asked: list[int] = []
    while (trial := search.ask(SECONDS)) is not None:
        asked.append(trial.number)
        name = {6: "hq", 12: "search", 18: "web"}.get(trial.number)
        if name is not None:
            os.kill(house.component(name).pid, signal.SIGKILL)
        trial.report(trial.params["x"], 1)
        search.tell(trial, trial.params["x"])

    house.wait_ready()
    assert asked == list(range(24))
    assert [row.state for row in search.trials] == ["succeeded"] * 24


def test_an_unsigned_call_is_refused(home: House) -> None:
    spec = home.caller.build_job(square, (2,))
    spec = replace(spec, script=replace(spec.script, signature=None))

    with pytest.raises(RequestRefused, match="its author's word only"):
        home.submit_specs([spec])


def test_an_executor_does_what_those_of_the_standard_library_do(
    home: House, capfd: pytest.CaptureFixture[str]
) -> None:
    def say(x: int) -> int:
        print(f"seen {x}")
        return 1 // x

    with Executor(max_workers=3, house=home) as pool:
        assert list(pool.map(pow, range(5), range(5), chunksize=2)) == [1, 1, 4, 27, 256]
        one, none = pool.submit(say, 1), pool.submit(say, 0)
        assert one.result(SECONDS) == 1
        assert isinstance(none.exception(SECONDS), ZeroDivisionError)
        with pytest.raises(ValueError, match="chunksize"):
            pool.map(pow, [1], [1], chunksize=0)
        with pytest.raises(NotPicklable):
            pool.submit(say, sys.stdout.buffer).result()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(pow, 1, 1)
    printed = capfd.readouterr()
    assert {"seen 1", "seen 0"} <= set(printed.out.splitlines())
    # It comes with the exception.
    assert "ZeroDivisionError" not in printed.err


def test_calls_that_are_cancelled_never_run(home: House, tmp_path: Path) -> None:
    pool = Executor(max_workers=1, house=home)
    go = tmp_path / "go"
    first = pool.submit(wait_for, go)
    others = [pool.submit((tmp_path / str(number)).touch) for number in range(20)]
    # What does not run yet is cancelled too, on a busy machine also the first.
    eventually(lambda: first.running() or first.done(), seconds=SECONDS)

    pool.shutdown(wait=False, cancel_futures=True)
    go.touch()
    pool.shutdown()

    assert first.result(0) is None
    assert any(future.cancelled() for future in others)
    for number, future in enumerate(others):
        if not future.cancelled():
            assert (tmp_path / str(number)).exists()
        elif future.job is None:
            assert not (tmp_path / str(number)).exists()


def test_a_call_that_nobody_trusts_is_an_exception_of_its_future(house: RunningHouse, tmp_path: Path) -> None:
    folder = house.home.client("cli")
    with (
        connect(house.home.broker_address, folder, author_key=tmp_path / "eve.key") as eve,
        Executor(house=eve) as pool,
    ):
        futures = [pool.submit(square, number) for number in range(3)]

        assert all(isinstance(future.exception(SECONDS), NobodyTrusts) for future in futures)


@pytest.mark.slow
def test_cpythons_own_tests_of_executors_pass(home: House) -> None:
    place = cpython_executor.find_tests()
    if place is None:
        pytest.skip(f"this Python is without its tests; {cpython_executor.VARIABLE} may say where they are")
    printed = subprocess.run(
        [sys.executable, "-m", "tests.peers.cpython_executor"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.returncode == 0, printed.stderr[-5000:]


def test_joblib_uses_every_machine_of_the_house(home: House, tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    import idlehands.joblib  # noqa: F401 - it makes the name known

    def where(number: int) -> str:
        machine = os.getcwd().split("/agents/")[1].split("/")[0]
        (tmp_path / machine).touch()
        # Whoever is fast does not take all of them.
        deadline = time.monotonic() + SECONDS
        while len(os.listdir(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        return machine

    with joblib.parallel_config("idlehands", house=home, n_jobs=-1):
        assert joblib.effective_n_jobs(-1) == 4
        machines = joblib.Parallel()(joblib.delayed(where)(number) for number in range(8))
        with pytest.raises(ZeroDivisionError):
            joblib.Parallel()(joblib.delayed(divmod)(1, number) for number in range(3))

    assert set(machines) == home._found.own_agents


@pytest.mark.slow
def test_scikit_learn_scores_the_same_as_here(home: House) -> None:
    joblib = pytest.importorskip("joblib")
    pytest.importorskip("sklearn")
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, cross_val_score

    import idlehands.joblib  # noqa: F401 - it makes the name known

    table, answers = make_classification(900, 20, random_state=1)
    space = {"C": [0.1, 1.0, 10.0]}

    with joblib.parallel_config("idlehands", house=home):
        scores = cross_val_score(LogisticRegression(), table, answers, cv=4, n_jobs=-1)
        found = GridSearchCV(LogisticRegression(), space, cv=3, n_jobs=-1).fit(table, answers)

    assert (scores == cross_val_score(LogisticRegression(), table, answers, cv=4)).all()
    known = GridSearchCV(LogisticRegression(), space, cv=3).fit(table, answers)
    assert found.best_params_ == known.best_params_
    assert (found.cv_results_["mean_test_score"] == known.cv_results_["mean_test_score"]).all()
    assert (found.predict(table) == known.predict(table)).all()


@pytest.mark.slow
def test_joblibs_own_tests_pass(home: House) -> None:
    pytest.importorskip("joblib")
    words = (
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.peers.joblib_backend",
        "-p",
        "no:cacheprovider",
        "-W",
        "default",
        # Not our settings: its own marks are unknown to them.
        "-c",
        os.devnull,
    )
    printed = subprocess.run(
        [sys.executable, *words, "--pyargs", "joblib.test.test_parallel", "-k", _JOBLIBS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.returncode == 0, printed.stdout[-5000:]


def test_who_closes_the_house_leaves_nobody_waiting(house: RunningHouse, home: House) -> None:
    mine = connect(house.home.broker_address, house.home.client("cli"))
    # No machine has it: the call waits for as long as nobody takes it back.
    pool = Executor(1, house=mine, wishes=Wishes(needs=Needs(labels=("nowhere",))))
    futures = [pool.submit(pow, 2, 1), pool.submit(pow, 2, 2)]

    eventually(lambda: futures[0].job is not None, SECONDS)
    mine.close()

    assert [type(future.exception(SECONDS)) for future in futures] == [HqUnreachable, HqUnreachable]
    pool.shutdown()
    home.client.cancel([futures[0].job or ""])


ALONE = """
import sys
import agents
assert agents.Runner == "of another distribution"
import idlehands
before = set(sys.modules)
assert not {"paho", "msgspec", "cryptography"} & {name.partition(".")[0] for name in before}
with idlehands.connect(sys.argv[1], sys.argv[2], author_key=sys.argv[3], trust=["*"]) as house:
    with idlehands.Executor(house=house) as pool:
        print(sum(pool.map(lambda x: x * x, range(4))))
assert not {"bus", "schemas", "trust", "hq", "dash_app"} & set(sys.modules)
assert sys.modules["agents"] is agents
"""


def test_the_clients_wheel_lives_beside_another_distribution_called_agents(
    house: RunningHouse, tmp_path: Path
) -> None:
    wheel = client_wheel.main(tmp_path / "dist")
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    assert {path.name for path in site.iterdir()} == {
        "idlehands",
        f"{wheel.name.rsplit('-', 3)[0]}.dist-info",
    }
    # As openai-agents does, which is larger.
    (site / "agents").mkdir()
    (site / "agents" / "__init__.py").write_text('Runner = "of another distribution"\n')
    installed = Path(sysconfig.get_paths()["purelib"])
    for name in ("paho", "msgspec", "cryptography", "cloudpickle", "_cffi_backend*", "cffi", "platformdirs"):
        for found in installed.glob(name):
            (site / found.name).symlink_to(found)

    printed = subprocess.run(
        [
            *(tmp_path / "venv" / "bin" / "python", "-c", ALONE),
            *(house.home.broker_address, house.home.client("cli"), house.home.service("hq") / "author.key"),
        ],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.returncode == 0, printed.stderr
    assert printed.stdout == "14\n"


def test_a_program_with_an_event_loop_follows_its_jobs(home: House, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import json, sys\nprint('beginning')\nprint(json.dumps({'depth': int(sys.argv[2])}))\n"
    )

    async def program() -> tuple[Any, list[Any], list[Any]]:
        house = AsyncHouse(home)
        job = await house.submit(script, depth=3)
        updates = [update async for update in job.follow()]
        both = [value async for value in house.map(square, (2, 3))]
        with pytest.raises(LookupError):
            await (await house.submit({}.popitem)).result(SECONDS)
        return await job.result(SECONDS), updates, both

    result, updates, both = asyncio.run(program())

    assert result == {"depth": 3}
    assert both == [4, 9]
    assert any(isinstance(update, LogUpdate) and "beginning" in update.lines for update in updates)
    assert isinstance(updates[-1], StatusUpdate)
    assert updates[-1].status == "succeeded"


def test_a_notebook_shows_jobs_and_results(home: House) -> None:
    jobs = home.submit_all(square, range(3))
    assert jobs.results(SECONDS) == [0, 1, 4]

    shown = jobs._repr_html_()
    assert "3 of 3 ended" in shown
    assert jobs[0].id in shown
    jobs[0].name = "<script>"
    assert "<script>" not in jobs[0]._repr_html_()
    eventually(lambda: {job.id for job in jobs} <= set(home.results()["job"]), SECONDS)
    table = home.results().set_index("job")
    assert table.loc[jobs[2].id, "value"] == 4
    assert not [name for name in table.columns if "idlehands" in name]


def test_the_examples_of_the_page_run(home: House, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
    program = tmp_path / "program.py"
    program.write_text("\n".join(re.findall(r"```python\n(.*?)```", page, re.S)))

    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "[1, 2, 4, 8, 16]" in done.stdout


def test_importing_idlehands_loads_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import idlehands\n"
        "print({name.partition('.')[0] for name in set(sys.modules) - before}); "
        "[getattr(idlehands, name) for name in idlehands.__all__]\n"
        "print(sorted(set(idlehands._WHERE) ^ set(idlehands.__all__)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded, difference = done.stdout.splitlines()
    assert "idlehands" in loaded
    for heavy in ("paho", "msgspec", "cryptography", "cloudpickle", "asyncio", "ssl", "concurrent", "bus"):
        assert f"'{heavy}'" not in loaded
    assert difference == "['register_joblib']"


TRAIN = """
import argparse, json, idlehands
given = argparse.ArgumentParser()
given.add_argument("--x", type=float)
given.add_argument("--shift", type=float, default=0)
args = given.parse_args()
with open("model.txt", "w") as file:
    file.write(f"x is {args.x}")
idlehands.save("model.txt", "model.txt")
print(json.dumps({"score": -abs(args.x + args.shift - 3)}))
"""


def test_a_sweep_is_followed_and_its_best_trial_becomes_a_model(home: House, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)

    sweep = home.sweep(
        tmp_path / "train.py",
        {"x": "1..4"},
        {"score": "max"},
        params={"shift": 0.5},
        trials=4,
        sampler="grid",
    )
    updates = list(sweep.follow(SECONDS))

    assert (updates[-1].status, updates[-1].succeeded) == ("finished", 4)
    assert (sweep.best_value, sweep.best_params) == (-0.5, {"shift": 0.5, "x": 2})
    assert "4 of 4 trials over, best -0.5" in sweep._repr_html_()
    name = f"from-{sweep.id}"
    assert sweep.promote(name, stage="production") == f"model://{name}@1"
    (file,) = home.get_model(f"{name}@production", tmp_path / "model")
    assert file.read_text() == "x is 2.0"
    assert home.client.model(name)["lineage"]["sweep"] == sweep.id
    pytest.importorskip("pandas")
    table = sweep.results()
    assert list(table["score"]) == sorted(table["score"], reverse=True)


def test_what_is_no_sweep_is_said_before_anything_is_sent(home: House, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)

    with pytest.raises(ValueError, match="this is no search"):
        home.sweep(tmp_path / "train.py", {"x": "1..4"}, {"score": "most"})


def test_a_service_is_called_as_a_function_is_also_with_an_event_loop(home: House, tmp_path: Path) -> None:
    (tmp_path / "encoding.py").write_text("def encode(text: str, times: int = 1):\n    return text * times\n")
    bundle = build_bundle(tmp_path / "encoding.py")
    home.client.put_blob(bundle.content)
    job = JobSpec(ScriptRef(bundle.sha256, bundle.entry))
    home.client.ask(DeployService(service=ServiceSpec("python-encode", job, function="encode")))
    try:
        encode = home.service("python-encode", deadline=SECONDS)
        assert encode(text="ab", times=2) == "abab"
        assert [one.result(SECONDS) for one in [encode.submit(text=text) for text in "xyz"]] == list("xyz")
        assert asyncio.run(AsyncHouse(home).call("python-encode", text="c")) == "c"
        with pytest.raises(RequestRefused) as refused:
            encode(wrong=1)
        assert refused.value.code == "bad_params"
    finally:
        home.client.ask(StopService(service="python-encode"))
