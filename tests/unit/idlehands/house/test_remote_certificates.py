"""Certificates of machines that joined: renewed at 60 of 90 days, for the same key, without a person."""

import time
from pathlib import Path

import pytest
from cryptography import x509

from bus.certificate_files import install, seconds_left
from bus.settings import BusSettings, BusSettingsError
from idlehands.house import pki
from idlehands.house.home import Home, open_home
from idlehands.house.registry import read_issued
from idlehands.house.remote_certificates import renew_due
from idlehands.house.renewal import renew_all
from tests.fixtures.remote_machine import join_by_hand

DAY = 86_400.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = open_home(tmp_path / "hq")
    pki.ensure_authority(home)
    return home


def test_what_is_due_is_renewed_for_the_same_key_and_the_rest_is_left(home: Home, tmp_path: Path) -> None:
    join_by_hand(home, "attic", tmp_path / "attic", days=29)
    join_by_hand(home, "cellar", tmp_path / "cellar", days=31)
    before = (home.renewals / "attic.pem").read_bytes()

    assert renew_due(home) == ["attic"]
    assert renew_due(home) == []

    old, new = map(x509.load_pem_x509_certificate, (before, (home.renewals / "attic.pem").read_bytes()))
    assert new.public_key() == old.public_key()
    assert new.subject == old.subject
    entry = read_issued(home.pki)["attic"]
    assert entry.serial == f"{new.serial_number:x}"
    # A revocation must reach the old one as well.
    assert f"{old.serial_number:x}" in entry.earlier


def test_who_was_revoked_is_not_renewed(home: Home, tmp_path: Path) -> None:
    join_by_hand(home, "attic", tmp_path / "attic", days=2)
    pki.revoke(home, "attic")

    assert renew_due(home) == []
    assert not list(home.renewals.iterdir())


def test_a_certificate_that_was_replaced_by_pairing_anew_is_not_renewed(home: Home, tmp_path: Path) -> None:
    join_by_hand(home, "attic", tmp_path / "attic", days=2)
    stolen = (home.renewals / "attic.pem").read_bytes()
    pki.issue(home, "attic", read_issued(home.pki)["attic"].role, tmp_path / "anew", renew=True)

    assert renew_due(home) == []
    assert stolen not in [file.read_bytes() for file in home.renewals.iterdir()]


def test_noise_in_the_folder_stops_nobody(home: Home, tmp_path: Path) -> None:
    join_by_hand(home, "attic", tmp_path / "attic", days=2)
    (home.renewals / "aaa.pem").write_text("no certificate")

    assert renew_due(home) == ["attic"]


def test_a_renewed_certificate_takes_the_place_of_the_old(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "attic"
    join_by_hand(home, "attic", folder, days=29)
    assert 28.9 * DAY < seconds_left(folder, time.time()) < 29.1 * DAY
    renew_due(home)
    renewed = (home.renewals / "attic.pem").read_text()

    assert install(folder, renewed)
    assert not install(folder, renewed)

    assert seconds_left(folder, time.time()) > 89 * DAY
    BusSettings.parse("127.0.0.1:1", folder).read_context()
    assert not [file for file in folder.iterdir() if file.name.endswith(".new")]


def test_a_certificate_of_somebody_else_is_not_stored(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "attic"
    join_by_hand(home, "attic", folder, days=29)
    join_by_hand(home, "cellar", tmp_path / "cellar", days=60)
    before = (folder / "cert.pem").read_bytes()
    pki.issue(home, "thief", read_issued(home.pki)["attic"].role, tmp_path / "thief")

    for wrong in ((tmp_path / "cellar" / "cert.pem").read_text(), "no certificate", ""):
        with pytest.raises(BusSettingsError):
            install(folder, wrong)

    assert (folder / "cert.pem").read_bytes() == before


def test_the_house_renews_them_with_its_own(home: Home, tmp_path: Path) -> None:
    join_by_hand(home, "attic", tmp_path / "attic", days=2)

    assert "attic" in renew_all(home, [])
