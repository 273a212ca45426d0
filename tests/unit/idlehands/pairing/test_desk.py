"""Who may join: the rules alone, with a clock that the test holds."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from idlehands.house.registry import NameTaken
from idlehands.pairing.desk import WRONG_TRIES, Application, Desk, Refused
from idlehands.pairing.join_token import JoinToken
from idlehands.pairing.joining import prepare_request
from idlehands.pairing.messages import Ask, sign_request

TOKEN = JoinToken.make(b"a certificate")
CHALLENGE = "ab" * 32


def ask(
    folder: Path, *, name: str = "attic", secret: bytes = TOKEN.secret, challenge: str = CHALLENGE
) -> Ask:
    request, _ = prepare_request(folder, name)
    payload = msgspec.json.encode(request).decode()
    return Ask(payload, sign_request(secret, challenge, payload))


def open_desk(check_free: Callable[[str], None] = lambda _: None, name: str | None = None) -> Desk:
    return Desk(TOKEN, expires=600.0, check_free=check_free, name=name)


def refusal(desk: Desk, asked: Ask, *, now: float = 1.0, challenge: str = CHALLENGE) -> str:
    with pytest.raises(Refused) as refused:
        desk.consider(asked, challenge, "10.0.0.7", now)
    return refused.value.code


def accepted(desk: Desk, asked: Ask, *, now: float = 1.0) -> Application:
    return desk.consider(asked, CHALLENGE, "10.0.0.7", now)


def test_who_shows_the_secret_is_heard_with_the_key_of_its_request(tmp_path: Path) -> None:
    application = accepted(open_desk(), ask(tmp_path))

    assert (application.name, application.address) == ("attic", "10.0.0.7")
    assert len(application.public_key) > 64


def test_five_wrong_secrets_close_it_for_the_right_one_too(tmp_path: Path) -> None:
    desk, right = open_desk(), ask(tmp_path)

    tries = [refusal(desk, ask(tmp_path, secret=bytes([n] * 10))) for n in range(WRONG_TRIES)]

    assert tries == ["wrong_token"] * WRONG_TRIES
    assert refusal(desk, right) == "closed"
    assert desk.closed is not None


def test_a_changed_request_is_a_wrong_try(tmp_path: Path) -> None:
    desk, asked = open_desk(), ask(tmp_path)
    other, _ = prepare_request(tmp_path / "other", "attic")
    changed = json.loads(asked.payload) | {"csr": other.csr}

    assert refusal(desk, Ask(json.dumps(changed), asked.mac)) == "wrong_token"
    assert desk.wrong_tries == 1


def test_a_replayed_request_is_a_wrong_try(tmp_path: Path) -> None:
    assert refusal(open_desk(), ask(tmp_path), challenge="cd" * 32) == "wrong_token"


def test_an_expired_token_opens_nothing(tmp_path: Path) -> None:
    desk = open_desk()

    assert refusal(desk, ask(tmp_path), now=600.0) == "expired"
    assert refusal(desk, ask(tmp_path), now=1.0) == "expired"


def test_a_used_token_opens_nothing(tmp_path: Path) -> None:
    desk = open_desk()
    desk.close("used", "This join token was used.")
    desk.close("not_allowed", "the first reason stays")

    assert refusal(desk, ask(tmp_path)) == "used"


def test_of_two_machines_at_once_the_second_is_refused_until_the_first_went_away(tmp_path: Path) -> None:
    desk = open_desk()
    first = accepted(desk, ask(tmp_path / "first"))

    assert refusal(desk, ask(tmp_path / "second", name="cellar")) == "busy"
    desk.withdraw(first)
    assert accepted(desk, ask(tmp_path / "second", name="cellar")).name == "cellar"


def test_a_taken_name_costs_no_try_and_another_may_be_given(tmp_path: Path) -> None:
    def check_free(name: str) -> None:
        if name == "attic":
            raise NameTaken("taken")

    desk = open_desk(check_free)

    assert refusal(desk, ask(tmp_path)) == "name_taken"
    assert desk.wrong_tries == 0
    assert accepted(desk, ask(tmp_path, name="cellar")).name == "cellar"


@pytest.mark.parametrize("name", ["../attic", "Attic", "", "a" * 33, "attic\n", "-attic", "at tic"])
def test_names_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    asked = ask(tmp_path)
    payload = json.dumps(json.loads(asked.payload) | {"name": name})

    assert refusal(open_desk(), Ask(payload, sign_request(TOKEN.secret, CHALLENGE, payload))) == "name_taken"


def test_hq_decides_the_name_if_it_was_told_one(tmp_path: Path) -> None:
    assert accepted(open_desk(name="cellar"), ask(tmp_path)).name == "cellar"


@pytest.mark.parametrize(
    "change",
    [
        {"csr": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"},
        {"csr": "x" * 20_000},
        {"signing_key": "ab"},
        {"sealing_key": "zz" * 32},
        {"version": 2},
        {"more": 1},
        {"name": 7},
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_takes_nobodys_place(
    tmp_path: Path, change: dict[str, object]
) -> None:
    desk, asked = open_desk(), ask(tmp_path)
    payload = json.dumps(json.loads(asked.payload) | change)

    assert refusal(desk, Ask(payload, sign_request(TOKEN.secret, CHALLENGE, payload))) == "bad_request"
    assert accepted(desk, asked).name == "attic"
