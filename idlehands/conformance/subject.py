"""The agent under test as a process: started as its author says, killed, started again.

Knows nothing of what it says on the bus.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

from idlehands.conformance.stand import Stand
from idlehands.house.home import HouseError

_LAST_LINES = 15


class Subject:
    """One agent, again and again.

    Args:
        command: As after `--agent`; `{broker}`, `{certificate}` and `{home}` are filled in.
    """

    def __init__(self, command: str, stand: Stand) -> None:
        self._stand = stand
        self._settings = {
            "broker": stand.home.broker_address,
            "certificate": str(stand.certificate),
            "home": str(stand.agent_home),
        }
        self._argv = _fill_in(command, self._settings)
        self._log = stand.home.logs / "agent.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it.

        Raises:
            HouseError: If there is no such program.
        """
        # `IDLEHANDS_HOME` is the house's elsewhere: here it is what the agent may keep things in.
        told = {f"IDLEHANDS_{name.upper()}": value for name, value in self._settings.items()}
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=os.environ | told,
                    start_new_session=True,
                )
        except OSError as error:
            raise HouseError(
                f"The agent's command cannot be started: {shlex.join(self._argv)}: {error.strerror}. "
                "Give the whole command after --agent, in quotes."
            ) from error

    @property
    def ended(self) -> str:
        """How it ended by itself, with its last words; "" as long as it runs."""
        if self._process is None or self._process.poll() is None:
            return ""
        return f"the agent ended with exit code {self._process.returncode}: {self.last_words}"

    @property
    def last_words(self) -> str:
        """What it wrote last on standard output and error."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        return "\n".join(lines) or "(it wrote nothing)"

    def kill(self) -> None:
        """SIGKILL it and all processes of its group, as a power cut would. Safe to repeat."""
        self._end(signal.SIGKILL, 10)

    def terminate(self, seconds: float) -> bool:
        """SIGTERM it; tell whether it ended in time. What is left of it is killed."""
        ended = self._end(signal.SIGTERM, seconds)
        self.kill()
        return ended

    def _end(self, number: signal.Signals, seconds: float) -> bool:
        if self._process is None:
            return True
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self._process.pid, number)
            elif self._process.poll() is None:
                self._process.send_signal(number)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def check_command(command: str) -> None:
    """Return when a command can be started, as far as can be told without doing it.

    Raises:
        HouseError: If it is empty, cannot be understood, or names a program that is not there.
    """
    program = _fill_in(command, {})[0]
    if shutil.which(program) is None:
        raise HouseError(
            f"The agent's command begins with {program}, and there is no such program that may be run. "
            "Give the whole command after --agent, in quotes."
        )


def _fill_in(command: str, settings: dict[str, str]) -> list[str]:
    try:
        # Apart first: what is filled in stays one word, whatever is in it.
        words = shlex.split(command)
    except ValueError as error:
        raise HouseError(f"The agent's command cannot be understood: {error}: {command}") from None
    if not words:
        raise HouseError("The agent's command is empty. Give it after --agent, in quotes.")
    for name, value in settings.items():
        words = [word.replace("{" + name + "}", value) for word in words]
    return [_absolute(words[0]), *words[1:]]


def _absolute(program: str) -> str:
    return str(Path(program).absolute()) if "/" in program else program
