"""HQ's registry of keys, and the house's word for scripts."""

import logging
from pathlib import Path

import msgspec
import pytest

from bus.signing import KeyFile, SignatureRefused, Signed
from bus.topics import RESULT
from hq.trusting import HouseAuthor, Principals, PrincipalsUnusable
from schemas.messages import Grant, Grants
from schemas.specs import JobSpec, ScriptRef
from trust.keys import ensure_signing_key, key_id, public_hex
from trust.scripts import read_statement

BODY = b'{"boot": 1}'


def enter(file: Path, **keys: str) -> None:
    """Write the registry as the house does: whole, with fields that HQ does not read."""
    rows = [{"name": name, "signing_key": key, "role": "agent", "serial": "1"} for name, key in keys.items()]
    new = file.with_name("new")
    new.write_bytes(msgspec.json.encode(rows))
    new.replace(file)


def from_attic(signer: KeyFile, agent: str = "attic") -> Signed:
    return Signed({"agent": agent}, RESULT.type, *signer.sign(RESULT.type, BODY), BODY)


@pytest.fixture
def attic(tmp_path: Path) -> KeyFile:
    ensure_signing_key(tmp_path / "attic.key")
    return KeyFile(tmp_path / "attic.key")


@pytest.fixture
def registry(tmp_path: Path, attic: KeyFile) -> Path:
    enter(tmp_path / "issued.json", attic=public_hex(ensure_signing_key(tmp_path / "attic.key")))
    return tmp_path / "issued.json"


def test_an_agent_speaks_for_itself_only(registry: Path, attic: KeyFile) -> None:
    principals = Principals(registry)

    principals.check(from_attic(attic))

    with pytest.raises(SignatureRefused) as caught:
        principals.check(from_attic(attic, "cellar"))
    assert caught.value.reason == "unknown_signer"


def test_a_revoked_agent_is_not_heard_any_more(registry: Path, attic: KeyFile) -> None:
    principals = Principals(registry)
    principals.check(from_attic(attic))

    enter(registry)

    with pytest.raises(SignatureRefused):
        principals.check(from_attic(attic))


def test_a_registry_that_breaks_off_leaves_those_known_before(
    registry: Path, attic: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    principals = Principals(registry)
    registry.write_text("[{")

    principals.check(from_attic(attic))

    assert "cannot be read" in caplog.text


def test_hq_does_not_begin_without_a_registry(tmp_path: Path) -> None:
    with pytest.raises(PrincipalsUnusable, match="cannot be read"):
        Principals(tmp_path / "issued.json")


def test_an_agent_without_a_key_is_named_once_with_the_way_out(
    registry: Path, attic: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    enter(registry, attic="")
    principals = Principals(registry)

    for _ in range(3):
        with pytest.raises(SignatureRefused):
            principals.check(from_attic(attic))

    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "cert issue attic --role agent --renew" in warnings[0]


def test_the_house_speaks_for_each_script_once(tmp_path: Path) -> None:
    key = ensure_signing_key(tmp_path / "house.key")
    author = HouseAuthor(key)

    def grants(entry: str) -> Grants:
        spec = JobSpec(ScriptRef("a" * 64, entry, name="train"))
        return Grants(1, (Grant("jaaaaaaaaaaaa", 1, "attic", 1, "b" * 32, 30.0, spec),))

    first = author.sign_grants(grants("a.py")).grants[0].spec.script
    again = author.sign_grants(grants("a.py")).grants[0].spec.script
    other = author.sign_grants(grants("b.py")).grants[0].spec.script

    assert first.signature is not None
    assert first.signature is again.signature
    assert first.signature.key == key_id(public_hex(key))
    said = read_statement(public_hex(key), first.signature.statement, first.signature.signature)
    assert (said.bundle, said.entry, said.name, said.author) == ("a" * 64, "a.py", "train", "house")
    assert other.signature is not None
    assert other.signature.statement != first.signature.statement
