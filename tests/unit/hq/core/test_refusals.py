"""Refused attempts become few entries, however many there are."""

from bus import topics
from bus.port import Refusal
from bus.signing import BAD_SIGNATURE
from hq.core.refusals import ELSEWHERE, MOST, Kind, Refusals
from schemas.events import Audited
from tests.unit.hq.core.small_house import SmallHouse

ATTACK = Kind("access.wrong-token", "192.168.1.7")


def test_the_first_is_reported_at_once_and_those_that_follow_as_one() -> None:
    refusals = Refusals()
    refusals.count(ATTACK, "GET /a", now=0, wall=1000)
    (first,) = refusals.take_due(0)
    for second in range(1, 60):
        refusals.count(ATTACK, f"GET /{second}", now=second, wall=1000 + second)

    assert (first.kind, first.times, first.at, first.detail) == (ATTACK, 1, 1000, "GET /a")
    assert refusals.take_due(59.9) == []
    (second_report,) = refusals.take_due(60)
    assert (second_report.times, second_report.at, second_report.detail) == (59, 1059, "GET /59")


def test_a_day_of_attack_is_some_dozen_entries() -> None:
    refusals, reports = Refusals(), []
    for second in range(24 * 3600):
        refusals.count(ATTACK, "GET /", now=second, wall=second)
        reports += refusals.take_due(second)
    reports += refusals.take_due(24 * 3600, all_of_them=True)

    assert len(reports) < 35
    assert sum(report.times for report in reports) == 24 * 3600


def test_however_many_addresses_there_are_they_are_few_kinds() -> None:
    refusals, reports = Refusals(), []
    for number in range(10_000):
        refusals.count(Kind("login.refused", f"2001:db8::{number:x}"), "", now=number, wall=0)
        reports += refusals.take_due(number)

    # Under three hours: each hour's new addresses, and all others as one.
    assert len(reports) < 4 * (MOST + 10)
    assert {report.kind.source for report in reports} >= {"2001:db8::0", ELSEWHERE}


def test_after_an_hour_of_quiet_it_is_news_again() -> None:
    refusals = Refusals()
    refusals.count(ATTACK, "", now=0, wall=0)
    refusals.take_due(0)
    refusals.take_due(60 + 3600)
    refusals.count(ATTACK, "", now=3661, wall=3661)

    assert [report.times for report in refusals.take_due(3661)] == [1]


def test_results_that_their_agent_has_not_signed_are_in_the_audit_log_as_few_entries() -> None:
    house = SmallHouse()
    for _ in range(1000):
        refused = Refusal(topics.RESULT, {"agent": "attic"}, BAD_SIGNATURE, "the signature does not fit")
        house.authority.receive(refused, house.now)
    house.settle()

    (first,) = [event.note for event in house.events if isinstance(event, Audited)]
    assert (first.what, first.subject, first.detail, first.count) == (
        "result.refused", "attic", "bad_signature", 1000,
    )  # fmt: skip
