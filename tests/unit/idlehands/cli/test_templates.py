"""What is submitted later is built as a submit builds it."""

from pathlib import Path
from typing import Any

import pytest

from idlehands.cli.exits import Stop
from idlehands.cli.job_options import Template
from idlehands.cli.taking import parse_take
from idlehands.cli.templates import build_template


class Storing:
    """Stands where the client is: keeps what is uploaded."""

    def put_blob(self, content: bytes) -> str:
        return "0" * 64


def test_a_script_with_its_options_becomes_a_job(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    script.write_text("print(1)\n")
    client: Any = Storing()
    found = build_template(
        client, script, [], None, Template(param=["x=3"], project="wine", tag=["a"], note="n", env="agent")
    )
    job = found["job"]
    assert (job.params, job.project, job.script.entry, job.after) == ({"x": 3}, "wine", "a.py", ())


def test_neither_script_nor_sweep_and_both_are_refused(tmp_path: Path) -> None:
    client: Any = Storing()
    for script, sweep in ((None, None), (tmp_path / "a.py", tmp_path / "b.json")):
        with pytest.raises(Stop):
            build_template(client, script, [], sweep, Template())


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("c=/after", ("c", {"pointer": "/after", "type": "text"})),
        ("w=:number:0..20000", ("w", {"pointer": "", "type": "number", "minimum": 0, "maximum": 20_000})),
        ("n=/n:integer:1..", ("n", {"pointer": "/n", "type": "integer", "minimum": 1})),
        ("m=/m:a|b", ("m", {"pointer": "/m", "choices": ["a", "b"]})),
        ("b=/b:boolean", ("b", {"pointer": "/b", "type": "boolean"})),
    ],
)
def test_what_to_take_is_said_in_one_word(word: str, expected: tuple[str, dict[str, Any]]) -> None:
    assert parse_take(word) == expected


@pytest.mark.parametrize(
    "word", ["x", "=x", "x=/x:int", "x=/x:number:1-2", "x=/x:text:1..2", "x=/x:number:a..b"]
)
def test_what_cannot_be_taken_is_refused(word: str) -> None:
    with pytest.raises(Stop):
        parse_take(word)
