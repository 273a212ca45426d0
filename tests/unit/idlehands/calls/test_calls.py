"""Calls travel whole, run only as they were signed, and come back as values or exceptions."""

import base64
import hashlib
import io
import pickle
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from agents.warm.imports import find_imports, names_beside
from idlehands.calls.bundling import build_call_bundle
from idlehands.calls.opening import NotPlain, ResultBroken, open_outcome
from idlehands.calls.packing import (
    FUNCTION_BYTES,
    INLINE_BYTES,
    PART_BYTES,
    NotPicklable,
    pack_call,
    pack_function,
)
from tests.unit.idlehands.calls.running import last_line, outcome_of, pack, params_of, run

OFFSET = 5


def add(x: int, y: int = 0) -> int:
    """Refer to a name of its module, which no agent can import."""
    return x + y + OFFSET


class Thing:
    def __init__(self, size: int) -> None:
        self.size = size


class OddError(Exception):
    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def test_a_function_of_a_module_that_is_not_installed_takes_what_it_needs_along(tmp_path: Path) -> None:
    assert outcome_of(pack(add, 1, y=2), tmp_path).value == 8


def test_what_a_call_prints_stays_apart_from_its_result(tmp_path: Path) -> None:
    done = run(params_of(pack(lambda: print("no newline", end="") or {"accuracy": 0.5}), tmp_path), tmp_path)

    assert done.stdout.splitlines()[0] == "no newline"
    # What tables and sweeps read.
    assert last_line(done)["accuracy"] == 0.5


def test_large_arguments_and_results_travel_as_files(tmp_path: Path) -> None:
    numbers, text = list(range(20_000)), bytes(PART_BYTES)
    packed = pack(lambda numbers, text: (numbers, len(text)) * 2, numbers, text)

    assert packed.sha256 in packed.blobs
    assert hashlib.sha256(text).hexdigest() in packed.blobs
    assert outcome_of(packed, tmp_path).value == (numbers, PART_BYTES) * 2
    assert (tmp_path / "saved" / "call.pickle").exists()


def test_an_array_is_mapped_and_may_be_written_to(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.asfortranarray(numpy.arange(20_000.0).reshape(100, 200))

    def change(array: Any) -> tuple[str, Any]:
        array[0, 0] = 7.0
        return type(array.base).__name__, array[:2, :2].copy()

    packed = pack(change, array)
    kind, corner = outcome_of(packed, tmp_path).value

    assert kind == "memmap"
    assert corner.tolist() == [[7.0, 1.0], [200.0, 201.0]]
    assert "numpy" in packed.imports
    (stored,) = (bytes(content) for content in packed.blobs.values() if len(content) >= PART_BYTES)
    assert (tmp_path / hashlib.sha256(stored).hexdigest()).read_bytes() == stored


def test_a_function_that_is_not_small_is_the_same_blob_in_every_call() -> None:
    text = "x" * FUNCTION_BYTES
    function = pack_function(lambda _: text)

    blobs = [set(pack_call(function, (number,), {}).blobs) for number in range(3)]

    assert blobs == [{function.sha256}] * 3
    assert len(pack_call(function, (1,), {}).payload) < INLINE_BYTES


def test_the_same_imports_are_the_same_bundle() -> None:
    build_call_bundle.cache_clear()
    first = build_call_bundle(frozenset({"numpy", "sklearn.svm"})).sha256
    build_call_bundle.cache_clear()

    assert build_call_bundle(frozenset({"sklearn.svm", "numpy"})).sha256 == first
    assert build_call_bundle(frozenset()).sha256 != first


@pytest.mark.parametrize("what", ["inline", "payload", "function", "bytes"])
def test_what_is_not_what_was_signed_is_not_opened(tmp_path: Path, what: str) -> None:
    evil = pickle.dumps(list("never opened"))
    text, large = "x" * FUNCTION_BYTES, bytes(PART_BYTES)
    given = (b"", 0) if what == "inline" else (large, list(range(5000)))
    packed = pack((lambda *_: 1) if what == "inline" else (lambda *_: text), *given)
    params = params_of(packed, tmp_path)
    if what == "inline":
        params["idlehands_payload"] = base64.b64encode(evil).decode()
    elif what == "payload":
        Path(params["idlehands_payload"]).write_bytes(evil)
    else:
        wanted = hashlib.sha256(large).hexdigest() if what == "bytes" else None
        paths = [Path(path) for path in params["idlehands_blobs"]]
        next(path for path in paths if (path.name == wanted) == (what == "bytes")).write_bytes(evil)

    done = run(params, tmp_path)

    assert done.returncode == 1
    assert "not what its author signed" in done.stderr
    assert last_line(done)["idlehands"]["type"] == "CallBroken"


def test_the_script_runs_under_its_own_name_only(tmp_path: Path) -> None:
    params = params_of(pack(add, 1), tmp_path)
    run(params, tmp_path)
    inside = tmp_path / "attempt"
    (inside / "Idlehands_call.py").write_bytes((inside / "idlehands_call.py").read_bytes())

    done = run(params, tmp_path, "Idlehands_call.py")

    assert done.returncode == 1
    assert "runs as idlehands_call.py only" in done.stderr


def test_another_version_of_python_is_told_so(tmp_path: Path) -> None:
    payload = pickle.dumps(((3, 8), b"never opened", b""), 4)
    params = {
        "idlehands_call": hashlib.sha256(payload).hexdigest(),
        "idlehands_payload": base64.b64encode(payload).decode(),
    }

    done = run(params, tmp_path)

    here = ".".join(map(str, sys.version_info[:2]))
    assert f"pickled by Python 3.8, and this is Python {here}" in done.stderr


def test_an_exception_comes_back_with_the_place_where_it_was_raised(tmp_path: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError("here")  # some comment

    outcome = outcome_of(pack(fail), tmp_path)

    assert isinstance(outcome.error, ZeroDivisionError)
    assert outcome.error.args == ("here",)
    assert 'raise ZeroDivisionError("here")  # some comment' in outcome.traceback
    assert "idlehands_call.py" not in outcome.traceback


def test_an_exception_that_cannot_be_opened_again_comes_as_its_words(tmp_path: Path) -> None:
    def fail() -> None:
        raise OddError(1, 2)

    outcome = outcome_of(pack(fail), tmp_path)

    assert isinstance(outcome.error, RuntimeError)
    assert str(outcome.error) == "OddError: 1 and 2"


def test_leaving_the_interpreter_is_an_exception_too(tmp_path: Path) -> None:
    outcome = outcome_of(pack(sys.exit, 3), tmp_path)

    assert isinstance(outcome.error, SystemExit)
    assert outcome.error.code == 3


def test_more_than_data_is_opened_only_from_who_is_trusted(tmp_path: Path) -> None:
    packed = pack(Thing, 3)

    with pytest.raises(NotPlain):
        outcome_of(packed, tmp_path)
    opened = outcome_of(packed, tmp_path, is_trusted=True).value

    # The class that was sent is the one that comes back.
    assert type(opened) is Thing
    assert opened.size == 3


@pytest.mark.parametrize(
    "evil",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cbuiltins\ngetattr\n(S'1'\nS'real'\ntR.",
        pickle.dumps(Path("x")),
        pickle.dumps(add),
    ],
)
def test_code_in_a_result_is_not_run(evil: bytes) -> None:
    said = {"call": "returned", "pickle": base64.b64encode(evil).decode()}

    with pytest.raises(NotPlain):
        open_outcome(said, lambda _: b"", is_trusted=False)


def test_plain_values_of_all_kinds_are_opened_from_everybody() -> None:
    import collections
    import datetime
    import decimal

    numpy = pytest.importorskip("numpy")
    values: list[Any] = [
        {1: (2.5, None, True, b"x", {3}, frozenset({4}), 2**80, float("inf"))},
        [complex(1, 2), range(3), decimal.Decimal("1.5"), datetime.datetime(2026, 1, 1)],
        [collections.OrderedDict(a=1), collections.deque([1]), ValueError("x", 1), KeyError()],
    ]
    for value in values:
        content = base64.b64encode(pickle.dumps(value, 5)).decode()
        opened = open_outcome({"call": "returned", "pickle": content}, lambda _: b"", is_trusted=False).value
        assert repr(opened) == repr(value)
    array = numpy.arange(6).reshape(2, 3).T
    for protocol in (4, 5):
        content = base64.b64encode(pickle.dumps([array, array[0, 0], array > 2], protocol))
        opened = open_outcome(
            {"call": "returned", "pickle": content.decode()}, lambda _: b"", is_trusted=False
        ).value
        assert opened[0].tolist() == array.tolist()
        assert opened[2].dtype == bool


@pytest.mark.parametrize(
    "said", [{"call": "returned", "pickle": "!"}, {"call": "returned"}, {"call": "raised", "pickle": "TS4="}]
)
def test_what_is_damaged_is_said_so(said: dict[str, Any]) -> None:
    with pytest.raises(ResultBroken):
        open_outcome(said, lambda _: b"", is_trusted=False)


def test_what_cannot_be_pickled_is_said_so() -> None:
    with pytest.raises(NotPicklable, match="arguments of add"):
        pack(add, threading.Lock())


def test_agents_see_what_a_call_will_import_and_have_it_ready(tmp_path: Path) -> None:
    function = pack_function(lambda: __import__("sklearn.svm"))
    bundle = build_call_bundle(function.imports | {"sklearn.svm", "numpy"})
    with tarfile.open(fileobj=io.BytesIO(bundle.content)) as tar:
        tar.extractall(tmp_path, filter="data")

    found = find_imports((tmp_path / bundle.entry).read_bytes(), tmp_path)

    assert {"sklearn.svm", "numpy", "cloudpickle", "json"} <= set(found.names)
    assert found.heavy == {"sklearn", "numpy"}
    # Whatever is beside the script would come before what a warm interpreter has under that name.
    assert names_beside(tmp_path) == {"idlehands_call", "idlehands_imports"}
