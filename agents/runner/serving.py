"""The agent's end of a service's worker: calls go in and answers come out over a Unix socket.

The socket lies in the attempt's own folder, so a sandbox shows it to this
worker alone. What the worker is, and how it runs a call, is in
`agents/injected/idlehands_serve.py`. Lines of JSON both ways.
"""

import contextlib
import json
import os
import socket
import threading
from typing import Any

import msgspec
from msgspec.structs import replace

from agents.runner.arguments import build_stdin, build_words
from agents.runner.delivery import RESULT_BYTES_AT_MOST
from agents.runner.failures import name_exit, name_failure
from agents.runner.masking import Mask
from agents.runner.port import ReportTo, RunAnswered, RunReady
from agents.runner.result_line import read_result
from agents.runner.workspace import INJECTED, Workspace
from schemas.facts import Failure
from schemas.messages import Grant, ServiceAnswer, ServiceCall

WORKER = INJECTED / "idlehands_serve.py"
_NAME = "calls"
_CHUNK = 256 * 1024


class Serving:
    """One worker, from before it starts until it is gone."""

    def __init__(self, grant: Grant, workspace: Workspace, report: ReportTo, mask: Mask) -> None:
        """Listen for the worker.

        Raises:
            OSError: If that is not possible.
        """
        self._grant, self._report, self._mask = grant, report, mask
        self._script = workspace.folder / grant.spec.script.entry
        self._source = self._script.read_text("utf-8", "replace")
        self._lock = threading.Lock()
        self._plug: socket.socket | None = None
        self._is_closed = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        folder = os.open(workspace.private, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # By its descriptor: the name of such a socket has at most 107 bytes.
            self._listener.bind(f"/proc/self/fd/{folder}/{_NAME}")
        finally:
            os.close(folder)
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, name=f"serving {grant.job}", daemon=True)
        self._thread.start()

    def make_words(self, words: list[str]) -> list[str]:
        """Return the command line of the worker, from that of its script."""
        serves = self._grant.spec.serves
        function, concurrency = ("", 1) if serves is None else (serves.function or "", serves.concurrency)
        return [words[0], str(WORKER), self._grant.spec.script.entry, function, str(concurrency)]

    def call(self, call: ServiceCall) -> None:
        """Hand a call to the worker. From any thread."""
        try:
            line = self._encode(call)
        except ValueError as error:
            failure = name_failure("cannot_start", str(error))
            self._report(RunAnswered(ServiceAnswer(call.call, call.job, call.token, False, failure=failure)))
            return
        with self._lock:
            # HQ sends to workers that are ready; one that is gone is said to be soon.
            if self._plug is not None:
                with contextlib.suppress(OSError):
                    self._plug.sendall(line)

    def close(self) -> None:
        """Let go of the worker. Safe to repeat."""
        self._is_closed = True
        with self._lock:
            plug, self._plug = self._plug, None
        for one in (plug, self._listener):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._thread.join()

    def _encode(self, call: ServiceCall) -> bytes:
        said: dict[str, Any] = {"id": call.call, "seconds": call.seconds}
        if self._function:
            said["params"] = call.params
        else:
            spec = replace(self._grant.spec, params=call.params)
            said["words"] = build_words(spec, self._source)
            given = build_stdin(spec)
            if given is not None:
                said["stdin"] = given.decode()
        return msgspec.json.encode(said) + b"\n"

    @property
    def _function(self) -> str | None:
        serves = self._grant.spec.serves
        return None if serves is None else serves.function

    def _serve(self) -> None:
        try:
            plug, _ = self._listener.accept()
        except OSError:
            return
        plug.settimeout(None)
        rest = b""
        while True:
            try:
                chunk = plug.recv(_CHUNK)
            except OSError:
                chunk = b""
            if not chunk or self._is_closed:
                with contextlib.suppress(OSError):
                    plug.close()
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line, plug)

    def _take(self, line: bytes, plug: socket.socket) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        if said.get("ready"):
            with self._lock:
                self._plug = plug
            self._report(RunReady(self._grant.job, self._grant.token))
            return
        answer = ServiceAnswer(
            str(said.get("id", "")),
            self._grant.job,
            self._grant.token,
            False,
            seconds=max(0.0, float(said.get("seconds", 0))),
        )
        self._report(RunAnswered(self._read(said, answer)))

    def _read(self, said: dict[str, Any], answer: ServiceAnswer) -> ServiceAnswer:
        """Return the answer that the worker's words make; what is in them is the script's to choose."""
        failure: Failure | None = None
        result: Any = None
        if "error" in said:
            message, trace = (self._mask.cover_text(str(part)) for part in said["error"][:2])
            kind = "bad_params" if said.get("kind") == "bad_params" else "call"
            failure = name_failure(kind, message, "" if kind == "bad_params" else trace)
        elif "code" in said:
            failure, result = self._read_script(said)
        else:
            result = _storable(said.get("result"))
        if self._mask and result is not None:
            result = self._mask.cover_json({"result": result})["result"]
        if failure is None and len(msgspec.json.encode(result)) > RESULT_BYTES_AT_MOST:
            failure = name_failure(
                "result_too_big",
                f"the answer has over {RESULT_BYTES_AT_MOST} bytes: return less, or a blob's name",
            )
        if failure is not None:
            return replace(answer, failure=failure)
        return replace(answer, ok=True, result=result)

    def _read_script(self, said: dict[str, Any]) -> tuple[Failure | None, Any]:
        stdout, stderr = str(said.get("stdout", "")), str(said.get("stderr", ""))
        code = int(said["code"])
        if code != 0:
            covered = self._mask.cover_text(stderr), self._mask.cover_text(stdout)
            return name_exit(code, self._script.name, *covered), None
        lines = stdout.split("\n")
        if lines[-1] == "":
            lines.pop()
        objects = (read_result(line.encode())[0] for line in reversed(lines) if line.lstrip().startswith("{"))
        return None, {"result": next((found for found in objects if found is not None), None), "lines": lines}


def _storable(value: Any) -> Any:
    """Return a value without what no database takes: NaN, integers over 64 bits, bottomless nesting."""
    content, _ = read_result(json.dumps({"result": value}).encode())
    return None if content is None else content["result"]
