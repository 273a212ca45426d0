"""When a script is forked and when it is started; how many warm interpreters there are; what if one dies."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.runner.isolation import find_isolations
from agents.runner.port import RunStopped
from agents.warm.pool import PoolLimits
from schemas.specs import Needs
from tests.unit.agents.runner.attempts import Bench, eventually, is_alive
from tests.unit.agents.warm.runs import Runs
from tests.unit.agents.warm.scripts import Script

needs_bubblewrap = pytest.mark.skipif(not shutil.which("bwrap"), reason="needs bubblewrap")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    runs = Runs(tmp_path_factory.mktemp("warmth"), find_isolations())
    yield runs
    runs.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, upload_patience_seconds=0.3, is_warm=True)
    yield bench
    bench.close()


def _print(expression: str, imports: str = "") -> Script:
    return Script(f"import json, os, sys\n{imports}\nprint(json.dumps({expression}))")


def _read(runs: Runs, script: Script) -> Any:
    forked = runs.fork(script, runs.make(script))
    assert forked is not None
    return json.loads(forked.stdout)


def test_scripts_draw_different_random_numbers(runs: Runs) -> None:
    drawn = _print(
        "[random.random(), np.random.rand(), mp.current_process().authkey.hex()]",
        "import random, multiprocessing as mp\nimport numpy as np",
    )
    first, second = _read(runs, drawn), _read(runs, drawn)
    assert not set(first) & set(second)


def test_a_script_finds_nothing_of_the_one_before(runs: Runs) -> None:
    leaves = Script("import json, os, sys\nsys.left = json.left = 'x'\nos.environ['LEFT'] = 'x'\nprint(1)")
    runs.fork(leaves, runs.make(leaves))
    assert _read(runs, _print("[hasattr(sys, 'left'), hasattr(json, 'left'), 'LEFT' in os.environ]")) == [
        *(False, False, False)
    ]


def test_what_a_library_sets_up_at_its_first_use_is_there_already(runs: Runs) -> None:
    # pandas imports it with the first sum.
    assert _read(runs, _print("'pyarrow.pandas_compat' in sys.modules", "import pandas"))


def test_a_module_that_covers_one_of_the_library_gets_a_fresh_interpreter(runs: Runs) -> None:
    _read(runs, _print("1", "import random"))
    script = Script("import json, random\nprint(random.mine)", beside=(("random.py", "mine = 1\n"),))
    assert runs.fork(script, runs.make(script)) is None


def test_settings_beside_the_script_that_a_library_reads_get_a_fresh_interpreter(runs: Runs) -> None:
    script = Script("import matplotlib", beside=(("matplotlibrc", "backend: svg\n"),))
    assert runs.fork(script, runs.make(script)) is None


def test_another_environment_gets_a_warm_interpreter_of_its_own(runs: Runs) -> None:
    script = _print("[os.environ.get('LANGUAGE'), os.getppid()]")
    folder = runs.make(script)
    one = runs.fork(script, folder)
    other = runs.fork(script, folder, {**runs.environment(folder), "LANGUAGE": "de"})
    assert one is not None
    assert other is not None
    (_, parent), (language, other_parent) = json.loads(one.stdout), json.loads(other.stdout)
    assert language == "de"
    assert parent != other_parent


def test_a_library_that_starts_threads_at_import_is_not_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As `joblib` would if it did: the name must be one that is imported ahead.
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "joblib.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    script = _print("[len(os.listdir('/proc/self/task')), 'joblib' in sys.modules]", "import joblib")
    runs = Runs(tmp_path / "home", find_isolations())
    (tmp_path / "home").mkdir()
    try:
        folder = runs.make(script)
        environment = runs.environment(folder)
        environment["PYTHONPATH"] = f"{packages}:{environment['PYTHONPATH']}"
        assert runs.fork(script, folder, environment) is None
        forked = runs.fork(script, folder, environment)
        assert forked is not None
        assert json.loads(forked.stdout) == [2, True]
    finally:
        runs.close()


#: How matplotlib keeps the answer, in 3.11 as in those before.
MATPLOTLIB = """
import functools, os
def _logged_cached(func):
    called = False
    ret = None
    @functools.wraps(func)
    def wrapper(**kwargs):
        nonlocal called, ret
        if not called:
            ret = func(**kwargs)
            called = True
        return ret
    return wrapper
@_logged_cached
def get_configdir():
    return os.environ['HOME']
get_configdir()
# What another HOME would have left.
get_configdir.__closure__[get_configdir.__code__.co_freevars.index('ret')].cell_contents = 'old'
get_cachedir = len
"""


def test_matplotlib_s_folders_are_those_of_the_script(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    (packages / "matplotlib").mkdir(parents=True)
    (packages / "matplotlib" / "__init__.py").write_text(MATPLOTLIB)
    script = _print("matplotlib.get_configdir()", "import matplotlib")
    (tmp_path / "home").mkdir()
    runs = Runs(tmp_path / "home", find_isolations())
    try:
        folder = runs.make(script)
        environment = runs.environment(folder)
        environment["PYTHONPATH"] = f"{packages}:{environment['PYTHONPATH']}"
        environment["HOME"] = str(folder)
        forked = runs.fork(script, folder, environment)
        assert forked is not None
        assert (forked.stderr, json.loads(forked.stdout)) == (b"", str(folder))
    finally:
        runs.close()


def test_few_are_kept_and_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    runs = Runs(tmp_path, find_isolations())
    runs.launcher.pool._limits = PoolLimits(count=2)
    script = _print("os.getppid()")
    try:
        parents = []
        for language in ("de", "fr", "it"):
            folder = runs.make(script)
            forked = runs.fork(script, folder, {**runs.environment(folder), "LANGUAGE": language})
            assert forked is not None
            parents.append(json.loads(forked.stdout))
        eventually(lambda: runs.launcher.pool.count() == 2)
        eventually(lambda: not is_alive(parents[0]))
        assert is_alive(parents[1])
        assert is_alive(parents[2])
        runs.launcher.pool.cool()
        eventually(lambda: not any(is_alive(parent) for parent in parents))
        assert runs.launcher.pool.count() == 0
    finally:
        runs.close()


def test_the_owner_gets_the_memory_back_at_once_and_the_next_script_a_new_interpreter(bench: Bench) -> None:
    script = "import os\nprint('{\"parent\": %d}' % os.getppid())"
    parent = bench.run(script).result["parent"]
    assert is_alive(parent)

    bench.runner.cool()

    eventually(lambda: not is_alive(parent))
    assert bench.run(script).result["parent"] not in (parent, os.getpid())


def test_a_script_lives_on_when_its_warm_interpreter_is_killed(bench: Bench) -> None:
    token = bench.start(
        "import os, sys\nprint('parent', os.getppid())\nsys.stdin.read()\nimport time\ntime.sleep(1)"
    )
    parent = int(bench.wait_line(token, "parent").split()[1])
    os.kill(parent, signal.SIGKILL)
    assert bench.wait_result(token).exit_code == 0
    assert bench.run("import os\nprint('{\"x\": 1}')").result == {"x": 1}


@needs_bubblewrap
def test_a_job_in_strict_is_handed_back_when_its_warm_interpreter_is_killed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, isolations=find_isolations(), is_warm=True)
    needs = Needs(isolation="strict")
    try:
        token = bench.start("print('ready')\nimport time\ntime.sleep(60)", needs=needs)
        bench.wait_line(token, "ready")
        pool = bench.runner._site.warm.pool  # type: ignore[union-attr]
        pool._places[0].interpreter.process.kill()  # type: ignore[union-attr]
        eventually(lambda: bench.find(RunStopped, token), "the attempt was handed back", 60)
        assert "warm interpreter" in bench.find(RunStopped, token)[0].why
        assert bench.run("print('{\"x\": 1}')", needs=needs).result == {"x": 1}
    finally:
        bench.close()


def test_secrets_never_come_into_a_shared_interpreter(tmp_path: Path) -> None:
    bench = Bench(tmp_path, is_warm=True)
    try:
        bench.run("print(1)")
        warm = bench.runner._site.warm  # type: ignore[union-attr]
        assert warm is not None
        assert warm.pool.count() == 1
        result = bench.run("import os\nprint('{\"x\": %d}' % os.getppid())", secrets=("TOKEN",))
        # This bench has no key for secrets; what counts is that no warm interpreter was asked.
        assert result.failure is not None
        assert result.failure.kind == "secrets_missing"
    finally:
        bench.close()


def test_a_script_that_cannot_be_read_gets_a_fresh_interpreter_whose_words_for_it_are_python_s(
    runs: Runs,
) -> None:
    for source in ("# -*- coding: nonsense -*-\n", "print(1)\n\0"):
        script = Script(source)
        assert runs.fork(script, runs.make(script)) is None
