import json
import random
import time
import tracemalloc

import msgspec
import pytest

from agents.runner.output import LINE_BYTES, LineSplitter, LogBuffer, Tail
from agents.runner.result_line import RESULT_BYTES_AT_MOST
from agents.runner.script_output import ResultTooLong, ScriptOutput
from agents.runner.series import BYTES_AT_MOST, POINTS_AT_MOST

JOB = "jaaaaaaaaaaaa"


def output() -> ScriptOutput:
    return ScriptOutput(JOB, 1)


def feed(target: ScriptOutput, text: str | bytes, stream: str = "stdout", at: float = 100.0) -> None:
    target.feed(stream, text.encode() if isinstance(text, str) else text, at)


@pytest.mark.parametrize("seed", range(20))
def test_lines_are_the_same_however_the_stream_is_cut(seed: int) -> None:
    dice = random.Random(seed)
    lines = [bytes(dice.choices(b"ab {}\xff\x00%", k=dice.randrange(30))) for _ in range(200)]
    stream = b"".join(line + dice.choice([b"\n", b"\r\n", b"\r"]) for line in lines)
    whole, pieces = LineSplitter(), LineSplitter()
    expected = whole.feed(stream)
    got = []
    while stream:
        size = dice.randrange(1, 40)
        got += pieces.feed(stream[:size])
        stream = stream[size:]
    assert [*got, pieces.finish()] == [*expected, whole.finish()]


def test_a_line_without_end_is_bounded_and_the_next_one_is_whole() -> None:
    splitter = LineSplitter()
    tracemalloc.start()
    for _ in range(2000):
        assert splitter.feed(b"x" * 65536) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024 * 1024
    assert splitter.feed(b"\nnext\n") == [b"x" * LINE_BYTES, b"next"]


def test_a_json_line_may_be_long_and_has_an_end_too() -> None:
    splitter = LineSplitter()
    splitter.feed(b'  {"a": "')
    for _ in range(200):
        splitter.feed(b"x" * 65536)
    (line,) = splitter.feed(b'"}\n')
    assert len(line) == RESULT_BYTES_AT_MOST + 1
    assert splitter.feed(b"plain\n") == [b"plain"]


def test_the_tail_keeps_the_end_whatever_the_chunks() -> None:
    tail = Tail()
    for index in range(300_000):
        tail.feed(b"%d\n" % (index % 10))
    text = tail.text()
    assert len(text) == 64 * 1024
    assert text.endswith("8\n9\n")


def test_lines_are_numbered_and_grouped_by_stream() -> None:
    log = LogBuffer(JOB, 7)
    log.add("stdout", [b"a", b"b"])
    log.add("stderr", [b"c"])
    log.add("stdout", [b"d"])
    parts = log.take()
    assert [(part.seq, part.lines, part.stream) for part in parts] == [
        (0, ("a", "b"), "stdout"),
        (2, ("c",), "stderr"),
        (3, ("d",), "stdout"),
    ]
    assert log.take() == []


def test_of_a_flood_the_first_and_the_last_lines_stay_and_the_gap_shows() -> None:
    log = LogBuffer(JOB, 1)
    for start in range(0, 10_000, 500):
        log.add("stdout", [b"%d" % number for number in range(start, start + 500)])
    parts = log.take()
    assert [(part.seq, len(part.lines)) for part in parts] == [(0, 150), (9950, 50)]
    assert all(part.lines == tuple(str(part.seq + i) for i in range(len(part.lines))) for part in parts)
    assert log.dropped == 9800
    log.add("stdout", [b"after"])
    assert log.take()[0].seq == 10_000


def test_batches_of_control_characters_stay_small_on_the_wire() -> None:
    log = LogBuffer(JOB, 1)
    log.add("stdout", [b"\x01" * 20_000] * 500)
    parts = log.take()
    assert parts
    assert all(len(msgspec.json.encode(part)) < 70_000 for part in parts)
    assert sum(len(msgspec.json.encode(part)) for part in parts) < 500_000
    assert sum(len(part.lines) for part in parts) + log.dropped == 500


def test_the_last_json_line_is_the_result_and_the_others_are_metrics() -> None:
    out = output()
    feed(out, 'begin\n{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": 0.25}\ntext\n{"accuracy": 0.9}\nend\n')
    out.finish(100)
    assert out.take_result() == ({"accuracy": 0.9}, ())
    assert [(p.seq, p.step, p.metrics) for p in out.series.all()] == [
        (0, 1, {"loss": 0.5}),
        (1, 2, {"loss": 0.25}),
    ]
    assert [line for part in out.take_logs() for line in part.lines] == ["begin", "text", "end"]


def test_a_json_line_without_numbers_is_log_unless_it_is_the_result() -> None:
    out = output()
    feed(out, '{"state": "loading"}\nloaded\n{"state": "ready"}\n')
    out.finish(100)
    assert out.take_result()[0] == {"state": "ready"}
    assert sorted(line for part in out.take_logs() for line in part.lines) == [
        "loaded",
        '{"state": "loading"}',
    ]


def test_a_flood_of_json_lines_is_cheap_and_its_last_line_still_the_result() -> None:
    out = output()
    began = time.process_time()
    for _ in range(100):
        feed(out, '{"loss": 0.5}\n' * 5000)
    feed(out, '{"accuracy": 0.5}\n')
    assert time.process_time() - began < 5
    out.finish(100)
    assert out.take_result()[0] == {"accuracy": 0.5}
    assert len(out.series.all()) == 500


def test_a_result_that_looks_like_the_metrics_before_it_stays_in_the_series() -> None:
    out = output()
    feed(out, '{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    out.finish(100)
    assert out.take_result()[0] == {"step": 2, "loss": 0.25}
    assert len(out.series.all()) == 2


def test_a_fresh_json_line_is_held_back_from_progress_as_it_may_be_the_result() -> None:
    out = output()
    feed(out, '{"loss": 0.5}\n', at=100.0)
    assert out.take_progress(100.1) == []
    assert out.has_pending
    (progress,) = out.take_progress(100.3)
    assert [point.metrics for point in progress.points] == [{"loss": 0.5}]
    feed(out, '{"accuracy": 1}\n', at=101.0)
    out.finish(101.0)
    assert out.take_result()[0] == {"accuracy": 1}
    assert out.take_progress(101.1, final=True) == []


def test_a_bar_that_no_newline_ends_is_seen_and_not_logged() -> None:
    out = output()
    feed(out, "\r 10%|#         | 1/10 [00:01<00:09]\r 20%|##        | 2/10 [00:02<00:08]", "stderr")
    (progress,) = out.take_progress(100)
    assert progress.percent == 20
    assert out.take_logs() == []


def test_the_metrics_behind_a_bar_are_points_but_not_ten_a_second() -> None:
    out = output()
    for step in range(100):
        bar = f"\r{step:3d}%|##   | {step}/100 [00:01<00:09, 10it/s, loss={100 - step}]"
        feed(out, bar, "stderr", at=100 + step / 10)
    assert 15 <= len(out.series.all()) <= 21


def test_all_points_come_in_order_with_their_numbers() -> None:
    out = output()
    seen = []
    for step in range(1000):
        feed(out, f'{{"step": {step}, "loss": {step}}}\n', at=100 + step)
        if step % 7 == 0:
            seen += [point for part in out.take_progress(100 + step) for point in part.points]
    seen += [point for part in out.take_progress(10_000, final=True) for point in part.points]
    assert [point.seq for point in seen] == list(range(1000))
    assert [point.step for point in seen] == list(range(1000))


def test_a_long_series_is_thinned_evenly_and_keeps_its_last_point() -> None:
    out = output()
    for step in range(50_000):
        feed(out, f"step {step}/50000 loss={step}\n", at=step)
        out.take_progress(step)
    points = out.series.all()
    assert len(points) <= POINTS_AT_MOST
    assert len(msgspec.json.encode(points)) <= BYTES_AT_MOST
    assert (points[0].step, points[-1].step) == (0, 49_999)
    steps = [point.step or 0 for point in points]
    assert steps == sorted(set(steps))
    assert out.series.was_thinned


def test_progress_parts_stay_small_on_the_wire() -> None:
    out = output()
    names = [f"a_rather_long_name_of_a_metric_{i}" for i in range(64)]
    for step in range(300):
        feed(out, json.dumps(dict.fromkeys(names, step / 7)) + "\n", at=step)
    parts = out.take_progress(1000, final=True)
    assert len(parts) > 1
    assert all(len(msgspec.json.encode(part)) < 62_000 for part in parts)
    assert [point.seq for part in parts for point in part.points] == list(range(300))


def test_a_big_result_is_read_and_a_bigger_one_is_an_error() -> None:
    out = output()
    line = json.dumps({"predictions": list(range(300_000))})
    feed(out, line + "\n")
    out.finish(100)
    content, _ = out.take_result()
    assert content == json.loads(line)
    feed(out, b'{"a": "' + b"x" * RESULT_BYTES_AT_MOST + b'"}\n')
    with pytest.raises(ResultTooLong):
        out.take_result()
    feed(out, '{"a": 1}\n')
    assert out.take_result()[0] == {"a": 1}


def test_what_only_begins_like_json_is_log() -> None:
    out = output()
    feed(out, '{"a": 1}\n{not json}\n{"b": \n[1, 2]\n"text"\n3\nnull\n{\n')
    feed(out, '{"c": 2}\n', "stderr")
    out.finish(100)
    assert out.take_result()[0] == {"a": 1}
    logged = [line for part in out.take_logs() for line in part.lines]
    assert logged == ["{not json}", '{"b": ', "[1, 2]", '"text"', "3", "null", "{", '{"c": 2}']


def test_a_long_line_that_only_looks_like_json_falls_back_to_the_one_before() -> None:
    out = output()
    feed(out, '{"a": 1}\n{' + "x" * 100_000 + "}\n")
    out.finish(100)
    content, notes = out.take_result()
    assert content == {"a": 1}
    assert "the JSON line before it" in notes[0]


@pytest.mark.parametrize("seed", range(10))
def test_binary_garbage_is_only_log(seed: int) -> None:
    dice = random.Random(seed)
    out = output()
    for _ in range(50):
        feed(out, dice.randbytes(dice.randrange(1, 70_000)), dice.choice(["stdout", "stderr"]))
        for part in [*out.take_logs(), *out.take_progress(100)]:
            msgspec.json.decode(msgspec.json.encode(part), type=type(part))
    out.finish(100)
    assert out.take_result()[0] is None


def test_a_flood_of_short_lines_costs_little_memory() -> None:
    out = output()
    chunk = b"a line of a rather talkative script\n" * 1800
    tracemalloc.start()
    for index in range(200):
        feed(out, chunk, at=index)
        if index % 50 == 0:
            out.take_logs()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024
