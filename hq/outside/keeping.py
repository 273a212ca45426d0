"""Where the settings of all this are: in a collection of their own, their secrets encrypted in a folder.

`outside` holds one document for each notification, webhook and topic, `_id` is `KIND/NAME`. Only the web
process writes there, and knows all of it by heart; a backup has both parts.
"""

import asyncio
import contextlib
from typing import Any

import msgspec

from hq.log.documents import encode_document
from hq.rest.database import Database, plain, stored
from hq.rest.problems import Problem
from trust.vault import BadSecret, UnknownSecret, Vault, VaultUnusable

COLLECTION = "outside"
#: Of each kind.
MOST = 50


class Kept:
    """The settings of one kind, each a Struct with a `name`."""

    def __init__(self, kind: str, struct: type[Any], vault: Vault | None) -> None:
        self.kind, self._struct, self._vault = kind, struct, vault
        self._known: dict[str, Any] = {}
        #: Documents that cannot be understood, by name: of a newer version, or changed by hand.
        self.unusable: dict[str, str] = {}

    async def load(self, database: Database) -> None:
        """Read all of them.

        Raises:
            PyMongoError: If the database does not answer.
        """
        known: dict[str, Any] = {}
        unusable: dict[str, str] = {}
        query = {"_id": {"$regex": f"^{self.kind}/"}}
        async for raw in stored(database, COLLECTION).find(query).sort("_id", 1):
            document = plain(raw)
            name = str(document.pop("_id")).partition("/")[2]
            try:
                known[name] = msgspec.convert({"name": name, **document}, self._struct)
            except msgspec.ValidationError as error:
                unusable[name] = str(error)
        self._known, self.unusable = known, unusable

    def all(self) -> list[Any]:
        """Return all, by name."""
        return [self._known[name] for name in sorted(self._known)]

    def find(self, name: str) -> Any:
        """Return one.

        Raises:
            Problem: 404 if there is none.
        """
        if name not in self._known:
            raise Problem(404, f"unknown_{self.kind}", f"There is no {self.kind} {name[:64]!r}.")
        return self._known[name]

    async def put(self, database: Database, setting: Any, secret: str | None) -> bool:
        """Keep one, in place of what had its name; tell whether it is new.

        Without a secret the one before stays.

        Raises:
            Problem: 409 if there are too many, 422 if the secret cannot be one.
            PyMongoError: If the database does not answer; nothing is changed then.
        """
        is_new = setting.name not in self._known
        if is_new and len(self._known) >= MOST:
            raise Problem(409, "too_many", f"There are {MOST} {self.kind}s already: remove one first.")
        if secret:
            await asyncio.to_thread(self._set_secret, setting.name, secret)
        given = msgspec.to_builtins(setting)
        del given["name"]
        identity = f"{self.kind}/{setting.name}"
        # As HQ stores what is free of form: whatever its names begin with.
        document = encode_document({"_id": identity, **given})
        await database[COLLECTION].replace_one({"_id": identity}, document, upsert=True)
        self._known[setting.name] = setting
        self.unusable.pop(setting.name, None)
        return is_new

    async def remove(self, database: Database, name: str) -> None:
        """Forget one and its secret.

        Raises:
            Problem: 404 if there is none.
            PyMongoError: If the database does not answer; nothing is changed then.
        """
        if name not in self.unusable:
            self.find(name)
        await database[COLLECTION].delete_one({"_id": f"{self.kind}/{name}"})
        self._known.pop(name, None)
        self.unusable.pop(name, None)
        if self._vault is not None:
            with contextlib.suppress(UnknownSecret):
                await asyncio.to_thread(self._vault.delete, f"{self.kind}/{name}")

    def secret(self, name: str) -> str:
        """Return the secret of one, "" if it has none.

        Raises:
            VaultUnusable: If it cannot be read.
        """
        key = f"{self.kind}/{name}"
        if self._vault is None or key not in self._vault.names():
            return ""
        return self._vault.read([key])[key].decode()

    def has_secret(self, name: str) -> bool:
        """Tell whether one has a secret."""
        try:
            return self._vault is not None and f"{self.kind}/{name}" in self._vault.names()
        except VaultUnusable:
            return False

    def _set_secret(self, name: str, secret: str) -> None:
        if self._vault is None:
            raise Problem(503, "unavailable", "This server has no house to keep secrets in.")
        try:
            self._vault.set(f"{self.kind}/{name}", secret.encode())
        except BadSecret:
            raise Problem(422, "bad_secret", "secret: it must have 4 to 8192 bytes.") from None
        except VaultUnusable as error:
            raise Problem(503, "unavailable", str(error)) from None
