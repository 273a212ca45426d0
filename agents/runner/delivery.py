"""Makes an attempt's result fit the wire: big results and saved files travel as blobs.

Whatever cannot be delivered is kept on this machine, and the failure or the
note says the limit, the reason and the place. Nothing is dropped silently.
"""

import hashlib
from pathlib import Path

import msgspec

from agents.blobs import BlobUnavailable
from agents.instruments.capture import Capture
from agents.instruments.keeping import take_found
from agents.runner.artifacts import FILES_AT_MOST, take_artifacts
from agents.runner.failures import name_failure
from agents.runner.site import Site
from agents.runner.watch import StopRequest
from agents.runner.workspace import Workspace
from schemas.facts import Artifact, AttemptResult, Failure
from schemas.specs import JobSpec
from schemas.states import Outcome

#: Of the 256 KiB of a message, what one result may take with room for its envelope.
RESULT_BYTES_AT_MOST = 180 * 1024


def fit(result: AttemptResult, workspace: Workspace, site: Site, stop: StopRequest) -> AttemptResult:
    """Return the result within `RESULT_BYTES_AT_MOST`; the script's own result goes as a blob if it must."""
    if _size(result) <= RESULT_BYTES_AT_MOST:
        return result
    if result.stdout is not None:
        result = _without_stdout(result, workspace, site, stop)
    if _size(result) > RESULT_BYTES_AT_MOST and result.result is not None:
        result = _without_result(result, workspace, site, stop)
    while _size(result) > RESULT_BYTES_AT_MOST and result.series:
        series = result.series[::2] if len(result.series) > 2 else ()
        result = msgspec.structs.replace(result, series=series)
    if _size(result) > RESULT_BYTES_AT_MOST:
        result = msgspec.structs.replace(result, notes=(), failure=_shorten(result.failure))
    return result


def deliver_artifacts(
    workspace: Workspace, site: Site, stop: StopRequest, spec: JobSpec, capture: Capture
) -> tuple[tuple[str, ...], tuple[Artifact, ...]]:
    """Store the files that the script leaves behind as blobs; return notes, and those that are stored.

    What is beyond the limits is left out; what cannot be stored now is kept on this machine.
    """
    try:
        taken = take_artifacts(workspace, spec.artifacts)
        bundle = site.bundles.place(spec.script.bundle)
        unasked, more = take_found(workspace.folder, capture.found, workspace.outgoing, bundle, taken)
        taken |= unasked | capture.pictures
    except OSError as error:
        return (f"what the script saved could not be taken over: {error}"[:8000],), ()
    notes: list[str] = more
    stored: list[Artifact] = []
    room = spec.limits.artifacts_mb * 1024 * 1024
    for number, (name, path) in enumerate(taken.items()):
        if len(stored) >= FILES_AT_MOST or len(notes) >= 2 * FILES_AT_MOST:
            notes.append(f"{len(taken) - number} more were left out: at most {FILES_AT_MOST} files are kept")
            break
        if isinstance(path, str):
            notes.append(f"saved {name!r}: left out, {path}"[:8000])
            continue
        size = path.stat().st_size
        if size > room:
            limit = spec.limits.artifacts_mb
            notes.append(f"saved {name}: left out, with its {size} bytes it is over the {limit} MiB allowed")
            continue
        try:
            sha256 = _hash(path)
            _upload(sha256, path, site, stop)
        except (BlobUnavailable, OSError) as error:
            kept = _keep(workspace, name.replace("/", "_"), path)
            notes.append(f"saved {name}: could not be sent to REST ({error}); it is kept {kept}"[:8000])
            continue
        room -= size
        stored.append(Artifact(name, sha256, size))
        notes.append(f"saved {name}: blob {sha256}, {size} bytes")
    return tuple(notes), tuple(stored)


def _without_result(
    result: AttemptResult, workspace: Workspace, site: Site, stop: StopRequest
) -> AttemptResult:
    content = msgspec.json.encode(result.result)
    without = msgspec.structs.replace(result, result=None)
    sent = _send(content, "result", "result.json", workspace, site, stop)
    if isinstance(sent, Failure):
        return msgspec.structs.replace(without, outcome=Outcome.FAILED, failure=sent)
    return msgspec.structs.replace(without, result_blob=sent)


def _without_stdout(
    result: AttemptResult, workspace: Workspace, site: Site, stop: StopRequest
) -> AttemptResult:
    content = (result.stdout or "").encode("utf-8", "replace")
    without = msgspec.structs.replace(result, stdout=None)
    sent = _send(content, "output", "stdout.txt", workspace, site, stop)
    if isinstance(sent, Failure):
        failure = without.failure or sent
        return msgspec.structs.replace(without, outcome=Outcome.FAILED, failure=failure)
    return msgspec.structs.replace(without, stdout_blob=sent)


def _send(
    content: bytes, what: str, name: str, workspace: Workspace, site: Site, stop: StopRequest
) -> str | Failure:
    """Store content as a blob and return its sha256, or why that failed and where it is kept."""
    # No name that a script can save under, and no place that it reaches.
    path = workspace.outgoing / f"_{name}"
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        workspace.outgoing.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(content)
        _upload(sha256, path, site, stop)
    except (BlobUnavailable, OSError) as error:
        kept = _keep(workspace, name, path)
        message = (
            f"the {what} has {len(content)} bytes; over {RESULT_BYTES_AT_MOST} it travels as a blob, and "
            f"that failed: {error}. It is kept {kept}. Print less, or hand in a file with idlehands.save()"
        )
        return name_failure("result_too_big", message)
    return sha256


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
