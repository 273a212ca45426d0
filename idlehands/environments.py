"""What a script is to run in, chosen where it is submitted: which need that is, and which files it takes.

Reads files, runs nothing. What is built from them is decided again, alike, on the
machine that runs the job.
"""

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
    if asked == "agent":
        return None, []
    if asked not in ("auto", BUILT):
        return asked, []
    # As it is packed: under its own name, whatever link it was called by.
    script = script.resolve()
    root = script.parent

    def read(name: str) -> bytes | None:
        path = root / name
        return path.read_bytes() if path.is_file() else None

    try:
        content = read(script.name)
        if asked == "auto" and (content is None or find_header(content, script.name) is None):
            return None, []
        recipe = find_recipe(script.name, read)
    except RecipeBroken as error:
        raise BundleError(f"{error}. --env agent runs it in the agent's own interpreter") from None
    except OSError as error:
        raise BundleError(f"{error.filename} cannot be read: {error.strerror}") from None
    if recipe is None:
        raise BundleError(
            f"--env script: nothing says what {script.name} needs. Give it a PEP 723 header, or put a "
            f"requirements.txt, pyproject.toml or uv.lock beside it in {root}"
        )
    return BUILT, [] if recipe.kind == "header" else [root / name for name in recipe.files]
