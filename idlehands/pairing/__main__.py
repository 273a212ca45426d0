"""`python -m idlehands.pairing ID WHO`: the pairing that the page asked for, in a process of its own.

Started by `idlehands up` and tied to it by standard input. Lets in agents only.
"""

import os
import sys
import threading
from collections.abc import Callable

import msgspec

from idlehands.house.audit import act_as
from idlehands.house.home import HouseError, read_home
from idlehands.pairing.hosting import PairOptions, Screen, host_pairing
from idlehands.pairing.join_token import JoinToken
from idlehands.pairing.messages import PORT
from idlehands.pairing.on_page import PageStatus, PairingFiles
from idlehands.pairing.showing import find_source, join_line

_LOOK = threading.Event()
_LOOK_SECONDS = 0.3
_LINES_AT_MOST = 20


def main() -> int:
    """Host one pairing and return 0 when a machine has joined."""
    threading.Thread(target=_end_with_house, name="tie", daemon=True).start()
    home = read_home()
    files = PairingFiles(home.path)
    act_as(sys.argv[2] if len(sys.argv) > 2 else "", "page")
    status = PageStatus(sys.argv[1], "waiting")

    def change(**changes: object) -> None:
        nonlocal status
        status = files.say(msgspec.structs.replace(status, **changes))

    def say(line: str) -> None:
        change(said=(*status.said, line)[-_LINES_AT_MOST:])

    def show(token: JoinToken, address: str) -> None:
        change(line=join_line(str(token), address, run=True, source=find_source()))

    def ask(question: str, gone: Callable[[], bool]) -> bool | None:
        change(state="asking", question=question.removesuffix(" [y/N] "))
        while not gone():
            answer = files.read_answer(status)
            if answer is not None:
                change(state="waiting", question="")
                return answer
            _LOOK.wait(_LOOK_SECONDS)
        change(state="waiting", question="")
        return None

    try:
        joined = host_pairing(home, PairOptions(port=PORT), Screen(say, show, ask))
    except HouseError as error:
        say(str(error))
        joined = False
    change(state="joined" if joined else "over", line="")
    return 0 if joined else 1


def _end_with_house() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
