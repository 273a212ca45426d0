"""Words of the command line to specs: `k=v`, spaces of sweeps, scripts to bundles."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from bus.codec import MalformedMessage, check_free_form
from idlehands.bundle import build_bundle
from idlehands.cli import space_words
from idlehands.cli.exits import REFUSED, USAGE, Stop, say
from idlehands.cli.search_words import complete_search
from idlehands.cli.space_words import SPACE_HELP as SPACE_HELP
from idlehands.client import Client
from idlehands.environments import choose_environment
from idlehands.sources import DIFF_BYTES_AT_MOST, read_state
from schemas.specs import Dimension, JobSpec, Limits, Needs, ScriptRef, Source

#: A bundle beyond this is a surprise: then its size is said.
_SAY_BYTES = 1024 * 1024
#: A bundle beyond this is sent in pieces.
_PIECES_BYTES = 8 * 1024 * 1024


def parse_value(text: str) -> Any:
    """Return the JSON value of a text, or the text itself when it is none."""
    try:
        value = msgspec.json.decode(text)
        check_free_form(value)
    except (msgspec.DecodeError, MalformedMessage, RecursionError, UnicodeEncodeError):
        return text
    return value


def parse_params(given: Sequence[str]) -> dict[str, Any]:
    """Return `k=v` words as parameters.

    Raises:
        Stop: If one has no name or no `=`.
    """
    params: dict[str, Any] = {}
    for word in given:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise Stop(USAGE, f"--param {word!r} is not NAME=VALUE, such as lr=0.1 or name=adam")
        params[name] = parse_value(text)
    return params


def parse_space(given: Sequence[str]) -> dict[str, Dimension]:
    """Return `NAME=SPACE` words as the space of a sweep.

    Raises:
        Stop: If one cannot be understood.
    """
    return space_words.parse_space(given, parse_value)


def add_environment(
    script: Path, asked: str, include: Sequence[Path], needs: Needs
) -> tuple[list[Path], Needs]:
    """Return what else is to be packed and what a machine must have, so that a script runs as `--env` asks.

    Raises:
        BundleError: If there is nothing to build from, or it cannot be used.
        Stop: If there can be nothing of that name.
    """
    environment, files = choose_environment(script, asked)
    if asked == "auto" and environment is not None:
        say(f"{script.name} runs in what its PEP 723 header asks for (--env agent: as the machine is)")
    wanted: Needs = checked(replace(needs, environment=environment), Needs)
    return [*include, *files], wanted


def upload_script(
    client: Client, script: Path, include: Sequence[Path], author_key: Path | None = None
) -> ScriptRef:
    """Bundle a script with what it imports from its folder, store it, and return the reference.

    Args:
        client: Of the house.
        script: A Python file.
        include: What else it needs.
        author_key: Of the author, who then signs the reference here.

    Raises:
        AuthorKeyUnusable: If there is no key in that file.
        BundleError: If there is no such script or it cannot be bundled.
        RequestRefused: If it may not be stored.
        HqUnreachable: If REST does not answer.
    """
    return upload_with_source(client, script, include, author_key)[0]


def upload_with_source(
    client: Client, script: Path, include: Sequence[Path], author_key: Path | None = None
) -> tuple[ScriptRef, Source | None]:
    """Do what `upload_script` does, and return also which commit the script is from, if it is in git."""
    bundle = build_bundle(script, include)
    reference = ScriptRef(bundle.sha256, bundle.entry, name=script.stem[:200])
    if author_key is not None:
        from idlehands.client.authoring import sign_reference

        reference = sign_reference(reference, author_key)
    _send(client, bundle.content, f"sending {script.name}")
    if include or len(bundle.content) > _SAY_BYTES:
        say(f"{len(bundle.files)} files, {len(bundle.content)} bytes packed")
    state = read_state(script.resolve().parent, bundle.files)
    if state is None:
        return reference, None
    small = 0 < len(state.diff) <= DIFF_BYTES_AT_MOST
    diff = client.put_blob(state.diff) if small else None
    return reference, checked({"commit": state.commit, "dirty": state.is_dirty, "diff": diff}, Source)


def _send(client: Client, content: bytes, what: str) -> None:
    if len(content) <= _PIECES_BYTES:
        client.put_blob(content)
        return
    from idlehands.cli.bars import bar
    from idlehands.client.files import put_file

    # From a file it goes on where it broke off, and it takes long enough for a bar.
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder, bar(what) as on_bytes:
        file = Path(folder) / "bundle"
        file.write_bytes(content)
        put_file(client.rest, file, on_bytes)


def build_spec(
    script: ScriptRef,
    *,
    params: dict[str, Any],
    argv: Sequence[str],
    arguments: str,
    name: str,
    needs: Needs,
    limits: Limits,
    priority: int,
    retry_on_failure: int,
    exclusive: bool = False,
    seed: int | None = None,
    secrets: tuple[str, ...] = (),
    secrets_as: str = "environment",
    artifacts: tuple[str, ...] = (),
    source: Source | None = None,
    within: tuple[str, ...] = (),
    project: str | None = None,
    tags: tuple[str, ...] = (),
    note: str = "",
    after: tuple[str, ...] = (),
    after_any: tuple[str, ...] = (),
    not_before: float = 0,
    expires: float = 0,
) -> JobSpec:
    """Return a job spec, checked against the schema.

    Raises:
        Stop: If a value is out of its bounds.
    """
    given: dict[str, Any] = {
        "script": script,
        "params": params,
        "argv": tuple(argv),
        "arguments": arguments,
        "name": name,
        "needs": needs,
        "limits": limits,
        "priority": priority,
        "exclusive": exclusive,
        "retry_on_failure": retry_on_failure,
        "seed": seed,
        "secrets": secrets,
        "secrets_as": secrets_as,
        "artifacts": artifacts,
        "source": source,
        "within": within,
        "project": project,
        "tags": tags,
        "note": note,
        "after": after,
        "after_any": after_any,
        "not_before": not_before,
        "expires": expires,
    }
    spec: JobSpec = checked(given, JobSpec)
    return spec


def checked(given: Any, kind: Any) -> Any:
    """Return `given` as `kind`.

    Raises:
        Stop: If it does not fit; the text names the field.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(given), kind)
    except msgspec.ValidationError as error:
        raise Stop(REFUSED, f"This cannot be submitted: {error}") from None


def read_sweep_file(file: Path) -> dict[str, Any]:
    """Return the sweep spec in a JSON or YAML file; spaces may be written as `--space` takes them.

    Raises:
        Stop: If it cannot be read or is no object with a job.
    """
    try:
        given = read_document(file)
    except OSError as error:
        raise Stop(REFUSED, f"Cannot read {file}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise Stop(REFUSED, f"{file} is not JSON: {error}") from None
    if not isinstance(given, dict) or not isinstance(given.get("job"), dict):
        raise Stop(REFUSED, f'{file} is no sweep: it needs {{"job": {{"script": "train.py"}}, "space": ...}}')
    complete_sweep(given)
    return given


def complete_sweep(given: dict[str, Any]) -> None:
    """Replace what a file may write shorter in a sweep spec.

    Raises:
        Stop: If it cannot be understood.
    """
    space = given.get("space")
    if isinstance(space, dict):
        given["space"] = {
            name: space_words.parse_dimension(name, value, parse_value) if isinstance(value, str) else value
            for name, value in space.items()
        }
    complete_search(given)


def read_document(file: Path) -> Any:
    """Return what is in a JSON or YAML file.

    Raises:
        Stop: If it is no YAML, or has what JSON has not.
        OSError: If it cannot be read.
        DecodeError: If it is no JSON.
    """
    content = file.read_bytes()
    if file.suffix.lower() not in (".yaml", ".yml"):
        return msgspec.json.decode(content)
    try:
        import yaml
    except ImportError:
        raise Stop(REFUSED, f"{file}: for YAML, `pip install pyyaml` here, or write it as JSON") from None
    try:
        return msgspec.to_builtins(yaml.safe_load(content))
    except yaml.YAMLError as error:
        raise Stop(REFUSED, f"{file} is not YAML: {' '.join(str(error).split())[:300]}") from None
    except TypeError as error:
        raise Stop(REFUSED, f"{file} has what JSON has not: {error}") from None


def upload_named_script(
    client: Client,
    sweep: dict[str, Any],
    file: Path,
    include: Sequence[Path],
    author_key: Path | None = None,
    env: str = "auto",
) -> None:
    """Replace a path in `job.script`, taken from where the file lies, by a reference to the stored script.

    What the file says of the environment counts more than `env`.

    Raises:
        BundleError: If there is no such script, or what it asks for cannot be used.
        AuthorKeyUnusable: As `upload_script`.
    """
    script = sweep["job"].get("script")
    if isinstance(script, str):
        needs = checked(sweep["job"].get("needs", {}), Needs)
        packed, needs = add_environment(file.parent / script, needs.environment or env, include, needs)
        reference = upload_script(client, file.parent / script, packed, author_key)
        sweep["job"] = {**sweep["job"], "script": reference, "needs": needs}
