"""Settings: what forms say, what admins are shown, and what viewers are not."""

from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from dash_app.presenters import access, outside, users
from dash_app.presenters.taking import Unread, read_parameters
from dash_app.reaching import read_target, with_old


def shown(component: Any) -> str:
    return str(to_json_plotly(component))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("lr=/lr number", {"lr": {"pointer": "/lr", "type": "number"}}),
        ("a=/x/y ,\n b=", {"a": {"pointer": "/x/y"}, "b": {"pointer": ""}}),
    ],
)
def test_parameters_of_a_message_are_read(text: str, found: object) -> None:
    assert read_parameters(text) == found


@pytest.mark.parametrize("text", ["lr", "=/x", "lr=x", "lr=/a number of"])
def test_what_is_no_parameter_is_said(text: str) -> None:
    with pytest.raises(Unread, match="write name=/pointer"):
        read_parameters(text)


def token(**other: Any) -> dict[str, Any]:
    base = {
        "id": "a" * 12,
        "name": "<b>olga",
        "role": "viewer",
        "created": 1,
        "expires": None,
        "is_valid": True,
    }
    return {**base, **other}


def test_a_token_is_told_once() -> None:
    text = shown(access.tokens([token()], {"name": "olga", "token": "secret-of-it"}))

    assert "secret-of-it" in text
    assert "told this once" in text
    later = shown(access.tokens([token(is_valid=False, expires=5)]))
    assert "secret" not in later
    assert "not valid any more" in later
    assert '"token":"aaaaaaaaaaaa"' in later
    assert "No token." in shown(access.tokens([]))


def test_what_owners_allow_is_named_with_what_it_means() -> None:
    guest = {"accepting": True, "reason": "", "preset": "nights"}
    heard = {"slots": 1, "guest": guest, "degraded": ""}
    text = shown(access.rules([{"name": "attic", "online": True, "heard": heard}, {"name": "cellar"}]))

    assert "nights" in text
    assert "not heard yet" in text
    assert "idlehands agent policy" in text


def test_retention_says_how_long_or_what_is_wrong() -> None:
    kept = {
        "finished_jobs_days": None, "logs_days": 30, "logs_per_job": 2000, "progress_per_job": 10,
        "blobs_grace_hours": 24, "compact_above_mb": None, "logs_in_all": 5, "progress_in_all": 6,
    }  # fmt: skip

    text = shown(access.retention(kept, ""))

    assert '"placeholder":"for ever"' in text
    assert '"value":30' in text
    assert "2,000 pieces of log and 10 points of metrics" in text
    assert "cannot be understood" in shown(access.retention(None, "retention.json cannot be understood"))


def test_viewers_see_schedules_and_are_told_why_they_change_none() -> None:
    one = {
        "schedule": "nightly", "what": "train", "cron": "0 2 * * *", "zone": "UTC", "paused": False,
        "next": 1.0, "job": None, "sweep": None, "why": "",
    }  # fmt: skip

    assert "Button" not in shown(outside.schedules([one], may_change=False))
    assert "viewer" in shown(outside.schedules([one], may_change=False))
    assert "schedule-add" in shown(outside.schedules([one], may_change=True))


def test_a_webhook_can_be_removed() -> None:
    hook = {"name": "push", "submitted": 3, "refused": 0, "trouble": "", "last": "jaaaaaaaaaaaa"}
    text = shown(outside.incoming([hook], [], {"household": None, "state": None}))

    assert '"taken":"hook"' in text
    assert "Remove hook push" in text
    assert "taking-add" in text


def test_users_are_logged_out_by_others_only() -> None:
    one = {"name": "olga", "roles": ["admin", "viewer"], "sessions": 2, "links": 1, "tokens": 0, "until": 5.0}

    text = shown(users.table([one], "kitchen"))

    assert "2 browsers, 1 unused link" in text
    assert "admin, viewer" in text
    assert "Log out olga everywhere" in text
    assert "Button" not in shown(users.table([one], "olga"))
    assert "Button" not in shown(users.table([{**one, "sessions": 0, "links": 0, "tokens": 1}], "kitchen"))


@pytest.mark.parametrize(
    ("to", "fields"),
    [
        (
            {"kind": "mail", "to": ["a@b.c", "d@e.f"], "host": "::1", "port": 25, "sender": "hq@b.c"},
            ("a@b.c, d@e.f", "[::1]:25", "hq@b.c"),
        ),
        ({"kind": "ntfy", "server": "https://ntfy.sh", "topic": "t"}, ("t", "", "")),
        ({"kind": "ntfy", "server": "https://own:1", "topic": "t"}, ("https://own:1/t", "", "")),
        ({"kind": "webhook", "url": "https://a"}, ("https://a", "", "")),
        ({"kind": "mqtt", "topic": "home/a", "broker": "house"}, ("home/a", "", "")),
    ],
)
def test_a_notification_comes_back_into_the_form_and_out_of_it_as_it_was(
    to: dict[str, Any], fields: tuple[str, str, str]
) -> None:
    one = {"name": "phone", "to": to, "on": ["job_failed"]}

    kind, name, where, secret, host, sender, about = outside.filled(one)

    assert (where, host, sender) == fields
    assert (kind, name, secret, about) == (to["kind"], "phone", "", ["job_failed"])
    again = {"server": "https://ntfy.sh", **read_target(kind, where, host, sender, has_secret=False)}
    assert {**again, **{name: to[name] for name in ("broker",) if name in to}}.items() >= to.items()


def test_what_the_form_cannot_say_of_a_target_stays() -> None:
    old = {"kind": "mail", "security": "tls", "user": "hq", "port": 465}

    assert with_old({"kind": "mail", "host": "a"}, old) == {
        "kind": "mail", "host": "a", "security": "tls", "user": "hq",
    }  # fmt: skip
    assert with_old({"kind": "webhook", "url": "b"}, old) == {"kind": "webhook", "url": "b"}
