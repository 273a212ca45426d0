"""Holds what a job or sweep gives its script against what the script takes, before anything is sent."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from idlehands.cli.exits import REFUSED, Stop
from schemas.arguments.spelling import spell
from schemas.spaces import Dimension, FloatRange, IntRange


def read_source(script: Path) -> bytes:
    """Return a script's bytes, not many more than are ever read of one.

    Raises:
        Stop: If there is no such file.
    """
    from schemas.arguments.tree import BYTES_AT_MOST

    try:
        with script.open("rb") as opened:
            return opened.read(BYTES_AT_MOST + 1)
    except OSError as error:
        raise Stop(
            REFUSED, f"Cannot read {script}: {error.strerror}. Give the path of a Python file"
        ) from None


def check_arguments(
    script: Path,
    params: Mapping[str, Any],
    argv: Sequence[str],
    style: str,
    *,
    space: Mapping[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Do nothing if the script seems to take all that, or it cannot be known.

    Args:
        script: A Python file. One that cannot be opened is left to whoever packs it.
        params: By name.
        argv: Words of the command line.
        style: How it takes parameters.
        space: Of a sweep.
        force: Say nothing.

    Raises:
        Stop: If it does not; the text names each parameter.
    """
    from schemas.arguments.checking import find_problems
    from schemas.arguments.reading import read_script

    if force or not script.is_file():
        return
    source = read_source(script)
    found = find_problems(
        read_script(source), source.decode("utf-8", "replace"), params, argv=argv, space=space, style=style
    )
    if found:
        said = " ".join(found)
        raise Stop(
            REFUSED,
            f"The script {script.name} would not take this. {said} `idlehands describe {script}` says what "
            "it takes; --force submits it as it is",
        )


def widen_space(script: Path, space: Mapping[str, Dimension]) -> dict[str, Dimension]:
    """Return a space whose whole numbers are real ones where the script takes those: `0..1` says both.

    Steps stay what they are, and so does `whole:log:`.
    """
    from schemas.arguments.reading import read_script

    if not script.is_file():
        return dict(space)
    source = read_source(script)
    text = source.decode("utf-8", "replace")
    real = {flag for one in read_script(source).arguments if one.kind == "float" for flag in one.flags}
    return {
        name: _widen(dimension) if spell(name, text) in real else dimension
        for name, dimension in space.items()
    }


def _widen(dimension: Dimension) -> Dimension:
    if not isinstance(dimension, IntRange) or dimension.step > 1 or dimension.log:
        return dimension
    return FloatRange(dimension.low, dimension.high, when=dimension.when)


def check_sweep_file(sweep: Mapping[str, Any], file: Path, *, force: bool = False) -> None:
    """Do what `check_arguments` does for a sweep as a file has it, with the path of its script.

    Raises:
        Stop: As `check_arguments`.
    """
    job, space = sweep["job"], sweep.get("space")
    params, argv = job.get("params"), job.get("argv")
    check_arguments(
        file.parent / job["script"],
        params if isinstance(params, dict) else {},
        [word for word in argv if isinstance(word, str)] if isinstance(argv, list) else [],
        str(job.get("arguments", "flags")),
        space=space if isinstance(space, dict) else {},
        force=force,
    )
