"""Wait for one's turn: an HQ that hears a leader does not take over from it.

The last will of an HQ says that nobody leads, unless that HQ had been
replaced: one that stood still and wakes up would else throw its successor
out. The epoch in the log tells.

Two HQs that took turns would each renew every lease at their start, and none
would ever end. The log's fence keeps them correct; this keeps them calm.
"""

import logging
import queue
import threading
from collections.abc import Callable

from bus.paho_bus import PahoBus
from bus.port import Connected, Inbound
from bus.settings import BusSettings
from bus.topics import HQ_STATE

#: A leader says so every three seconds: this many of them missed, it is gone.
SILENT_SECONDS = 10.0
#: A leader that does not speak up against an older one's last will in this time is not there.
_DENIAL_SECONDS = 5.0
#: The broker sends what it retains right behind the acknowledged subscription.
_RETAINED_SECONDS = 0.25

log = logging.getLogger(__name__)


def await_turn(
    settings: BusSettings, stopping: threading.Event, read_epoch: Callable[[], int | None]
) -> bool:
    """Return True when no leader is there (any more), False when told to stop meanwhile.

    Args:
        read_epoch: Tells the latest epoch in the log, None when that cannot be read now.
    """
    heard: queue.SimpleQueue[object] = queue.SimpleQueue()
    bus = PahoBus(settings)
    bus.subscribe(HQ_STATE)
    bus.start(heard.put)
    try:
        wait, waiting = None, False
        while not stopping.is_set():
            try:
                what = heard.get(timeout=1.0 if wait is None else wait)
            except queue.Empty:
                if wait is not None:
                    return True
                continue
            if isinstance(what, Connected):
                wait = wait or _RETAINED_SECONDS
            elif isinstance(what, Inbound):
                if not what.data.online:
                    latest = read_epoch()
                    if latest is None or what.data.epoch >= latest:
                        return True
                    wait = SILENT_SECONDS if waiting else _DENIAL_SECONDS
                    continue
                if not waiting:
                    log.info("another HQ leads (epoch %d): standing by", what.data.epoch)
                waiting, wait = True, SILENT_SECONDS
        return False
    finally:
        bus.stop()
