"""A house in one process: the real authority, log and read models on the real MongoDB, the real server.

The agent in it is a few lines that speak the protocol: it claims what it is
offered and reports what its script would print.
"""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import uvicorn
from msgspec.structs import replace

from bus.port import Bus, BusInput, Connected, Disconnected, Inbound, Refusal
from bus.topics import ACK, ANSWER, CALL, CLAIM, GRANT, HEARTBEAT, OFFER, RESULT, TO_HQ
from dash_app.patience import PatientProtocol
from hq.core.authority import Authority
from hq.core.evolve import apply
from hq.core.outputs import Answer as AnswerOutput
from hq.core.outputs import (
    LookUp,
    LookUpLabels,
    LookUpModel,
    LookUpParents,
    LookUpPipeline,
    LookUpScript,
    LookUpSweep,
    Publish,
)
from hq.core.state import Change, Deleted, Job, State
from hq.ends import read_ends, read_labels, read_pipeline
from hq.log.connection import connect
from hq.log.mongo import MongoLog
from hq.promoting import read_source
from hq.read_models.indexes import ensure_indexes
from hq.read_models.writer import Changes, ReadModelWriter, read_checkpoint
from hq.scripts import find_untaken
from schemas.events import Decision, EpochBegan
from schemas.facts import AttemptResult, Failure, MachineFacts
from schemas.messages import (
    AttemptReport,
    Claim,
    Claims,
    Grant,
    Heartbeat,
    Results,
    ServiceAnswer,
    ServiceAnswers,
    ServiceCall,
)
from schemas.specs import JobSpec
from schemas.states import Outcome, Phase
from tests.unit.dash_app.answer_checks import check_answer

INSTANCE = "a" * 32
Script = Callable[[JobSpec], dict[str, Any]]


def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Return what `check` returns once that is true."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, f"not within {seconds} s: {check}"
        time.sleep(0.01)
    return found


class LittleHq:
    """The authority's shell: receive, decide, append, project, publish."""

    def __init__(self, bus: Bus, uri: str) -> None:
        self._database = connect(uri)
        self._log = MongoLog(self._database)
        self._bus = bus
        ensure_indexes(self._database)
        self._writer = ReadModelWriter(self._database, read_checkpoint(self._database)[1])
        self._inbox: queue.SimpleQueue[BusInput | None] = queue.SimpleQueue()
        self._specs: dict[str, JobSpec] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        state = State()
        first = Decision(1, 7, INSTANCE, time.time(), (EpochBegan(7, INSTANCE),))
        self._log.append([first])
        apply(state, first)
        self.authority = Authority(
            state, instance=INSTANCE, now=time.monotonic(), wall=time.time(), version="0", rest=""
        )

    def start(self) -> None:
        for topic in TO_HQ:
            self._bus.subscribe(topic)
        self._bus.start(self._inbox.put)
        self._thread.start()

    def stop(self) -> None:
        self._inbox.put(None)
        self._thread.join()
        self._bus.stop()
        self._database.client.close()

    def _run(self) -> None:
        while (what := self._inbox.get()) is not None:
            if isinstance(what, Connected | Disconnected):
                continue
            self.authority.receive(what, time.monotonic())
            self.authority.tick(time.monotonic())
            self._perform()
            while decisions := self.authority.decide(time.monotonic(), time.time()):
                self._log.append(decisions)
                self._project(self.authority.committed(time.monotonic()))
                self._perform()
            self._perform()

    def _project(self, changes: list[Change]) -> None:
        self._specs.update({change.id: change.spec for change in changes if isinstance(change, Job)})
        for gone in changes:
            if isinstance(gone, Deleted):
                self._specs.pop(gone.id, None)
        collected = Changes()
        collected.add(self.authority.state.position, changes)
        self._writer.write(collected)

    def _perform(self) -> None:
        for output in self.authority.take_outputs():
            match output:
                case Publish():
                    self._bus.publish(output.topic, output.data, **output.names)
                case AnswerOutput():
                    self._bus.reply(output.to, output.reply)
                case LookUp():
                    specs = {job: self._specs[job] for job in output.jobs if job in self._specs}
                    self.authority.retry(output.request, specs)
                case LookUpModel(request=request, job=job, sweep=sweep):
                    self.authority.found_model(request, read_source(self._database, job, sweep))
                case LookUpParents(parents=parents):
                    self.authority.found_parents(output, read_ends(self._database, parents))
                case LookUpLabels(request=request, ids=ids):
                    self.authority.found_labels(request, read_labels(self._database, ids))
                case LookUpScript(request=request, job=job, space=space):
                    self.authority.found_script(request, find_untaken(self._database, job, space))
                case LookUpPipeline(request=request, pipeline=pipeline):
                    self.authority.found_pipeline(request, read_pipeline(self._database, pipeline))
                case LookUpSweep():
                    known = self._database.sweeps.find_one({"_id": output.sweep})
                    self.authority.found_sweep(output.request, None if known is None else ())


class LittleAgent:
    """Claims every offer and reports at once what `script` says."""

    def __init__(self, bus: Bus, name: str, script: Script, slots: int = 4) -> None:
        self.name = name
        self._bus = bus
        self._script = script
        self._slots = slots
        self._seq = 0
        self._workers: list[Grant] = []

    def start(self) -> None:
        for topic in (OFFER, GRANT, ACK, CALL):
            self._bus.subscribe(topic, agent=self.name)
        self._bus.start(self._handle)

    def stop(self) -> None:
        self._bus.stop()

    def beat(self) -> None:
        """Send a heartbeat."""
        self._seq += 1
        facts = MachineFacts(system="TestOS", cores=2)
        ready = tuple(AttemptReport(one.job, one.token, Phase.RUNNING, ready=True) for one in self._workers)
        beat = Heartbeat(1, "b" * 32, self._seq, self._slots, self._slots, ready, facts=facts)
        self._bus.publish(HEARTBEAT, beat, agent=self.name)

    def _run(self, grant: Grant) -> AttemptResult:
        ended = AttemptResult(grant.job, grant.token, Outcome.SUCCEEDED, exit_code=0, duration_seconds=0.5)
        if "error" in grant.spec.params:
            failure = Failure("exit", "exited with code 1: KeyError", "Traceback: KeyError")
            return replace(ended, outcome=Outcome.FAILED, exit_code=1, failure=failure)
        if grant.spec.keep_stdout:
            # What a script prints that prints its words.
            words = [*grant.spec.argv, *map(str, grant.spec.params.values())]
            ended = replace(ended, stdout="".join(f"{word}\n" for word in words))
        return replace(ended, result=self._script(grant.spec))

    def _handle(self, what: BusInput) -> None:
        if isinstance(what, Connected):
            self.beat()
        if not isinstance(what, Inbound):
            assert not isinstance(what, Refusal), what
            return
        if what.topic is OFFER:
            claims = tuple(Claim(offer.job, offer.token, "c" * 32) for offer in what.data.offers)
            self._bus.publish(CLAIM, Claims(1, claims), agent=self.name)
        elif what.topic is GRANT and what.data.grants:
            self._workers += [grant for grant in what.data.grants if grant.spec.serves is not None]
            ends = [
                one for one in what.data.grants if "forever" not in one.spec.params and not one.spec.serves
            ]
            results = tuple(self._run(grant) for grant in ends)
            self._bus.publish(RESULT, Results(1, results), agent=self.name)
            self.beat()
        elif what.topic is CALL:
            answers = tuple(_answer(call) for call in what.data.calls if "forever" not in call.params)
            self._bus.publish(ANSWER, ServiceAnswers(1, answers), agent=self.name)
        elif what.topic is ACK and what.data.seq == 1:
            self.beat()


def _answer(call: ServiceCall) -> ServiceAnswer:
    """Stand for a function that returns what it is given."""
    key = (call.call, call.job, call.token)
    kind = call.params.get("error")
    if kind is not None:
        return ServiceAnswer(*key, False, failure=Failure(str(kind), "KeyError: 'x'", "Traceback: KeyError"))
    return ServiceAnswer(*key, True, call.params, seconds=0.001)


class Server:
    """A real uvicorn on a free port, on its own thread."""

    def __init__(self, app: Any) -> None:
        # asyncio switches Nagle's delay off only where the protocol is named: 40 ms a request otherwise.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(128)
        self.port = int(self._socket.getsockname()[1])
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=2,
            )
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        eventually(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        self._socket.close()


def client(server: Server, token: str | None) -> httpx.Client:
    """Return an HTTP client with this token."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    # Whatever a test asks for, the answer must be what its route says of it.
    hooks = {"response": [check_answer]}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False, event_hooks=hooks)


def raw(server: Server, request: bytes) -> bytes:
    """Send bytes that no HTTP library would, and return the answer as far as there is one."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        parts = []
        # A server may have enough before it has all.
        with contextlib.suppress(OSError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                parts.append(part)
    return b"".join(parts)
