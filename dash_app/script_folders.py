"""The scripts of the HQ host that the page may run: in the house's folders, and in those that were allowed.

Which were allowed, `idlehands scripts allow` has written down; with all links resolved a script lies in one
of them. Files are read anew each time: a script that was changed is a new one, with a bundle of its own.
"""

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from idlehands.house import allowed_scripts
from schemas.arguments.reading import read_script
from schemas.arguments.tree import BYTES_AT_MOST
from schemas.arguments.vocabulary import Script

_SCRIPTS_AT_MOST = 200
#: Of allowed folders: whoever allows a home does not mean each file in it.
_FOLDERS_LOOKED_AT = 300
_DEEP = 3
_NEVER = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "build", "dist"})


#: The list of scripts is read at each visit, and most of them as they were.
_read = functools.lru_cache(256)(read_script)


@dataclass(frozen=True)
class Found:
    """A script that may be run. `name` is its file's, and what addresses call it.

    Attributes:
        is_allowed: It lies in a folder that was allowed; so must all that is packed with it.
        bundle: Of an uploaded one, the sha256 of its bundle; its `file` is only a name.
        entries: Of an uploaded one, the scripts of its bundle.
    """

    name: str
    file: Path
    script: Script
    source: str = ""
    is_allowed: bool = False
    bundle: str = ""
    entries: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return what people call it."""
        return self.file.name if self.bundle else self.name


class ScriptFolders:
    """Some folders; of two scripts of one name, that in the folder named first counts.

    Args:
        folders: The house's own.
        allowed: Where allowed folders are written down; None allows none.
    """

    def __init__(self, folders: Sequence[Path], allowed: Path | None = None) -> None:
        self.folders = tuple(folders)
        self._allowed = allowed

    def find(self, name: str) -> Found | None:
        """Return the script of that name, or None. A name is looked up, never joined to a path."""
        own = self._own()
        if name in own:
            return _found(name, own[name], is_allowed=False)
        file = self._of_allowed().get(name)
        return None if file is None else _found(name, file, is_allowed=True)

    def all(self) -> list[Found]:
        """Return all scripts: the house's own by name, then those of allowed folders."""
        own = [_found(name, file, is_allowed=False) for name, file in sorted(self._own().items())]
        beside = [_found(name, file, is_allowed=True) for name, file in sorted(self._of_allowed().items())]
        return [one for one in (*own, *beside) if one is not None][:_SCRIPTS_AT_MOST]

    def check(self, files: Sequence[Path]) -> None:
        """Return if all files lie in allowed folders, links resolved.

        Raises:
            NotAllowed: If one does not.
            AllowedUnreadable: If nobody knows which are allowed.
        """
        allowed = [] if self._allowed is None else allowed_scripts.read_allowed(self._allowed)
        allowed_scripts.check_below(allowed, list(files))

    def _own(self) -> dict[str, Path]:
        files: dict[str, Path] = {}
        for folder in self.folders:
            try:
                entries = sorted(folder.iterdir())
            except OSError:
                continue
            for entry in entries:
                if _is_script(entry):
                    files.setdefault(entry.name, entry)
        return files

    def _of_allowed(self) -> dict[str, Path]:
        """Return the scripts of allowed folders by the folder's name and the way from there."""
        if self._allowed is None:
            return {}
        try:
            folders = allowed_scripts.read_allowed(self._allowed)
        except allowed_scripts.AllowedUnreadable:
            return {}
        files: dict[str, Path] = {}
        for folder in folders:
            for file in _scripts_below(folder):
                try:
                    allowed_scripts.check_below(folders, [file])
                except (allowed_scripts.NotAllowed, OSError):
                    continue
                files.setdefault(f"{folder.name}/{file.relative_to(folder).as_posix()}", file)
                if len(files) >= _SCRIPTS_AT_MOST:
                    return files
        return files


def _scripts_below(root: Path) -> Iterator[Path]:
    # Links to folders are not followed: one to above would go round.
    for number, (folder, folders, names) in enumerate(os.walk(root)):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        if number >= _FOLDERS_LOOKED_AT:
            return
        folders[:] = sorted(one for one in folders if depth < _DEEP and one[0] != "." and one not in _NEVER)
        yield from (here / name for name in sorted(names) if _is_script(here / name))


def _is_script(file: Path) -> bool:
    return file.suffix == ".py" and not file.name.startswith(("_", ".")) and file.is_file()


def _found(name: str, file: Path, *, is_allowed: bool) -> Found | None:
    try:
        with file.open("rb") as opened:
            source = opened.read(BYTES_AT_MOST + 1)
    except OSError:
        return None
    return Found(name, file, _read(source), source.decode("utf-8", "replace"), is_allowed)
