"""`python -m idlehands.house.health`: a look at a process of the house, for health checks: exit code 0 or 1.

Either a URL that must answer 200, or a certificate with which the broker must
let us in and tell that HQ is online. Needs no more than an agent has.
"""

import argparse
import queue
import sys
import urllib.request
from pathlib import Path

from bus.paho_bus import PahoBus
from bus.port import BusInput, Inbound
from bus.settings import BusSettings, BusSettingsError, read_web_context
from bus.topics import HQ_STATE

_SECONDS = 4.0


def main(argv: list[str] | None = None) -> int:
    """Look once, and return 0 when all is well; else say why not and return 1."""
    parser = argparse.ArgumentParser(prog="python -m idlehands.house.health", description=__doc__)
    parser.add_argument("--broker", metavar="HOST:PORT")
    parser.add_argument("--certificate", metavar="DIR")
    parser.add_argument("--url", help="must answer 200")
    parser.add_argument("--ca", metavar="FILE", help="of an https URL: the house's CA")
    options = parser.parse_args(argv)
    if options.url:
        trouble = look_at(options.url, options.ca)
    elif options.broker and options.certificate:
        trouble = look_for_hq(options.broker, options.certificate)
    else:
        parser.error("give --url, or --broker and --certificate")
    if trouble:
        print(trouble, file=sys.stderr)
    return 1 if trouble else 0


def look_at(url: str, ca: str | None = None) -> str | None:
    """Return why the URL does not answer 200, None when it does."""
    try:
        # Never through a proxy that the environment names: this is our own machine.
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if ca is not None:
            handlers.append(urllib.request.HTTPSHandler(context=read_web_context(Path(ca))))
        opener = urllib.request.build_opener(*handlers)
        with opener.open(url, timeout=_SECONDS) as response:
            return None if response.status == 200 else f"{url} answers {response.status}"
    except (OSError, ValueError, BusSettingsError) as error:
        return f"{url} does not answer: {error}"


def look_for_hq(broker: str, certificate: str) -> str | None:
    """Return why HQ cannot be seen on the broker with this certificate, None when it is online."""
    heard: queue.SimpleQueue[BusInput] = queue.SimpleQueue()
    try:
        bus = PahoBus(BusSettings.parse(broker, certificate))
    except BusSettingsError as error:
        return str(error)
    bus.subscribe(HQ_STATE)
    bus.start(heard.put)
    why = f"the broker at {broker} does not answer"
    try:
        while True:
            got = heard.get(timeout=_SECONDS)
            if isinstance(got, Inbound):
                return None if got.data.online else "HQ is offline"
            why = f"the broker at {broker} knows of no HQ, or lets us not in: {got}"
    except queue.Empty:
        return why
    finally:
        bus.stop()


if __name__ == "__main__":
    sys.exit(main())
