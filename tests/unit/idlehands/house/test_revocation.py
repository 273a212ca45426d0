"""Who is shut out, and what stays of it. tests/e2e/test_expulsion.py shows it in a house that runs."""

from pathlib import Path

import pytest
from cryptography import x509

from idlehands.house import pki
from idlehands.house.home import Home, HouseError, open_home
from idlehands.house.login import end_sessions, login_link
from idlehands.house.registry import NameRevoked, NameTaken, Role, read_issued
from idlehands.house.revocation import read_revoked
from idlehands.house.tokens import TokenRole


@pytest.fixture
def home(tmp_path: Path) -> Home:
    opened = open_home(tmp_path / "house")
    pki.ensure_authority(opened)
    return opened


def listed(home: Home) -> set[str]:
    """Return the serial numbers on the revocation list, after its signature was checked."""
    revocations = x509.load_pem_x509_crl((home.pki / "crl.pem").read_bytes())
    authority = x509.load_pem_x509_certificate((home.pki / "ca.pem").read_bytes())
    assert revocations.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    return {f"{one.serial_number:x}" for one in revocations}


def test_every_certificate_of_a_revoked_name_is_on_the_list(home: Home, tmp_path: Path) -> None:
    first = pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")
    second = pki.issue(home, "attic", Role.AGENT, tmp_path / "attic", renew=True)
    pki.issue(home, "cellar", Role.AGENT, tmp_path / "cellar")

    pki.revoke(home, "attic")

    assert listed(home) == {first.serial, second.serial}
    assert set(read_issued(home.pki)) == {"cellar"}


def test_the_list_survives_starts_and_a_new_certificate_of_the_name(home: Home, tmp_path: Path) -> None:
    old = pki.issue(home, "attic", Role.AGENT, tmp_path / "old")
    pki.revoke(home, "attic")

    new = pki.issue(home, "attic", Role.OPERATOR, tmp_path / "new")
    pki.ensure_authority(home)

    assert listed(home) == {old.serial}
    assert read_issued(home.pki)["attic"] == new
    assert [one.name for one in read_revoked(home.pki)] == ["attic"]
    assert new.signing_key != old.signing_key


def test_a_revocation_that_was_interrupted_can_be_repeated(home: Home, tmp_path: Path) -> None:
    pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")
    before = (home.pki / "issued.json").read_bytes()
    pki.revoke(home, "attic")
    (home.pki / "issued.json").write_bytes(before)

    pki.revoke(home, "attic")

    assert len(read_revoked(home.pki)) == 1
    assert read_issued(home.pki) == {}


@pytest.mark.parametrize(("name", "words"), [("hq", "cert rotate"), ("attic", "cert list")])
def test_who_cannot_be_revoked_is_refused(home: Home, name: str, words: str) -> None:
    with pytest.raises(HouseError, match=words):
        pki.revoke(home, name)


def test_a_start_does_not_let_a_revoked_name_in_again(home: Home) -> None:
    pki.ensure(home, "attic", Role.AGENT, home.agent("attic"))
    pki.revoke(home, "attic")

    with pytest.raises(NameRevoked, match="cert issue attic --role agent"):
        pki.ensure(home, "attic", Role.AGENT, home.agent("attic"))


def test_a_revoked_certificate_is_not_renewed(home: Home, tmp_path: Path) -> None:
    pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")
    pki.revoke(home, "attic")

    with pytest.raises(NameTaken):
        pki.renew_for_key(home, (tmp_path / "attic" / "cert.pem").read_bytes(), before_days=365)


def test_after_a_rotation_nobody_has_a_certificate_and_the_houses_own_are_made_again(home: Home) -> None:
    folder = home.service("hq")
    pki.ensure(home, "hq", Role.SERVICE, folder)
    old = (home.pki / "ca.pem").read_bytes()

    before = pki.rotate(home)

    assert set(before) == {"hq"}
    assert read_issued(home.pki) == {}
    assert pki.ensure(home, "hq", Role.SERVICE, folder)
    authority = x509.load_pem_x509_certificate((home.pki / "ca.pem").read_bytes())
    certificate = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    certificate.verify_directly_issued_by(authority)
    assert (home.pki / "ca.pem").read_bytes() != old
    assert (folder / "ca.pem").read_bytes() == (home.pki / "ca.pem").read_bytes()


def test_a_rotation_that_was_interrupted_is_completed_by_the_next_start(home: Home) -> None:
    pki.ensure(home, "hq", Role.SERVICE, home.service("hq"))
    # Killed between the removal of the old CA and the registry's.
    (home.pki / "ca.pem").unlink()

    pki.ensure_authority(home)

    assert pki.ensure(home, "hq", Role.SERVICE, home.service("hq"))


def test_sessions_and_links_of_one_name_are_ended(home: Home) -> None:
    login_link(home, "olga", TokenRole.OPERATOR)
    login_link(home, "vera", TokenRole.VIEWER)

    assert end_sessions(home, "olga") == 1
    assert end_sessions(home, "olga") == 0
    assert len(list((home.path / "logins").glob("*.json"))) == 1
