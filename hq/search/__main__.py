"""The search process: `python -m hq.search --broker HOST:PORT --certificate DIR`."""

import argparse
import signal
import sys
from pathlib import Path

from bus.logs import add_log_option, configure_logs
from bus.paho_bus import PahoBus
from bus.settings import BusSettings, BusSettingsError
from hq.search.shell import CLIENT, SearchShell


def main(argv: list[str] | None = None) -> None:
    """Propose trials until SIGTERM; exits with one clear error when that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m hq.search", description="Chooses the trials of sweeps.")
    parser.add_argument("--broker", required=True, metavar="HOST:PORT")
    parser.add_argument("--certificate", required=True, type=Path, metavar="DIR", help="ca, cert, key")
    add_log_option(parser)
    options = parser.parse_args(argv)
    configure_logs(options.log_format)
    try:
        settings = BusSettings.parse(options.broker, options.certificate)
        settings.read_context()
        if settings.name != CLIENT:
            raise BusSettingsError(
                f"the certificate is that of {settings.name!r}; HQ takes proposals from {CLIENT!r} only"
            )
        shell = SearchShell(PahoBus(settings))
    except BusSettingsError as error:
        sys.exit(f"hq.search: {error}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: shell.stop())
    shell.run()


if __name__ == "__main__":
    main()
