"""A process that tells people what waits, until it is killed: `telling_process FOLDER MONGODB_URI`."""

import asyncio
import sys
from pathlib import Path

from hq.outside.keeping import Kept
from hq.outside.notifier import Notifier
from hq.outside.sending import NotTaken, Sender
from hq.outside.targets import Notification
from hq.rest.database import open_database
from trust.vault import Vault


class Nowhere:
    """No broker at all."""

    def publish(self, broker: str, topic: str, payload: bytes) -> None:
        raise NotTaken(f"there is no {broker} for {topic} ({len(payload)} bytes)")


async def main(folder: Path, uri: str) -> None:
    database = open_database(uri)
    kept = Kept("notification", Notification, Vault(folder / "secrets"))
    await kept.load(database)
    sender = Sender(Nowhere(), allows_private=True)
    await Notifier(folder / "outbox.json", kept, sender, lambda: database, dict).run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
