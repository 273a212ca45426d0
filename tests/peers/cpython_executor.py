"""CPython's tests of executors (wait, as_completed, executor, shutdown), run against `idlehands.Executor`.

They are not copied: the file `test_concurrent_futures.py` (a folder since
3.12) is taken from the Python that runs this, where it is installed with its
tests, or from where IDLEHANDS_CPYTHON_TESTS says. Adapted are the tests that
import a pool by name in a program of their own: there `idlehands.Executor` is
imported instead.
"""

import importlib.util
import os
import sys
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any

VARIABLE = "IDLEHANDS_CPYTHON_TESTS"
NAME = "test_concurrent_futures"
_PARTS = ("executor", "test_wait", "test_as_completed", "test_shutdown")
#: What programs of the tests import from the tests.
_SLEEP_AND_PRINT = """def sleep_and_print(t, msg):
                import sys, time
                time.sleep(t)
                print(msg)
                sys.stdout.flush()
"""


def find_tests() -> Path | None:
    """Return where CPython's tests of futures are, None if they are nowhere."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    spec = importlib.util.find_spec("test")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for found in (Path(place, f"{NAME}.py"), Path(place, NAME)):
            if found.exists():
                return found
    return None


def load_tests_of(place: Path) -> ModuleType:
    """Return a module with the classes of the tests, whatever they are distributed over."""
    name = f"test.{NAME}"
    file = place / "__init__.py" if place.is_dir() else place
    folders = [str(place)] if place.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    if place.is_dir():
        for part in (*_PARTS, "util"):
            loaded = importlib.import_module(f"{name}.{part}")
            for key, value in vars(loaded).items():
                module.__dict__.setdefault(key, value)
    return module


def build_suite(module: ModuleType, pythonpath: str, *, only: tuple[str, ...] = ()) -> unittest.TestSuite:
    """Return the tests for `idlehands.Executor`.

    Args:
        module: As `load_tests_of` returns it.
        pythonpath: For the programs that tests start.
        only: Names of tests; none: all.
    """
    from idlehands.executor import Executor

    # Tests read the class of what they test from here.
    mixin = type("HouseMixin", (module.ExecutorMixin,), {"executor_type": Executor})
    parts: list[Any] = [
        getattr(module, part)
        for part in ("ExecutorTest", "WaitTests", "AsCompletedTests", "ExecutorShutdownTest")
    ]
    for home in {sys.modules[part.__module__] for part in parts}:
        if hasattr(home, "assert_python_ok"):
            home.assert_python_ok = _run_with_idlehands(home.assert_python_ok, pythonpath)  # type: ignore[attr-defined]
    suite = unittest.TestSuite()
    for part in parts:
        made = type(f"House{part.__name__}", (mixin, part, module.BaseTestCase), {})
        for name in unittest.defaultTestLoader.getTestCaseNames(made):
            if not only or name in only:
                suite.addTest(made(name))
    return suite


def _run_with_idlehands(run: Any, pythonpath: str) -> Any:
    def adapted(*words: str, **more: Any) -> Any:
        lines = []
        for line in words[-1].splitlines(keepends=True):
            indent = line[: len(line) - len(line.lstrip())]
            if line.lstrip().startswith("from concurrent.futures import"):
                line = f"{indent}from idlehands.executor import Executor\n"
            elif line.lstrip().startswith("from test.test_concurrent_futures"):
                line = f"{indent}{_SLEEP_AND_PRINT}"
            lines.append(line)
        return run(*words[:-1], "".join(lines), __isolated=False, PYTHONPATH=pythonpath, **more)

    return adapted


def main() -> int:
    """Run all of it and return the exit code."""
    place = find_tests()
    if place is None:
        print(f"{VARIABLE} must say where CPython's {NAME} is: this Python is without its tests")
        return 2
    suite = build_suite(load_tests_of(place), os.environ.get("PYTHONPATH", ""), only=tuple(sys.argv[1:]))
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
