"""A second computer joins with the printed line and works: in network namespaces, with own addresses."""

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from idlehands.house.files import write_private
from idlehands.house.home import Home, open_home
from idlehands.house.status import read_status
from tests.contract.bus_worlds import eventually
from tests.fixtures.computers import Computer, network, why_not

pytestmark = pytest.mark.process
PATIENCE_SECONDS = 90.0
SCRIPT = 'import json, socket\nprint(json.dumps({"addresses": len(socket.if_nameindex())}))\n'


class Program:
    """A command of idlehands on a computer. What it says goes to files."""

    def __init__(self, computer: Computer, home: Path, log: Path, *words: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IDLEHANDS_")}
        self._said, self._told = log.with_suffix(".err"), log.with_suffix(".out")
        with self._said.open("wb") as said, self._told.open("wb") as told:
            self.process = subprocess.Popen(
                [*computer.exec_prefix, sys.executable, "-P", "-m", "idlehands", *words],
                env=kept | {"IDLEHANDS_HOME": str(home)},
                stdin=subprocess.PIPE,
                stdout=told,
                stderr=said,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def told(self) -> str:
        return self._told.read_text()

    def answer(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_for(self, text: str) -> str:
        """Wait until it has said `text` and return the line."""

        def look() -> str | None:
            assert self.process.poll() in (None, 0), self.said
            return next((line for line in self.said.splitlines() if text in line), None)

        found = eventually(look, PATIENCE_SECONDS)
        assert found is not None
        return found

    def end(self, code: int = 0) -> None:
        """Wait for its end."""
        assert self.process.wait(PATIENCE_SECONDS) == code, self.said

    def stop(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture
def computers() -> Iterator[list[Computer]]:
    why = why_not()
    if why:
        pytest.skip(why)
    with network(3) as made:
        yield made


@pytest.fixture
def house(computers: list[Computer], tmp_path: Path) -> Iterator[Home]:
    """A house on the first computer, which has no agent of its own."""
    home = open_home(tmp_path / "hq")
    settings = msgspec.structs.replace(home.settings, address=computers[0].address)
    write_private(home.path / "house.json", msgspec.json.encode(settings))
    home = open_home(home.path)
    up = Program(computers[0], home.path, tmp_path / "up", "up", "--no-agent")
    try:
        eventually(lambda: up.process.poll() is not None or read_status(home).ready, PATIENCE_SECONDS)
        assert up.process.poll() is None, up.said
        yield home
    finally:
        up.stop()


def test_a_second_computer_joins_with_the_printed_line_and_runs_a_job_in_under_a_minute(
    computers: list[Computer], house: Home, tmp_path: Path
) -> None:
    hq, attic, cellar = computers
    script = tmp_path / "look.py"
    script.write_text(SCRIPT)
    with contextlib.ExitStack() as stack:

        def start(where: Computer, home: Path, log: str, *words: str) -> Program:
            program = Program(where, home, tmp_path / log, *words)
            stack.callback(program.stop)
            return program

        began = time.monotonic()
        pair = start(hq, house.path, "pair", "pair")
        line = eventually(lambda: pair.told.strip(), PATIENCE_SECONDS)
        words = shlex.split(line)
        joining = start(attic, tmp_path / "attic", "join", *words[words.index("join") :], "--name", "attic")
        shown = pair.wait_for("these four words").rpartition("words:")[2].strip()
        assert joining.wait_for("four words").rpartition(":")[2].strip() == shown
        assert attic.address in pair.said
        pair.answer("y\n")
        pair.end()
        run = start(hq, house.path, "run", "run", "--agent", "attic", str(script))
        run.end()
        assert time.monotonic() - began < 60
        assert '"addresses":2' in run.told

        # Once more, without being told where HQ is, and without a person.
        pair = start(hq, house.path, "pair2", "pair", "--auto", "--name", "cellar")
        token = shlex.split(eventually(lambda: pair.told.strip(), PATIENCE_SECONDS))
        joining = start(cellar, tmp_path / "cellar", "join2", "join", token[token.index("join") + 1])
        joining.end()
        pair.end()
        assert "by mDNS" in joining.said
        start(cellar, tmp_path / "cellar", "agent", "agent")
        run = start(hq, house.path, "run2", "run", "--agent", "cellar", str(script))
        run.end()

        # The operator's laptop may do what operators do, from its own address.
        pair = start(hq, house.path, "pair3", "pair", "--auto", "--role", "operator", "--name", "laptop")
        token = shlex.split(eventually(lambda: pair.told.strip(), PATIENCE_SECONDS))
        start(cellar, tmp_path / "laptop", "join3", *token[token.index("join") :]).end()
        pair.end()
        run = start(cellar, tmp_path / "laptop", "run3", "run", "--agent", "attic", str(script))
        run.end()
        assert '"addresses":2' in run.told
