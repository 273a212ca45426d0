"""What a script is to run in, chosen where it is submitted: which need that is, and which files it takes.

Reads files, runs nothing. What is built from them is decided again, alike, on the
machine that runs the job.
"""

from collections.abc import Callable
from pathlib import Path

from idlehands.bundle import BundleError
from schemas.recipes import RecipeBroken, find_header, find_recipe
from schemas.specs import BUILT


def choose_environment(script: Path, asked: str = "auto") -> tuple[str | None, list[Path]]:
    """Return `needs.environment` for a script, and the files that must be packed with it.

    Args:
        script: The script, as it lies here.
        asked: `agent`, `script`, the name of an interpreter, or `auto`: `script` if it has a PEP 723 header,
            else `agent`. Files beside it are used only when they are asked for: projects have them for
            other ends too.

    Raises:
        BundleError: If `script` is asked for and nothing says what is in it, or it says so in vain.
    """
    # As it is packed: under its own name, whatever link it was called by.
    script = script.resolve()
    root = script.parent

    def read(name: str) -> bytes | None:
        path = root / name
        return path.read_bytes() if path.is_file() else None

    try:
        need, files = choose_among(script.name, read, asked, f" in {root}")
    except OSError as error:
        raise BundleError(f"{error.filename} cannot be read: {error.strerror}") from None
    return need, [root / name for name in files]


def choose_among(
    name: str, read: Callable[[str], bytes | None], asked: str = "auto", where: str = ""
) -> tuple[str | None, tuple[str, ...]]:
    """Return `needs.environment` for a script, and the names of the files beside it that are needed.

    Args:
        name: Of the script.
        read: Returns what a file beside it holds; None when there is none.
        asked: As for `choose_environment`.
        where: The place, for words.

    Raises:
        BundleError: If `script` is asked for and nothing says what is in it, or it says so in vain.
    """
    if asked == "agent":
        return None, ()
    if asked not in ("auto", BUILT):
        return asked, ()
    try:
        content = read(name)
        if asked == "auto" and (content is None or find_header(content, name) is None):
            return None, ()
        recipe = find_recipe(name, read)
    except RecipeBroken as error:
        raise BundleError(f"{error}. --env agent runs it in the agent's own interpreter") from None
    if recipe is None:
        raise BundleError(
            f"--env script: nothing says what {name} needs. Give it a PEP 723 header, or put a "
            f"requirements.txt, pyproject.toml or uv.lock beside it{where}"
        )
    return BUILT, () if recipe.kind == "header" else tuple(recipe.files)
