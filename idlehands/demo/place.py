"""Where the demo's house stands, and that it is gone when the demo is.

With `IDLEHANDS_HOME` the demo uses that house and keeps it. Without, it has
one of its own, `idlehands-demo` beside the real one: made anew each time,
because a demo must not depend on what an earlier version left behind; removed
after a success, because a try should cost nobody 300 MB; kept until the next
demo after a failure, because its logs say why. With `IDLEHANDS_MONGODB` it has
another, which stays as long as that database.
"""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from idlehands.house.files import LockTaken, locked, make_private_folder
from idlehands.house.furnish import external_database
from idlehands.house.home import HouseError, open_home
from idlehands.house.leash import Leash
from idlehands.house.logs import last_lines, open_log
from idlehands.house.running import RunningHouse

#: Longer than a leash takes to stop what a killed demo left.
_STOPPING_SECONDS = 20.0
#: Says that the folder is the demo's own: no other is ever removed.
_MARK = "removed-by-the-next-demo"


@dataclass
class Place:
    """The folder of the demo's house.

    Attributes:
        path: Its `IDLEHANDS_HOME`.
        is_own: It belongs to the demo alone.
        lock: Descriptor of the lock that keeps a second demo away; for the leash.
        keep: Leave it where it is at the end.
    """

    path: Path
    is_own: bool
    lock: int
    keep: bool = True


@contextlib.contextmanager
def open_place() -> Iterator[Place]:
    """Hold the demo's folder: empty if it is the demo's own, and removed at the end unless it is kept.

    Raises:
        HouseError: If a demo runs there already or the folder cannot be used.
    """
    chosen = os.environ.get("IDLEHANDS_HOME")
    # An agent counts its boots in its home, and an external database remembers them.
    is_own = not chosen and external_database() is None
    path = Path(chosen).expanduser().absolute() if chosen else _usual_path(is_own)
    try:
        make_private_folder(path if chosen else path.parent)
    except OSError as error:
        raise _unusable(path, error) from error
    # Beside the demo's own folder, not in it: that one is removed while the lock is held.
    with _alone(path / "demo.lock" if chosen else path.with_name(f"{path.name}.lock"), path) as lock:
        if is_own:
            _clear(path)
            _mark(path)
        place = Place(path, is_own, lock)
        yield place
        if is_own and not place.keep:
            _clear(path)


def _usual_path(is_own: bool) -> Path:
    import platformdirs

    name = "idlehands-demo" if is_own else "idlehands-demo-external"
    return Path(platformdirs.user_data_dir(name, appauthor=False))


@contextlib.contextmanager
def _alone(file: Path, path: Path) -> Iterator[int]:
    deadline = time.monotonic() + _STOPPING_SECONDS
    with contextlib.ExitStack() as stack:
        while True:
            try:
                lock = stack.enter_context(locked(file, wait=False))
                break
            except OSError as error:
                raise _unusable(path, error) from error
            except LockTaken:
                # What a killed demo left may still be stopping.
                if _is_running(file) or time.monotonic() > deadline:
                    raise HouseError(
                        f"A demo runs in {path} already. Stop it (Ctrl-C where it runs), "
                        "or set IDLEHANDS_HOME to another folder for a second one."
                    ) from None
                time.sleep(0.1)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock


def _is_running(file: Path) -> bool:
    """Tell whether the demo that noted itself in the lock file still lives."""
    try:
        os.kill(int(file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def _mark(path: Path) -> None:
    try:
        (make_private_folder(path) / _MARK).touch(0o600)
    except OSError as error:
        raise _unusable(path, error) from error


def _clear(path: Path) -> None:
    """Remove the folder and all that is in it, if it is the demo's and nothing runs there."""
    if not path.exists():
        return
    if not (path / _MARK).exists() and any(path.iterdir()):
        raise HouseError(
            f"{path} is where the demo keeps its house, and something else is in it. "
            "Move it away, or set IDLEHANDS_HOME to another folder."
        )
    if _is_up(path):
        raise HouseError(
            f"A house runs in {path}, which a demo removes. Stop it, or set IDLEHANDS_HOME to another folder."
        )
    try:
        # The mark goes last, so that an interrupted removal can be taken up again.
        for part in path.iterdir():
            if part.name != _MARK:
                shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
        shutil.rmtree(path)
    except OSError as error:
        raise _unusable(path, error) from error


def _is_up(path: Path) -> bool:
    """Tell whether a house runs there, or is only stopping and does not get done with it."""
    if not (path / "run").exists():
        return False
    deadline = time.monotonic() + _STOPPING_SECONDS
    while True:
        try:
            with locked(path / "run" / "lock", wait=False):
                return False
        except LockTaken:
            if time.monotonic() > deadline:
                return True
            time.sleep(0.1)


def _unusable(path: Path, error: OSError) -> HouseError:
    return HouseError(
        f"The demo's folder {path} cannot be used: {error.strerror or error}. "
        "Make it writable, or set IDLEHANDS_HOME to a folder that is."
    )


@contextlib.contextmanager
def open_house(place: Place, agents: int, slots: int) -> Iterator[RunningHouse]:
    """Run the house and stop it at the end, also when this process is killed.

    Raises:
        HouseError: If it does not come up; nothing is left running then.
    """
    home = open_home(place.path)
    command = [sys.executable, "-P", "-m", "idlehands.house", "up"]
    command += ["--agents", str(agents), "--slots", str(slots)]
    # Each agent thinks that the machine is its own.
    threads = max(1, (os.cpu_count() or 1) // (agents * slots))
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    environment |= {"IDLEHANDS_HOME": str(home.path), "PYTHONUNBUFFERED": "1"}
    leash = Leash(place.lock)
    log = open_log(home.logs / "up.log")
    try:
        process = leash.start(command, output=log, cwd=str(home.path), env=environment)
        with RunningHouse(home, process) as house:
            try:
                house.wait_ready()
            except HouseError:
                said = last_lines(home.logs / "up.log", 1)
                if process.poll() is None or not said.startswith("Error: "):
                    raise
                # The house has said it in one sentence; around it would be noise.
                raise HouseError(said.removeprefix("Error: ")) from None
            yield house
        leash.forget(process.pid)
    finally:
        os.close(log)
        leash.close()
