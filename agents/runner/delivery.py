"""Makes an attempt's result fit the wire: big results and saved files travel as blobs.

Whatever cannot be delivered is kept on this machine, and the failure or the
note says the limit, the reason and the place. Nothing is dropped silently.
"""

import hashlib
from pathlib import Path

import msgspec

from agents.blobs import BlobUnavailable
from agents.runner.failures import name_failure
from agents.runner.site import Site
from agents.runner.watch import StopRequest
from agents.runner.workspace import Workspace
from schemas.facts import AttemptResult, Failure
from schemas.states import Outcome

#: Of the 256 KiB of a message, what one result may take with room for its envelope.
RESULT_BYTES_AT_MOST = 180 * 1024
_SAVED_AT_MOST = 32


def fit(result: AttemptResult, workspace: Workspace, site: Site, stop: StopRequest) -> AttemptResult:
    """Return the result within `RESULT_BYTES_AT_MOST`; the script's own result goes as a blob if it must."""
    if _size(result) <= RESULT_BYTES_AT_MOST:
        return result
    if result.result is not None:
        result = _without_result(result, workspace, site, stop)
    while _size(result) > RESULT_BYTES_AT_MOST and result.series:
        series = result.series[::2] if len(result.series) > 2 else ()
        result = msgspec.structs.replace(result, series=series)
    if _size(result) > RESULT_BYTES_AT_MOST:
        result = msgspec.structs.replace(result, notes=(), failure=_shorten(result.failure))
    return result


def deliver_saved(workspace: Workspace, site: Site, stop: StopRequest) -> tuple[str, ...]:
    """Store what the script handed in with `save()` as blobs; return one note for each file."""
    try:
        taken = workspace.take_saved()
    except OSError as error:
        return (f"what the script saved could not be taken over: {error}"[:8000],)
    notes = []
    for name, path in list(taken.items())[:_SAVED_AT_MOST]:
        if isinstance(path, str):
            notes.append(f"saved {name!r}: left out, {path}"[:8000])
            continue
        size = path.stat().st_size
        try:
            sha256 = _hash(path)
            _upload(sha256, path, site, stop)
            notes.append(f"saved {name}: blob {sha256}, {size} bytes")
        except BlobUnavailable as error:
            kept = _keep(workspace, name, path)
            notes.append(f"saved {name}: could not be sent to REST ({error}); it is kept {kept}"[:8000])
    return tuple(notes)


def _without_result(
    result: AttemptResult, workspace: Workspace, site: Site, stop: StopRequest
) -> AttemptResult:
    content = msgspec.json.encode(result.result)
    # No name that a script can save under, and no place that it reaches.
    path = workspace.outgoing / "_result.json"
    sha256 = hashlib.sha256(content).hexdigest()
    without = msgspec.structs.replace(result, result=None)
    try:
        workspace.outgoing.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(content)
        _upload(sha256, path, site, stop)
    except (BlobUnavailable, OSError) as error:
        kept = _keep(workspace, "result.json", path)
        message = (
            f"the result has {len(content)} bytes; over {RESULT_BYTES_AT_MOST} it travels as a blob, and "
            f"that failed: {error}. It is kept {kept}. Print less, or hand in a file with idlehands.save()"
        )
        failure = name_failure("result_too_big", message)
        return msgspec.structs.replace(without, outcome=Outcome.FAILED, failure=failure)
    return msgspec.structs.replace(without, result_blob=sha256)


def _upload(sha256: str, path: Path, site: Site, stop: StopRequest) -> None:
    site.blobs.upload(sha256, path, patience_seconds=site.upload_patience_seconds, wait=stop.event.wait)


def _keep(workspace: Workspace, name: str, path: Path) -> str:
    try:
        return f"on this machine as {workspace.keep(name, path)}"
    except OSError as error:
        return f"nowhere, as it could not be moved: {error}"


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(result: AttemptResult) -> int:
    return len(msgspec.json.encode(result))


def _shorten(failure: Failure | None) -> Failure | None:
    return (
        None if failure is None else Failure(failure.kind, failure.message[:1000], failure.traceback[-2000:])
    )
