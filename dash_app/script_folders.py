"""The scripts that the page may run: those in folders that somebody on the HQ host put them into.

Code from the browser is not taken. Files are read anew each time: a script that
was changed is a new one, with a bundle of its own.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.arguments.reading import read_script
from schemas.arguments.tree import BYTES_AT_MOST
from schemas.arguments.vocabulary import Script

_SCRIPTS_AT_MOST = 200


#: The list of scripts is read at each visit, and most of them as they were.
_read = functools.lru_cache(64)(read_script)


@dataclass(frozen=True)
class Found:
    """A script that may be run. `name` is its file's, and what addresses call it."""

    name: str
    file: Path
    script: Script
    source: str = ""


class ScriptFolders:
    """Some folders; of two scripts of one name, that in the folder named first counts."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)

    def names(self) -> list[str]:
        """Return the names of all scripts."""
        return sorted(self._files())[:_SCRIPTS_AT_MOST]

    def find(self, name: str) -> Found | None:
        """Return the script of that name, or None. A name is looked up, never joined to a path."""
        file = self._files().get(name)
        if file is None:
            return None
        try:
            with file.open("rb") as opened:
                source = opened.read(BYTES_AT_MOST + 1)
        except OSError:
            return None
        return Found(name, file, _read(source), source.decode("utf-8", "replace"))

    def all(self) -> list[Found]:
        """Return all scripts, by name."""
        return [found for name in self.names() if (found := self.find(name)) is not None]

    def _files(self) -> dict[str, Path]:
        files: dict[str, Path] = {}
        for folder in self.folders:
            try:
                entries = sorted(folder.iterdir())
            except OSError:
                continue
            for entry in entries:
                if entry.suffix == ".py" and not entry.name.startswith(("_", ".")) and entry.is_file():
                    files.setdefault(entry.name, entry)
        return files
