"""docs/protocol.md, signatures: forged, replayed, retyped and truncated messages begin and change nothing.

The broker here lets everybody write everywhere, as a broker that somebody owns
does. Each attack is also tried on a house with the checks left out, where it
works: so the refusal is the checks' doing.
"""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bus import topics
from bus.codec import encode
from bus.topics import DEFAULT_ROOT
from schemas.facts import AttemptResult
from schemas.messages import Claim, Grants, Results
from schemas.specs import ScriptRef, ScriptSignature
from schemas.states import Outcome
from schemas.trust import TrustedAuthor, TrustList
from tests.contract.protocol_house import proves
from tests.contract.signed_house import AGENT, BOOT, EPOCH, JOB, OTHER, SCRIPT, TOKEN, SignedHouse
from tests.fixtures.broker import eventually
from trust.arguments import Argument
from trust.dsse import encode_for_signing
from trust.keys import key_id, load_signing_key
from trust.scripts import Statement, sign_script


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SignedHouse]:
    made = SignedHouse(tmp_path / "house")
    yield made
    made.close()


@pytest.fixture
def careless(tmp_path: Path) -> Iterator[SignedHouse]:
    """The same house with the checks left out."""
    made = SignedHouse(tmp_path / "careless", checks=False)
    yield made
    made.close()


def results(token: int = TOKEN) -> Results:
    return Results(BOOT, (AttemptResult(JOB, token, Outcome.SUCCEEDED, 0, {"accuracy": 1}),))


# --- grants -----------------------------------------------------------------------------


@proves("P62", "P64")
def test_a_signed_grant_of_a_signed_script_begins(house: SignedHouse) -> None:
    claim = house.claim()

    house.hq.publish(topics.GRANT, house.grant(claim), agent=AGENT)

    result = house.wait(topics.RESULT)
    assert [grant.job for grant in house.runner.began] == [JOB]
    assert result.results[0].outcome is Outcome.SUCCEEDED


def unsigned(house: SignedHouse, claim: Claim) -> None:
    house.forge(topics.GRANT, house.grant(claim))


def signed_by_another(house: SignedHouse, claim: Claim) -> None:
    body = msgspec.json.encode(house.grant(claim))
    signer, signature = house.key("eve").sign(topics.GRANT.type, body)
    house.forge(topics.GRANT, body, signer=signer, signature=signature)


def in_the_name_of_hqs_key(house: SignedHouse, claim: Claim) -> None:
    body = msgspec.json.encode(house.grant(claim))
    _, signature = house.key("eve").sign(topics.GRANT.type, body)
    house.forge(topics.GRANT, body, signer=key_id(house.public("hq")), signature=signature)


def with_a_result_as_grant(house: SignedHouse, claim: Claim) -> None:
    # HQ's key, but over another type: what is signed as one thing is not another.
    body = msgspec.json.encode(house.grant(claim))
    signer, signature = house.key("hq").sign(topics.RESULT.type, body)
    house.forge(topics.GRANT, body, signer=signer, signature=signature)


def with_one_byte_changed(house: SignedHouse, claim: Claim) -> None:
    body = msgspec.json.encode(house.grant(claim))
    signer, signature = house.key("hq").sign(topics.GRANT.type, body)
    changed = body.replace(b"train.py", b"evil0.py")
    assert changed != body
    house.forge(topics.GRANT, changed, signer=signer, signature=signature)


FORGERIES: list[tuple[Callable[[SignedHouse, Claim], None], str]] = [
    (unsigned, "unsigned"),
    (signed_by_another, "unknown_signer"),
    (in_the_name_of_hqs_key, "bad_signature"),
    (with_a_result_as_grant, "bad_signature"),
    (with_one_byte_changed, "bad_signature"),
]


@proves("P62", "P64")
@pytest.mark.parametrize(("forge", "reason"), FORGERIES)
def test_a_forged_grant_begins_nothing_and_is_counted(
    house: SignedHouse, forge: Callable[[SignedHouse, Claim], None], reason: str
) -> None:
    claim = house.claim()

    forge(house, claim)

    house.wait_rejected(reason)
    assert house.wait(topics.HEARTBEAT, lambda beat: beat.refused).refused == {reason: 1}
    assert house.runner.began == []


@pytest.mark.parametrize("forge", [forge for forge, _ in FORGERIES])
def test_without_the_checks_the_same_forgeries_begin(
    careless: SignedHouse, forge: Callable[[SignedHouse, Claim], None]
) -> None:
    forge(careless, careless.claim())

    eventually(lambda: len(careless.runner.began) == 1, 60)


@proves("P64")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"agent": OTHER}, "another_agent"),
        ({"boot": BOOT - 1}, "another_boot"),
        ({"nonce": "e" * 32}, "no_such_claim"),
        ({"epoch": EPOCH - 1}, "old_epoch"),
    ],
)
def test_hqs_own_grant_for_somebody_or_something_else_begins_nothing(
    house: SignedHouse, changes: dict[str, object], reason: str
) -> None:
    claim = house.claim()

    house.hq.publish(topics.GRANT, house.grant(claim, **changes), agent=AGENT)  # type: ignore[arg-type]

    house.wait_rejected(reason)
    assert house.runner.began == []


@proves("P64")
def test_a_replayed_grant_begins_nothing_more(house: SignedHouse) -> None:
    claim = house.claim()
    whole = encode(topics.GRANT, house.grant(claim), message_id="g", source="hq", signer=house.key("hq"))
    name = f"{DEFAULT_ROOT}/{topics.GRANT.of(agent=AGENT)}"
    house.hub.publish_raw(name, whole)
    house.wait(topics.RESULT)
    house.hub.publish_raw(name, whole)  # its result waits: the grant is known
    house.hq.publish(
        topics.ACK,
        msgspec.convert(
            {"epoch": EPOCH, "boot": BOOT, "results": [{"job": JOB, "token": TOKEN, "verdict": "accepted"}]},
            topics.ACK.payload,  # type: ignore[arg-type]
        ),
        agent=AGENT,
    )
    eventually(lambda: not house.core.attempts, 60)

    house.hub.publish_raw(name, whole)  # and now it is not, but no claim is open either

    house.wait_rejected("no_such_claim")
    assert len(house.runner.began) == 1


def test_a_truncated_grant_is_refused_at_every_length(house: SignedHouse) -> None:
    claim = house.claim()
    whole = encode(topics.GRANT, house.grant(claim), message_id="g", source="hq", signer=house.key("hq"))

    for end in range(0, len(whole), 37):
        house.hub.publish_raw(f"{DEFAULT_ROOT}/{topics.GRANT.of(agent=AGENT)}", whole[:end])

    house.wait_rejected("not_json", len(range(0, len(whole), 37)))
    assert house.runner.began == []


def test_claims_go_back_to_hq_when_their_grant_is_of_an_unknown_key(house: SignedHouse) -> None:
    signed_by_another(house, house.claim())

    decline = house.wait(topics.DECLINE).declines[0]
    assert (decline.job, decline.token, decline.unwilling) == (JOB, TOKEN, False)
    assert "trust.json" in decline.why
    assert "HQ signs with" in house.wait(topics.HEARTBEAT, lambda beat: beat.degraded).degraded


def test_a_rotated_key_of_hq_is_followed_as_soon_as_it_is_listed(house: SignedHouse) -> None:
    signed_by_another(house, house.claim())
    house.wait_rejected("unknown_signer")

    house.trust(TrustList(hq=(house.public("hq"), house.public("eve")), authors=(house.house_author(),)))
    house.queue.put(None)  # whatever wakes it: at the latest its next heartbeat
    house.wait(topics.HEARTBEAT, lambda beat: beat.refused and not beat.degraded)
    signed_by_another(house, house.claim(TOKEN + 1))

    eventually(lambda: len(house.runner.began) == 1, 60)


# --- scripts ------------------------------------------------------------------------------


def signed_script(house: SignedHouse, by: str, script: ScriptRef = SCRIPT, **said: Any) -> ScriptRef:
    """Return the script with the word of `by` for it, or for something else."""
    file = house.folder / "house.key" if by == "house" else house.folder / by / "sign.key"
    words: dict[str, Any] = {
        "name": script.name,
        "bundle": script.bundle,
        "entry": script.entry,
        "author": by,
        **said,
    }
    found = sign_script(load_signing_key(file), Statement(**words))
    return replace(script, signature=ScriptSignature(found.key, found.statement, found.signature))


def why_declined(house: SignedHouse, grants: Grants) -> str:
    """Publish a grant, and return why the agent will not run it for anybody."""
    house.hq.publish(topics.GRANT, grants, agent=AGENT)
    decline = house.wait(topics.DECLINE).declines[0]
    assert decline.unwilling
    assert house.core.rejected["not_allowed"] == 1
    assert house.runner.began == []
    why: str = decline.why
    return why


@proves("P64", "P65")
def test_a_script_of_an_unknown_author_is_declined_in_words(house: SignedHouse) -> None:
    grant = house.grant(house.claim(), script=signed_script(house, "eve"))

    assert "does not trust the author" in why_declined(house, grant)


@proves("P64")
def test_a_script_without_any_author_is_declined(house: SignedHouse) -> None:
    assert "not signed" in why_declined(house, house.grant(house.claim(), script=SCRIPT))


@proves("P64", "P65")
@pytest.mark.parametrize("other", [{"bundle": "b" * 64}, {"entry": "other.py"}])
def test_an_authors_word_for_another_script_is_none_for_this(
    house: SignedHouse, other: dict[str, str]
) -> None:
    grant = house.grant(house.claim(), script=signed_script(house, "house", **other))

    assert "another script" in why_declined(house, grant)


@proves("P65")
@pytest.mark.parametrize(
    ("given", "why"),
    [({"params": {"rate": "x"}}, "'rate'"), ({"params": {"b": 1}}, "'b'"), ({"argv": ("--b",)}, "words")],
)
def test_a_script_signed_for_its_arguments_begins_with_no_others(
    house: SignedHouse, given: dict[str, Any], why: str
) -> None:
    script = signed_script(house, "house", version="1.2", arguments=(Argument("rate", "number"),))
    grants = house.grant(house.claim(), script=script)
    changed = tuple(replace(one, spec=replace(one.spec, **given)) for one in grants.grants)
    assert why in why_declined(house, replace(grants, grants=changed))

    grants = house.grant(house.claim(TOKEN + 1), script=script)
    changed = tuple(replace(one, spec=replace(one.spec, params={"rate": 0.5})) for one in grants.grants)
    house.hq.publish(topics.GRANT, replace(grants, grants=changed), agent=AGENT)

    eventually(lambda: len(house.runner.began) == 1, 60)


@proves("P65")
def test_a_statement_that_was_changed_is_declined(house: SignedHouse) -> None:
    script = signed_script(house, "house", bundle="b" * 64)
    assert script.signature is not None
    said = script.signature.statement.replace("b" * 64, SCRIPT.bundle)
    script = replace(script, signature=replace(script.signature, statement=said))

    assert "not what its author signed" in why_declined(house, house.grant(house.claim(), script=script))


@proves("P65")
def test_the_signature_of_a_grant_is_no_word_for_a_script(house: SignedHouse) -> None:
    # Were HQ's key an author's too, a signed message of it would still not pass for a statement.
    text = msgspec.json.encode(Statement("train", SCRIPT.bundle, SCRIPT.entry, "hq"))
    signer, signature = house.key("hq").sign(topics.GRANT.type, text)
    house.trust(TrustList((house.public("hq"),), (TrustedAuthor("hq", house.public("hq")),)))
    script = replace(SCRIPT, signature=ScriptSignature(signer, text.decode(), signature))

    assert "signature does not hold" in why_declined(house, house.grant(house.claim(), script=script))


@proves("P64")
def test_a_denied_author_or_bundle_is_declined_whoever_signed(house: SignedHouse) -> None:
    claim = house.claim()
    rules = TrustList((house.public("hq"),), (house.house_author(),), denied=(house.public("house"),))
    house.trust(rules)
    assert "denied the author" in why_declined(house, house.grant(claim))

    house.trust(replace(rules, denied=(SCRIPT.bundle,)))
    house.hq.publish(topics.GRANT, house.grant(house.claim(TOKEN + 1)), agent=AGENT)
    house.wait(topics.DECLINE, lambda data: "denied this script" in data.declines[0].why)


@proves("P64")
def test_where_scripts_are_listed_only_these_run(house: SignedHouse) -> None:
    rules = TrustList((house.public("hq"),), (house.house_author(),), scripts="listed")
    house.trust(rules)
    assert "listed scripts only" in why_declined(house, house.grant(house.claim()))

    house.trust(replace(rules, allowed=(SCRIPT.bundle,)))
    house.hq.publish(topics.GRANT, house.grant(house.claim(TOKEN + 1)), agent=AGENT)

    eventually(lambda: len(house.runner.began) == 1, 60)


def test_with_a_trust_list_that_cannot_be_read_nothing_begins(house: SignedHouse) -> None:
    claim = house.claim()
    (house.folder / AGENT / "trust.json").unlink()

    house.hq.publish(topics.GRANT, house.grant(claim), agent=AGENT)

    house.wait_rejected("unknown_signer")
    assert "is missing" in house.wait(topics.HEARTBEAT, lambda beat: beat.degraded).degraded
    assert house.runner.began == []


@proves("P65")
def test_hq_signs_for_the_house_only_what_nobody_signed(house: SignedHouse) -> None:
    own = signed_script(house, "eve")
    claim = Claim(JOB, TOKEN, "d" * 32)

    grants = house.author.sign_grants(
        Grants(EPOCH, (*house.grant(claim, script=own).grants, *house.grant(claim, script=SCRIPT).grants))
    )

    first, second = (grant.spec.script for grant in grants.grants)
    assert first == own
    assert second.signature is not None
    assert second.signature.key == key_id(house.public("house"))
    assert replace(second, signature=None) == SCRIPT


# --- results -----------------------------------------------------------------------------


@proves("P62", "P63")
def test_a_result_is_signed_over_the_bytes_that_travel(house: SignedHouse) -> None:
    seen: list[bytes] = []
    house.hub.connect(_Tap(house, seen))
    house.bus.publish(topics.RESULT, results(), agent=AGENT)
    eventually(lambda: len(seen) == 1, 60)

    envelope = msgspec.json.decode(seen[0], type=dict[str, msgspec.Raw])
    body = bytes(envelope["data"])
    signature = base64.b64decode(msgspec.json.decode(envelope["signature"]))
    key = load_signing_key(house.folder / AGENT / "sign.key").public_key()
    key.verify(signature, encode_for_signing("idlehands.result", body))
    assert msgspec.json.decode(envelope["signer"]) == key_id(house.public(AGENT))


class _Tap:
    """Somebody who reads the bytes of results."""

    def __init__(self, house: SignedHouse, seen: list[bytes]) -> None:
        self.filters = (f"{DEFAULT_ROOT}/{topics.RESULT.filter()}",)
        self.online = False
        self.will = None
        self._seen = seen

    def put(self, what: object) -> None:
        if payload := getattr(what, "payload", b""):
            self._seen.append(payload)


def bare(house: SignedHouse) -> None:
    house.forge(topics.RESULT, results())


def of_another_agent(house: SignedHouse) -> None:
    # A whole machine is owned, its key included: it may speak for itself only.
    body = msgspec.json.encode(results())
    signer, signature = house.key(OTHER).sign(topics.RESULT.type, body)
    house.forge(topics.RESULT, body, signer=signer, signature=signature)


def changed_on_the_way(house: SignedHouse) -> None:
    body = msgspec.json.encode(results())
    signer, signature = house.key(AGENT).sign(topics.RESULT.type, body)
    house.forge(
        topics.RESULT, body.replace(b'"accuracy":1', b'"accuracy":2'), signer=signer, signature=signature
    )


def with_a_grant_as_result(house: SignedHouse) -> None:
    body = msgspec.json.encode(results())
    signer, signature = house.key(AGENT).sign(topics.GRANT.type, body)
    house.forge(topics.RESULT, body, signer=signer, signature=signature)


FALSE_RESULTS: list[tuple[Callable[[SignedHouse], None], str]] = [
    (bare, "unsigned"),
    (of_another_agent, "unknown_signer"),
    (changed_on_the_way, "bad_signature"),
    (with_a_grant_as_result, "bad_signature"),
]


@proves("P63")
@pytest.mark.parametrize(("forge", "reason"), FALSE_RESULTS)
def test_a_false_result_never_reaches_hqs_mind(
    house: SignedHouse, forge: Callable[[SignedHouse], None], reason: str
) -> None:
    forge(house)
    house.bus.publish(topics.RESULT, results(TOKEN + 1), agent=AGENT)

    (heard,) = [house.wait(topics.RESULT)]
    assert [result.token for result in heard.results] == [TOKEN + 1]
    assert [what.topic for what in house.heard].count(topics.RESULT) == 1
    assert [refusal.reason for refusal in house.refused] == [reason]


@pytest.mark.parametrize("forge", [forge for forge, _ in FALSE_RESULTS])
def test_without_the_checks_the_same_results_would_count(
    careless: SignedHouse, forge: Callable[[SignedHouse], None]
) -> None:
    forge(careless)

    assert careless.wait(topics.RESULT).results[0].token == TOKEN


@proves("P63")
def test_who_has_no_key_in_the_registry_has_no_results(house: SignedHouse) -> None:
    house.enter({AGENT: "", OTHER: house.public(OTHER)})

    house.bus.publish(topics.RESULT, results(), agent=AGENT)

    eventually(lambda: [refusal.reason for refusal in house.refused] == ["unknown_signer"], 60)


@proves("P63")
def test_the_registry_is_read_again_when_it_changes(house: SignedHouse) -> None:
    house.enter({AGENT: house.public("eve")})
    body = msgspec.json.encode(results())
    signer, signature = house.key("eve").sign(topics.RESULT.type, body)

    house.forge(topics.RESULT, body, signer=signer, signature=signature)

    assert house.wait(topics.RESULT) == results()
