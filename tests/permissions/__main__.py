"""`python -m tests.permissions [--write]`: measure who may do what; print or write it."""

import argparse
import tempfile
from pathlib import Path

from tests.fixtures.mongod import MongodServer
from tests.permissions import on_the_bus, on_the_server, page
from tests.permissions.premises import premises


def main() -> None:
    """Measure, then print the page or write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.permissions", description="Who may do what.")
    parser.add_argument("--write", action="store_true", help="write docs/permissions.md")
    write = parser.parse_args().write
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        text = measured(Path(folder))
    if write:
        page.FILE.write_text(text)
    else:
        print(text, end="")


def measured(folder: Path) -> str:
    """Return the page as it is measured now, with a broker and a database of its own in `folder`."""
    mongod = MongodServer(folder / "mongod")
    try:
        mongod.start()
        (folder / "server").mkdir()
        with premises(mongod.uri, folder / "server") as server:
            on_server = on_the_server.measure(server)
        return page.render(on_the_bus.measure(folder / "bus"), on_server)
    finally:
        mongod.close()


if __name__ == "__main__":
    main()
