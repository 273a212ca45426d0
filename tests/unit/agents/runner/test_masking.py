"""A job's secrets do not leave the machine in what its script prints, however the pieces fall."""

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.runner.isolation import Isolations, find_isolations
from agents.runner.masking import Mask, MaskedStream, mend_json
from agents.runner.port import RunEnded
from agents.sealed import SecretsOpener
from schemas.messages import Grant
from schemas.specs import JobSpec, Needs
from tests.unit.agents.runner.attempts import JOB, Bench, eventually, make_grant, store
from trust.keys import ensure_sealing_key, public_hex
from trust.sealing import seal

TOKEN = b"hunter2-hunter2"
KEY = b"-----BEGIN KEY-----\nMIIEvQIBADANBg\nkq/hkiG9w0B\n-----END KEY-----\n"


@pytest.mark.parametrize(
    ("values", "text", "shown"),
    [
        ([TOKEN], "a hunter2-hunter2 b", "a *** b"),
        ([TOKEN], "hunter2-hunter2hunter2-hunter2", "******"),
        ([TOKEN], "hunter2-hunter", "hunter2-hunter"),
        ([b"abc"], "abc", "abc"),
        ([b"abcd"], "abcd", "***"),
        ([b"abcd\n"], "abcd", "***"),
        ([b"abcd", b"abcdefgh"], "abcdefgh abcd", "*** ***"),
        ([KEY], "x kq/hkiG9w0B y", "x *** y"),
        ([KEY], KEY.decode(), "***"),
        ([KEY], repr(KEY), "b'***'"),
        ([KEY], json.dumps({"key": KEY.decode()}), '{"key": "***"}'),
        (["pässwörd".encode()], json.dumps("pässwörd"), '"***"'),
        (["pässwörd".encode()], "pässwörd", "***"),
        ([b'quo"te\\d'], json.dumps('quo"te\\d'), '"***"'),
        ([b"a/b c&d"], "https://x/?k=a%2Fb%20c%26d&l=a%2Fb+c%26d", "https://x/?k=***&l=***"),
        ([], "anything", "anything"),
    ],
)
def test_values_are_hidden_whole_by_line_and_as_they_are_written(
    values: list[bytes], text: str, shown: str
) -> None:
    assert Mask(values).cover_text(text) == shown


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_is_hidden_wherever_it_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    values = [TOKEN, b"abcd", b"abcdefgh", b"aaaaa", b"aaaab", KEY, b"efgh-abc"]
    pieces = [*values, b"a", b"ab", b"abc", b"hunter2", b"\n", b"x" * 30, b"aaa", b"abcdefg", b"-----BEGIN"]
    text = b"".join(chance.choice(pieces) for _ in range(60))
    stream = MaskedStream(Mask(values))

    shown, at = b"", 0
    while at < len(text):
        size = chance.choice((1, 1, 2, 3, 5, 50))
        shown += stream.feed(text[at : at + size])
        at += size
    shown += stream.finish()

    assert not [value for value in values if value in shown]
    assert [line for line in KEY.splitlines() if line in shown] == []
    assert shown.count(b"x" * 30) == text.count(b"x" * 30)


def test_a_stream_holds_back_no_more_than_the_beginning_of_a_value() -> None:
    stream = MaskedStream(Mask([TOKEN]))
    assert stream.feed(b"progress 50%\rhun") == b"progress 50%\r"
    assert stream.feed(b"gry") == b"hungry"
    assert MaskedStream(Mask()).feed(b"hun") == b"hun"


def test_results_are_hidden_in_strings_keys_and_numbers() -> None:
    mask = Mask([b"123456", TOKEN])
    given = {"a": [TOKEN.decode(), {TOKEN.decode(): 1}], "pin": 123456, "x": 7123456.5, "ok": True, "n": None}
    assert mask.cover_json(given) == {
        "a": ["***", {"***": 1}],
        "pin": "***",
        "x": "***",
        "ok": True,
        "n": None,
    }


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        (b'{"a": ***, "b": [1, ***]}', {"a": "***", "b": [1, "***"]}),
        (b'{"a": 7***.5}', {"a": "***"}),
        (b'{"a": "***"}', {"a": "***"}),
    ],
)
def test_a_line_with_a_hidden_number_is_json_again(line: bytes, mended: Any) -> None:
    assert json.loads(mend_json(line)) == mended


# --- the runner --------------------------------------------------------------------------


@pytest.fixture(params=["basic", "strict"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    isolations = find_isolations()
    if request.param not in isolations.levels:
        pytest.skip(isolations.why_not_strict)
    (tmp_path / "certificate").mkdir()
    bench = Bench(
        tmp_path,
        upload_patience_seconds=0.3,
        isolations=Isolations((request.param,), isolations.bubblewrap),
        secrets_opener=SecretsOpener(tmp_path / "certificate" / "seal.key"),
    )
    yield bench
    bench.close()


def run(bench: Bench, source: str, values: dict[str, bytes], **more: Any) -> Any:
    """Run a script with secrets, sealed as HQ does it; return its result."""
    script = bench.scripts / "s.py"
    script.write_text(source)
    spec = JobSpec(store(bench.home, script), secrets=tuple(values), **more)
    key = ensure_sealing_key(bench.home.parent / "certificate" / "seal.key")
    sealed = seal(public_hex(key), msgspec.json.encode(values), f"{JOB}/1")
    bench.runner.start(msgspec.structs.replace(make_grant(spec), sealed=sealed))
    (ended,) = eventually(lambda: bench.find(RunEnded, 1))
    return ended.result


def everything(bench: Bench) -> str:
    """Return all that was reported, as text."""
    return msgspec.json.encode([msgspec.to_builtins(report) for report in bench.reports]).decode()


PRINT_ALL = """
import json, os, sys, idlehands
value = VALUE
print("the token is", value, flush=True)
sys.stdout.write(value[:5]); sys.stdout.flush()
import time; time.sleep(0.3)
sys.stdout.write(value[5:] + "\\n")
print(value, file=sys.stderr)
print(repr(value), value.encode(), json.dumps([value]))
idlehands.report(step=1, loss=0.5, **{value[:90]: 2.0})
print(json.dumps({"value": value, "nested": [{value: value}], "right": len(value)}))
if FAIL: raise RuntimeError("cannot log in with " + value)
"""


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("value", [TOKEN, KEY])
def test_nothing_that_is_reported_has_a_value(bench: Bench, value: bytes, fail: bool) -> None:
    source = PRINT_ALL.replace("VALUE", "os.environ['MY_SECRET']").replace("FAIL", str(fail))

    result = run(bench, source, {"MY_SECRET": value})

    assert result.result is not None
    assert result.result["right"] == len(value)
    assert "***" in result.result["value"]
    said = everything(bench)
    for line in value.decode().splitlines():
        assert line not in said
    assert bench.lines(1, "stdout")[0].startswith("the token is ***")
    if fail:
        assert result.failure is not None
        assert "cannot log in with ***" in result.failure.message + result.failure.traceback


def test_a_secret_as_a_file_is_read_only_there(bench: Bench) -> None:
    source = (
        "import json, os\nfolder = os.environ['IDLEHANDS_SECRETS']\n"
        "print(json.dumps({'names': sorted(os.listdir(folder)), 'n': len(open(folder + '/KEY', 'rb').read()),"
        " 'mode': os.stat(folder + '/KEY').st_mode & 0o777, 'env': 'KEY' in os.environ, 'folder': folder}))"
    )
    result = run(bench, source, {"KEY": KEY, "BIN": bytes(range(256))}, secrets_as="files")
    assert result.result is not None
    folder = result.result.pop("folder")
    assert result.result == {"names": ["BIN", "KEY"], "n": len(KEY), "mode": 0o400, "env": False}
    # The folder goes after the report.
    eventually(lambda: not Path(folder).exists())


def test_values_are_not_on_disk_and_not_on_a_command_line(bench: Bench) -> None:
    source = (
        "import os, glob, json\n"
        "words = b''.join(open(p, 'rb').read() for p in glob.glob('/proc/[0-9]*/cmdline'))\n"
        "print(json.dumps({'argv': os.environ['MY_SECRET'].encode() in words}), flush=True)"
    )
    result = run(bench, source, {"MY_SECRET": TOKEN})
    assert result.result == {"argv": False}
    eventually(lambda: not list((bench.home / "attempts").iterdir()), "its folder goes")
    files = [path for path in bench.home.rglob("*") if path.is_file()]
    assert [path for path in files if TOKEN in path.read_bytes()] == []


def test_a_secret_of_digits_leaves_the_result_whole(bench: Bench) -> None:
    source = "import json, os; print(json.dumps({'pin': int(os.environ['PIN']), 'ok': 1}))"
    result = run(bench, source, {"PIN": b"12345678"})
    assert result.result == {"pin": "***", "ok": 1}


@pytest.mark.parametrize("secrets_as", ["environment", "files"])
def test_a_value_that_no_variable_can_hold_is_a_named_failure(bench: Bench, secrets_as: str) -> None:
    result = run(bench, "print('{\"ran\": 1}')", {"BIN": b"a\0bcdef"}, secrets_as=secrets_as)
    if secrets_as == "files":
        assert result.result == {"ran": 1}
    else:
        assert result.failure.kind == "cannot_start"
        assert "secret BIN" in result.failure.message


def test_a_job_without_its_secrets_does_not_begin(bench: Bench, tmp_path: Path) -> None:
    script = bench.scripts / "s.py"
    script.write_text("print(1)")
    spec = JobSpec(store(bench.home, script), secrets=("GONE",), needs=Needs())
    grant: Grant = msgspec.structs.replace(make_grant(spec), withheld="there is no secret GONE any more")
    bench.runner.start(grant)
    (ended,) = eventually(lambda: bench.find(RunEnded, 1))
    assert (ended.result.failure.kind, ended.result.failure.message) == (
        "secrets_missing",
        "there is no secret GONE any more",
    )
    assert bench.lines(1) == []


def test_an_agent_without_a_key_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    try:
        script = bench.scripts / "s.py"
        script.write_text("print(1)")
        spec = JobSpec(store(bench.home, script), secrets=("ANY",))
        box = base64.b64encode(b"x" * 80).decode()
        bench.runner.start(msgspec.structs.replace(make_grant(spec), sealed=box))
        (ended,) = eventually(lambda: bench.find(RunEnded, 1))
        assert ended.result.failure.message == "this agent has no key for secrets"
    finally:
        bench.close()
