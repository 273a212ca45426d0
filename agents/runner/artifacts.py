"""Takes over the files that an attempt leaves behind, where no script can reach them any more.

What was saved comes first, then what the spec's globs match in the working
directory. No link is followed: each file is moved, and looked at where it lies.
"""

import fnmatch
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from agents.pack import PackTooBig, walk
from agents.runner.workspace import Workspace
from schemas.paths import is_path_below

#: Of one attempt, whatever it saved and matched.
FILES_AT_MOST = 200
_ENTRIES_AT_MOST = 100_000
_NAME_CHARACTERS = 255

#: Where a file lies now, or why it is left out.
Taken = dict[str, Path | str]


def take_artifacts(workspace: Workspace, globs: Iterable[str]) -> Taken:
    """Move what was saved and what matches out of the script's reach. Call it when its tree is gone.

    Raises:
        OSError: If the disk does not take it.
    """
    taken = workspace.take_saved()
    patterns = [compile_glob(glob) for glob in globs]
    if not patterns:
        return taken
    try:
        for number, found in enumerate(walk(workspace.folder)):
            if number >= _ENTRIES_AT_MOST or len(taken) > FILES_AT_MOST:
                break
            if found.kind != "file" or found.name.startswith(".idlehands/"):
                continue
            if not any(pattern.fullmatch(found.name) for pattern in patterns):
                continue
            if len(found.name) > _NAME_CHARACTERS or not is_path_below(found.name):
                taken[found.name] = "its name has characters that not every system takes, or is too long"
            else:
                place = workspace.outgoing / f"_{number}"
                workspace.outgoing.mkdir(parents=True, exist_ok=True, mode=0o700)
                found.move(place)
                is_file = stat.S_ISREG(place.lstat().st_mode)
                kept = taken.setdefault(found.name, place if is_file else "it is no plain file")
                if kept is not place and is_file and not _is_same(kept, place):
                    taken[f"{found.name} (by its glob)"] = "another file was saved under that name"
    except PackTooBig as error:
        taken["..."] = f"the working directory was not searched to its end: {error}"
    return taken


def _is_same(kept: Path | str, other: Path) -> bool:
    """Tell whether a file that matches is the one that the script saved."""
    import filecmp

    return not isinstance(kept, str) and filecmp.cmp(kept, other, shallow=False)


def compile_glob(glob: str) -> re.Pattern[str]:
    """Return what matches a glob's paths: `*` stays within a name, `**/` is any number of folders."""
    parts: list[str] = []
    for part in glob.split("/"):
        if part == "**":
            parts.append("(?:[^/]+/)*")
        else:
            # fnmatch's own `*` would also match what is below a folder.
            pattern = fnmatch.translate(part).removeprefix("(?s:").removesuffix(r")\Z")
            parts.append(pattern.replace(".*", "[^/]*") + "/")
    whole = "".join(parts).removesuffix("/")
    return re.compile(whole + "[^/]+" if glob.endswith("**") else whole)
