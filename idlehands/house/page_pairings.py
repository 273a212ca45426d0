"""Starts the pairings that the page asks for: a thread of `up` that looks for a file.

The pairing itself listens in a process of its own; this process, which reads
the CA's key, listens to nothing.
"""

import os
import subprocess
import sys
import threading

import msgspec

from idlehands.house.home import Home
from idlehands.house.logs import open_log
from idlehands.pairing.on_page import PageStatus, PairingFiles

_LOOK_SECONDS = 1.0
_STOP_SECONDS = 5.0


class PagePairings:
    """Looks for as long as the context is open; at most one pairing at a time."""

    def __init__(self, home: Home) -> None:
        self._home, self._files = home, PairingFiles(home.path)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page-pairings", daemon=True)
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PagePairings":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._end()

    def _run(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            if self._child is not None and self._child.poll() is not None:
                self._end()
            request = self._files.take_request()
            if request is None:
                continue
            # Whoever asks again wants a new token: the one before is void.
            self._end()
            self._files.say(PageStatus(request.id, "waiting"))
            log = open_log(self._home.logs / "pairing.log")
            try:
                self._child = subprocess.Popen(
                    [sys.executable, "-P", "-m", "idlehands.pairing", request.id, request.by],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=os.environ | {"IDLEHANDS_HOME": str(self._home.path)},
                )
            except OSError as error:
                self._files.say(PageStatus(request.id, "over", said=(f"It cannot be started: {error}",)))
            finally:
                os.close(log)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        self._stop(child)
        status = self._files.read_status()
        if status is not None and status.state in ("waiting", "asking"):
            # It could not say so itself any more.
            self._files.say(msgspec.structs.replace(status, state="over", line="", question=""))

    def _stop(self, child: "subprocess.Popen[bytes]") -> None:
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
