"""Runs packed calls as an agent would: in a process of their own, with what travels and nothing else."""

import base64
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from idlehands.calls.bundling import build_call_bundle
from idlehands.calls.opening import Outcome, open_outcome, read_said
from idlehands.calls.packing import Packed, pack_call, pack_function


def pack(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Packed:
    return pack_call(pack_function(function), args, kwargs)


def params_of(packed: Packed, folder: Path) -> dict[str, Any]:
    """Return the parameters of a call's job, with paths in the place of blobs."""
    paths = {}
    for sha256, content in packed.blobs.items():
        paths[sha256] = folder / sha256
        paths[sha256].write_bytes(content)
    payload = paths.pop(packed.sha256, None)
    return {
        "idlehands_call": packed.sha256,
        "idlehands_payload": str(payload) if payload else base64.b64encode(packed.payload).decode(),
        "idlehands_blobs": [str(path) for path in paths.values()],
    }


def run(params: dict[str, Any], folder: Path, entry: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the script that makes calls with these parameters."""
    inside = folder / "attempt"
    if not inside.exists():
        bundle = build_call_bundle(frozenset())
        with tarfile.open(fileobj=BytesIO(bundle.content)) as tar:
            tar.extractall(inside, filter="data")
    return subprocess.run(
        [sys.executable, "-S", entry or "idlehands_call.py"],
        cwd=inside,
        input=json.dumps(params),
        capture_output=True,
        text=True,
        check=False,
        env={"IDLEHANDS_SAVED": str(folder / "saved"), "PYTHONPATH": ":".join(sys.path)},
    )


def last_line(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """Return the result that the script printed."""
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def outcome_of(packed: Packed, folder: Path, *, is_trusted: bool = False) -> Outcome:
    """Run a call and return what became of it."""
    done = run(params_of(packed, folder), folder)
    said = read_said(last_line(done))
    return open_outcome(
        said, lambda _: (folder / "saved" / "call.pickle").read_bytes(), is_trusted=is_trusted
    )
