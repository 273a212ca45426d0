"""What waits to be told: gathered, limited, tried again, and neither lost nor told twice."""

import msgspec
import pytest

from hq.outside.happenings import Happening, concerns, happenings_of
from hq.outside.outbox import MOST_WAITING, Lane, Outbox
from hq.outside.targets import Notification, Webhook
from hq.outside.watching import Watch
from hq.outside.wording import TOLD, word

T = 1_800_000_000.0


def failure(number: int) -> Happening:
    return Happening(f"{number}.0", "job_failed", T + number, f"Job {number} failed")


def test_twenty_failures_in_a_minute_are_one_message() -> None:
    lane = Lane()
    for number in range(20):
        lane.add(failure(number), T + number)
        assert lane.due_at(60, 20, T + number) == T + 60
    message = word("d", lane.begin("me"))
    assert message.subject == "Idlehands: 20 jobs failed"
    assert len(message.text.splitlines()) == 20
    lane.note_sent(T + 60)
    assert lane.due_at(60, 20, T + 61) is None


def test_what_comes_while_a_message_is_under_way_is_the_next_message() -> None:
    lane = Lane()
    lane.add(failure(1), T)
    first = lane.begin("me")
    delivery = lane.delivery
    lane.add(failure(2), T + 1)
    lane.note_failed("it answered 500", T + 2)
    assert lane.begin("me") == first
    assert lane.delivery == delivery
    lane.note_sent(T + 10)
    assert [one.id for one in lane.waiting] == ["2.0"]
    lane.begin("me")
    assert lane.delivery != delivery


def test_pauses_double_up_to_an_hour() -> None:
    lane = Lane()
    lane.add(failure(1), T)
    lane.begin("me")
    pauses = []
    for _ in range(14):
        lane.note_failed("no", T)
        assert lane.due_at(60, 20, T) == lane.not_before
        pauses.append(lane.not_before - T)
    assert pauses[:4] == [2, 4, 8, 16]
    assert pauses[-1] == 3600
    lane.note_sent(T)
    assert lane.trouble == ""


def test_not_more_messages_in_an_hour_than_allowed() -> None:
    lane = Lane()
    for number in range(2):
        lane.add(failure(number), T + number)
        lane.begin("me")
        lane.note_sent(T + number)
    lane.add(failure(9), T + 10)
    assert lane.due_at(0, 3, T + 10) == T + 10
    assert lane.due_at(0, 2, T + 10) == T + 3600
    assert lane.due_at(0, 2, T + 3601) == T + 10


def test_a_clock_that_is_set_back_holds_nothing_back() -> None:
    lane = Lane()
    lane.add(failure(1), T)
    assert lane.due_at(60, 20, T - 86_400) == T - 86_400 + 60


def test_too_many_are_counted_and_told_as_a_number() -> None:
    lane = Lane()
    for number in range(MOST_WAITING + 7):
        lane.add(failure(number), T)
    told = lane.begin("me")
    message = word("d", told, lane.sending_left_out)
    assert "and 7 more" in message.subject
    assert f"{MOST_WAITING - TOLD + 7} more" in message.text
    lane.note_sent(T)
    assert (lane.waiting, lane.left_out) == ([], 0)


def test_the_same_twice_is_there_once_and_everything_outlives_a_restart() -> None:
    box = Outbox(position=7)
    box.lane("me").add(failure(1), T)
    box.lane("me").add(failure(1), T)
    box.lane("me").begin("me")
    again = msgspec.json.decode(msgspec.json.encode(box), type=Outbox)
    assert again == box
    assert len(again.lane("me").waiting) == 1
    again.keep_only(["other"])
    assert again.lanes == {}


# --- what concerns whom -------------------------------------------------------------------


def rows(**event: object) -> list[dict[str, object]]:
    return [{"position": 5, "index": 1, "at": T, "event": event}]


JOB = {"submitter": "olga", "agent": "attic", "spec": {"name": "train-7", "script": {"entry": "a.py"}}}


def test_a_failure_says_whose_where_and_why() -> None:
    event = {"type": "JobFailed", "job": "jx", "why": "exit", "result": {"failure": {"message": "KeyError"}}}
    [found] = happenings_of(rows(**event), {"jx": JOB}, {})
    assert found.text == "Job jx (train-7) of olga failed on attic: KeyError"
    assert (found.id, found.what, found.user) == ("5.1", "job_failed", "olga")


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ({"type": "JobDied", "job": "jx", "why": "lost twice"}, "job_dead"),
        ({"type": "JobSucceeded", "job": "jx", "result": {"duration_seconds": 61}}, "job_succeeded"),
        ({"type": "AttemptLost", "job": "jx", "agent": "attic", "why": "w"}, "machine_lost"),
        ({"type": "AttemptInterrupted", "job": "jx", "why": "w", "unheard": True}, "machine_lost"),
        ({"type": "SweepFinished", "sweep": "sx"}, "sweep_finished"),
    ],
)
def test_events_become_what_people_ask_for(event: dict[str, object], what: str) -> None:
    [found] = happenings_of(rows(**event), {}, {})
    assert found.what == what


def test_an_owner_who_comes_home_is_no_lost_machine() -> None:
    event = {"type": "AttemptInterrupted", "job": "jx", "why": "somebody is there"}
    assert happenings_of(rows(**event), {}, {}) == []


def test_a_finished_sweep_tells_its_best() -> None:
    sweep = {
        "submitter": "olga",
        "spec": {"metric": "f1", "job": {}},
        "succeeded": 9,
        "best": 0.91,
        "best_trial": 4,
    }
    [found] = happenings_of(rows(type="SweepFinished", sweep="sx"), {}, {"sx": sweep})
    assert "9 trials succeeded" in found.text
    assert "best: f1 0.91 in trial 4" in found.text


def notification(**given: object) -> Notification:
    return Notification(name="me", to=Webhook(url="https://x.example/"), **given)  # type: ignore[arg-type]


def test_filters_of_user_project_name_and_duration() -> None:
    done = Happening("1", "job_succeeded", T, "", user="olga", project="wine", name="train-7", seconds=600)
    assert not concerns(notification(), done)
    assert concerns(notification(on=("job_succeeded",), over_minutes=9.9), done)
    assert not concerns(notification(on=("job_succeeded",), over_minutes=10), done)
    failed = msgspec.structs.replace(done, what="job_failed")
    assert concerns(notification(user="olga", project="wine", job_name="train*"), failed)
    assert not concerns(notification(user="otto"), failed)
    assert not concerns(notification(project="beer"), failed)
    assert not concerns(notification(job_name="eval*"), failed)
    ill = Happening("2", "house_unhealthy", T, "")
    assert concerns(notification(user="otto", project="beer"), ill)


def test_a_script_forges_neither_line_nor_header() -> None:
    evil = Happening("1", "job_failed", T, "failed: x\r\nBcc: all@example.org\x1b[31m")
    message = word("d", [evil])
    assert "\n" not in message.subject + message.text
    assert "\x1b" not in message.text


# --- the house itself ---------------------------------------------------------------------


def test_what_is_wrong_for_a_minute_is_told_once_and_so_is_its_end() -> None:
    told: dict[str, float] = {}
    watch = Watch(told)
    ill = {"HQ": "HQ does not run"}
    assert watch.look(ill, T) == []
    assert watch.look(ill, T + 59) == []
    [news] = watch.look(ill, T + 60)
    assert news.what == "house_unhealthy"
    assert watch.look(ill, T + 100) == []
    # A restart of whoever tells: it was told already.
    again = Watch(told)
    assert again.look(ill, T + 200) == []
    [well] = again.look({}, T + 300)
    assert "well again" in well.text
    assert again.look({}, T + 301) == []


def test_what_is_wrong_for_an_instant_is_nobodys_business() -> None:
    watch = Watch({})
    watch.look({"HQ": "x"}, T)
    assert watch.look({}, T + 5) == []
    watch.look({"HQ": "x"}, T + 50)
    assert watch.look({"HQ": "x"}, T + 70) == []
