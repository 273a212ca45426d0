"""`python -m tests.fuzz.coverage_guided TARGET CORPUS [LIBFUZZER-FLAGS]`: a decoder under atheris.

It changes inputs so that they reach lines which none before reached. What a
decoder may raise is caught here; all else ends the process with the input.
"""

import contextlib
import random
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bus", "hq.rest", "dash_app", "agents", "trust"]):
    from agents.runner.progress import read_line, read_object
    from agents.runner.result_line import read_result, read_small
    from bus.codec import encode
    from bus.paho_packets import PLAIN, read_publish
    from bus.router import route
    from bus.topics import ALL_TOPICS
    from dash_app import addresses
    from dash_app.checked_calls import rebuild
    from hq.rest.paging import read_cursor
    from hq.rest.problems import Problem
from tests.fuzz.samples import sample

NAMES = {"agent": "attic", "client": "cli", "job": "j" + "a" * 12, "sweep": "s" + "a" * 12}
CALLBACKS = {"a.b": {"callback": None, "inputs": [{"id": "u", "property": "p"}], "state": []}}


def take_message(data: bytes) -> None:
    """The first byte chooses the topic, the rest is what arrived there."""
    topic = ALL_TOPICS[data[0] % len(ALL_TOPICS)] if data else ALL_TOPICS[0]
    route(topic.of(**{name: NAMES[name] for name in NAMES if f"{{{name}}}" in topic.template}), data[1:])


def take_name(data: bytes) -> None:
    """A topic name."""
    route(data.decode(errors="replace"), b"{}")


def take_packet(data: bytes) -> None:
    """What follows the fixed header of a PUBLISH."""
    for header in (0x30, 0x31, 0x3D):
        read_publish(header, data)


def take_request(data: bytes) -> None:
    """What a browser sends: a call, an address, a cursor."""
    text = data.decode(errors="replace")
    with contextlib.suppress(Problem):
        rebuild(data, CALLBACKS)
    with contextlib.suppress(Problem):
        read_cursor("jobs", text)
    addresses.parse(text, text)


def take_output(data: bytes) -> None:
    """A line that a script printed."""
    read_line(data.decode(errors="replace"))
    read_result(data)
    small = read_small(data)
    if small is not None:
        read_object(small)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "messages": take_message,
    "names": take_name,
    "packets": take_packet,
    "requests": take_request,
    "output": take_output,
}


def write_corpus(target: str, folder: Path) -> None:
    """Write inputs to begin with: what is right."""
    draw = random.Random(1)
    found: list[bytes] = []
    if target == "messages":
        for number, topic in enumerate(ALL_TOPICS):
            payload = encode(topic, sample(topic.payload, draw), message_id="m", source="s")
            found.append(bytes([number]) + payload)
    found += [
        b"\0\x01a" + PLAIN + b"{}",
        b"agent/attic/up/claim",
        b'{"loss": 0.5, "step": 1}',
        b" 50%|##  | 1/2",
    ]
    found += [b'{"output":"a.b","inputs":[{"id":"u","property":"p"}]}', b"/jobs?status=queued&before=7"]
    for number, content in enumerate(found):
        (folder / f"{number}").write_bytes(content)


def main() -> None:
    """Fuzz one target until the flags say stop."""
    target, corpus, *flags = sys.argv[1:]
    write_corpus(target, Path(corpus))
    atheris.Setup([sys.argv[0], *flags, corpus], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
