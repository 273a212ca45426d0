"""Health for programs: /readyz and /metrics, as Prometheus's own parser reads it."""

import time
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hq.measures import BOUNDS, Histogram
from hq.rest.exposition import Exposition
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import eventually

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_house_that_is_whole_is_ready_without_a_token(house: LittleHouse) -> None:
    with house.client(None) as nobody:
        found = eventually(lambda: (r := nobody.get("/readyz")).status_code == 200 and r)

        assert found.json() == {"ok": True, "broker": True, "database": True, "hq": True}
        assert nobody.get("/metrics").status_code == 401


def test_agents_may_not_read_metrics_and_viewers_may(house: LittleHouse) -> None:
    with house.client("agent") as agent, house.client("viewer") as viewer:
        assert agent.get("/metrics").status_code == 403
        assert viewer.get("/metrics").status_code == 200


def test_prometheus_reads_what_the_house_says(house: LittleHouse, viewer: httpx.Client) -> None:
    latency = Histogram()
    for seconds in (0.0005, 0.003, 0.003, 99.0):
        latency.observe(seconds)
    house.hq.authority.measure_with(
        lambda: {"append": latency.read(), "turn": Histogram().read(), "dropped": {"overloaded": 3}}
    )
    house.agent.start()
    viewer.get("/api/v1/jobs")

    def heard() -> Any:
        answered = viewer.get("/metrics")
        samples = parse(answered.text)
        return (answered, samples) if samples.get(("idlehands_agents", (("state", "fresh"),))) == 1 else None

    answered, samples = eventually(heard)

    assert answered.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert all(samples["idlehands_up", (("part", part),)] == 1 for part in ("broker", "database", "hq"))
    assert samples["idlehands_jobs", (("status", "queued"),)] == 0
    assert samples["idlehands_jobs", (("status", "succeeded"),)] == 0
    assert samples["idlehands_log_position", ()] >= 1
    assert samples["idlehands_read_models_lag", ()] >= 0
    assert samples["idlehands_blob_bytes", ()] == 0
    assert samples["idlehands_recorder_dropped_total", (("reason", "overloaded"),)] == 3
    assert samples["idlehands_append_seconds_count", ()] == 4
    assert samples["idlehands_append_seconds_bucket", (("le", "0.001"),)] == 1
    assert samples["idlehands_append_seconds_bucket", (("le", "0.005"),)] == 3
    assert samples["idlehands_append_seconds_bucket", (("le", "10"),)] == 3
    assert samples["idlehands_append_seconds_bucket", (("le", "+Inf"),)] == 4
    assert samples["idlehands_append_seconds_sum", ()] == pytest.approx(99.0065)
    assert samples["idlehands_web_requests_total", (("method", "GET"), ("status", "200"))] >= 1


def test_a_house_without_hq_is_not_ready_and_still_has_metrics(house: LittleHouse) -> None:
    # The last test of this module: HQ does not come back.
    house.hq.stop()
    with house.client(None) as nobody, house.client("viewer") as viewer:
        time.sleep(1.1)  # what was asked a second ago is answered again
        found = nobody.get("/readyz")
        assert found.status_code == 503
        assert found.json() == {"ok": False, "broker": True, "database": True, "hq": False}
        samples = parse(viewer.get("/metrics").text)
    assert samples["idlehands_up", (("part", "hq"),)] == 0
    assert samples["idlehands_jobs", (("status", "dead"),)] == 0
    assert ("idlehands_leases", ()) not in samples


def test_labels_that_are_not_plain_words_are_escaped() -> None:
    text = Exposition()
    odd = 'a "quoted\\one"\nand a new line'
    text.add("some_total", "counter", "Some.", [({"reason": odd}, 2)])
    text.add("none_total", "counter", "None.", [])

    assert parse(text.text()) == {("some_total", (("reason", odd),)): 2}


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_duration_on_a_bound_counts_below_it(bound: float) -> None:
    latency = Histogram()
    latency.observe(bound)

    assert latency.read()["counts"].index(1) == BOUNDS.index(bound)
