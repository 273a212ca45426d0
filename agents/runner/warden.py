"""Outlives an agent that is killed, for as long as it takes to kill that agent's scripts.

Run by a bare interpreter (`python -I -S warden.py MARKER`) that holds the
read end of a pipe from the agent. While the agent lives, nobody writes and
the warden sleeps; when the agent is gone the pipe ends. It knows nothing
but the marker in the environment of this agent's scripts.

`Warden` is the agent's side. `main` is the other.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

#: A script may be between fork and exec, without its marker, when the agent dies.
_CLEAN_LOOKS = 4
_PAUSE_SECONDS = 0.05
_PATIENCE_SECONDS = 30.0
#: What an interpreter may need to start at all.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class Warden:
    """The warden of one agent process; started with its first attempt."""

    def __init__(self, marker: str) -> None:
        self._marker = marker
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The warden's process, or None before the first attempt."""
        return None if self._process is None else self._process.pid

    def ensure(self) -> None:
        """Start the warden if it does not run. Not safe to call from two threads at once.

        Raises:
            OSError: If no process can be started.
        """
        import subprocess

        if self._process is not None:
            if self._process.poll() is None:
                return
            self.close()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", os.path.abspath(__file__), self._marker],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            # Ctrl-C and a kill of the agent's group must not reach it.
            start_new_session=True,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            cwd="/" if os.path.isdir("/") else None,
        )

    def close(self) -> None:
        """Let the warden go; it looks for survivors once more."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_PATIENCE_SECONDS)
        except Exception:  # TimeoutExpired: it is then a stray that kills itself when it is done
            process.kill()
            process.wait()


def main(marker: str) -> None:
    """Wait for the end of stdin, then kill everything that bears the marker."""
    if TYPE_CHECKING:
        from agents.runner import tree
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        import tree

    while os.read(0, 64):
        pass
    deadline = time.monotonic() + _PATIENCE_SECONDS
    clean = 0
    while clean < _CLEAN_LOOKS and time.monotonic() < deadline:
        if tree.kill_all(lambda: tree.find_marked(tree.AGENT_VARIABLE, marker), 1.0) == 0:
            clean += 1
            time.sleep(_PAUSE_SECONDS)
        else:
            clean = 0


if __name__ == "__main__":
    main(sys.argv[1])
