"""A program: a supervisor with processes that do next to nothing, `small_house.py HOME NAME...`.

Each process notes in HOME/order when it is told to end. One that is called
`deaf` does not listen; one that is called `broken` ends at once.
"""

import signal
import sys
import time
from pathlib import Path

from idlehands.house.components import Component
from idlehands.house.home import HouseError, open_home
from idlehands.house.leash import Leash
from idlehands.house.supervisor import Supervisor
from idlehands.house.up import alone


def be(name: str, folder: Path) -> None:
    """Be the process `name`."""
    if name == "broken":
        print("no such database")
        sys.exit(7)

    def end(*_: object) -> None:
        if name != "deaf":
            with (folder / "order").open("a") as order:
                order.write(f"{name} ")
            sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    (folder / f"ready-{name}").touch()
    while True:
        time.sleep(60)


def supervise(folder: Path, names: list[str]) -> None:
    """Be the supervisor of the processes `names`, each one stage later."""
    home = open_home(folder)

    def part(name: str, stage: int) -> Component:
        ready = folder / f"ready-{name}"
        argv = (sys.executable, __file__, "--be", name, str(folder))
        return Component(name, stage, argv, lambda _: ready.exists(), stop_seconds=0.5)

    try:
        with alone(home) as lock:
            leash = Leash(lock)
            try:
                Supervisor(home, [part(name, at) for at, name in enumerate(names, 1)], leash, "", print).run()
            finally:
                leash.close()
    except HouseError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    if sys.argv[1] == "--be":
        be(sys.argv[2], Path(sys.argv[3]))
    else:
        supervise(Path(sys.argv[1]), sys.argv[2:])
