"""Certificates: what is in them, and who gets none."""

import datetime
import ipaddress
import socket
import ssl
import stat
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

from idlehands.house import pki
from idlehands.house.certificates import RequestRefused
from idlehands.house.home import Home, HouseError, open_home
from idlehands.house.registry import InvalidName, NameTaken, Role, read_issued
from trust.keys import load_sealing_key, load_signing_key, public_hex


@pytest.fixture
def home(tmp_path: Path) -> Home:
    opened = open_home(tmp_path / "house")
    pki.ensure_authority(opened)
    return opened


def read(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())


def test_the_common_name_is_the_principals_name(home: Home, tmp_path: Path) -> None:
    pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")

    certificate = read(tmp_path / "attic")
    assert [part.value for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [
        "attic"
    ]
    certificate.verify_directly_issued_by(read_ca(home))


def read_ca(home: Home) -> x509.Certificate:
    return x509.load_pem_x509_certificate((home.pki / "ca.pem").read_bytes())


def test_the_authority_is_made_once(home: Home) -> None:
    first = read_ca(home)

    pki.ensure_authority(home)

    assert read_ca(home) == first


def test_keys_are_for_their_owner_only(home: Home, tmp_path: Path) -> None:
    pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")

    for key in (tmp_path / "attic" / "key.pem", home.pki / "ca.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "attic").stat().st_mode) == 0o700


def test_the_brokers_certificate_names_every_way_to_reach_it(home: Home) -> None:
    pki.ensure(home, "broker", Role.BROKER, home.broker)

    names = read(home.broker).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "idlehands-hq", socket.gethostname().lower()} <= set(
        names.get_values_for_type(x509.DNSName)
    )
    assert set(names.get_values_for_type(x509.IPAddress)) == {
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Attic",
        "-attic",
        "a" * 33,
        "attic\n",
        "../attic",
        "a/b",
        "a b",
        "a+",
        "#",
        "%u",
        "attic.local",
        "ä",
    ],
)
def test_a_name_that_could_be_more_than_a_name_is_refused(home: Home, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidName, match="lower-case letters, digits and hyphens"):
        pki.issue(home, name, Role.AGENT, tmp_path / "out")

    assert not (tmp_path / "out").exists()
    assert read_issued(home.pki) == {}


def test_the_longest_name_is_allowed(home: Home, tmp_path: Path) -> None:
    assert pki.issue(home, "a" * 32, Role.VIEWER, tmp_path / "out").name == "a" * 32


def test_a_taken_name_is_refused(home: Home, tmp_path: Path) -> None:
    pki.issue(home, "attic", Role.AGENT, tmp_path / "one")

    with pytest.raises(NameTaken, match="has a certificate already"):
        pki.issue(home, "attic", Role.AGENT, tmp_path / "other")


def test_a_renewal_gets_a_new_key_and_is_the_one_on_record(home: Home, tmp_path: Path) -> None:
    pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")
    old = (tmp_path / "attic" / "key.pem").read_bytes()

    renewed = pki.issue(home, "attic", Role.AGENT, tmp_path / "attic", renew=True)

    assert (tmp_path / "attic" / "key.pem").read_bytes() != old
    assert read_issued(home.pki)["attic"] == renewed
    assert read(tmp_path / "attic").serial_number == int(renewed.serial, 16)


def test_a_renewal_cannot_change_the_role(home: Home, tmp_path: Path) -> None:
    pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")

    with pytest.raises(NameTaken, match="cannot make it operator"):
        pki.issue(home, "attic", Role.OPERATOR, tmp_path / "attic", renew=True)


@pytest.mark.parametrize(
    ("name", "role"),
    [("hq", Role.OPERATOR), ("broker", Role.AGENT), ("hq", Role.BROKER), ("eve", Role.SERVICE)],
)
def test_the_houses_own_names_are_not_given_out(home: Home, tmp_path: Path, name: str, role: Role) -> None:
    with pytest.raises(NameTaken, match="kept for the house"):
        pki.issue(home, name, role, tmp_path / "out")


def test_another_key_is_not_overwritten(home: Home, tmp_path: Path) -> None:
    pki.issue(home, "attic", Role.AGENT, tmp_path / "out")

    with pytest.raises(HouseError, match="holds a key already"):
        pki.issue(home, "cellar", Role.AGENT, tmp_path / "out")

    assert "cellar" not in read_issued(home.pki)


def test_an_unwritable_folder_leaves_the_name_free(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(HouseError, match="cannot be written"):
        pki.issue(home, "attic", Role.AGENT, tmp_path / "file" / "out")

    assert read_issued(home.pki) == {}


def test_a_certificate_of_the_houses_own_is_renewed_when_it_is_about_to_expire(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home.service("hq")
    assert pki.ensure(home, "hq", Role.SERVICE, folder)
    assert not pki.ensure(home, "hq", Role.SERVICE, folder)
    lifetime = read(folder).not_valid_after_utc - datetime.datetime.now(datetime.UTC)

    monkeypatch.setattr(pki, "_RENEW_DAYS", lifetime.days + 1)

    assert pki.ensure(home, "hq", Role.SERVICE, folder)


def test_a_certificate_whose_files_are_lost_is_issued_again(home: Home) -> None:
    pki.ensure(home, "hq", Role.SERVICE, home.service("hq"))
    (home.service("hq") / "cert.pem").unlink()

    assert pki.ensure(home, "hq", Role.SERVICE, home.service("hq"))


def test_a_name_that_was_written_into_the_registry_by_hand_is_checked_too(home: Home) -> None:
    entry = {"name": "x\ntopic readwrite #", "role": "agent", "serial": "1", "expires": 1}
    (home.pki / "issued.json").write_bytes(msgspec.json.encode([entry]))

    with pytest.raises(InvalidName):
        read_issued(home.pki)


def test_nobody_is_revoked_at_first_and_the_list_is_in_date(home: Home) -> None:
    revocations = x509.load_pem_x509_crl((home.pki / "crl.pem").read_bytes())

    assert list(revocations) == []
    assert revocations.next_update_utc is not None
    assert revocations.next_update_utc > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3000)


def test_a_principal_gets_keys_to_sign_and_to_open_what_is_sealed(home: Home, tmp_path: Path) -> None:
    entry = pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")

    assert entry.signing_key == public_hex(load_signing_key(tmp_path / "attic" / "sign.key"))
    assert entry.sealing_key == public_hex(load_sealing_key(tmp_path / "attic" / "seal.key"))
    assert read_issued(home.pki)["attic"] == entry


def test_a_renewal_keeps_the_keys_and_remembers_what_still_connects(home: Home, tmp_path: Path) -> None:
    first = pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")

    second = pki.issue(home, "attic", Role.AGENT, tmp_path / "attic", renew=True)

    assert (second.signing_key, second.sealing_key) == (first.signing_key, first.sealing_key)
    assert second.earlier == {first.serial: first.expires}


def test_an_older_house_gets_the_keys_that_it_lacks(home: Home) -> None:
    folder = home.service("hq")
    pki.ensure(home, "hq", Role.SERVICE, folder)
    for key in ("sign.key", "seal.key"):
        (folder / key).unlink()
    old = {"name": "hq", "role": "service", "serial": "1", "expires": 1}
    (home.pki / "issued.json").write_bytes(msgspec.json.encode([old]))

    assert not pki.ensure(home, "hq", Role.SERVICE, folder)

    assert read_issued(home.pki)["hq"].signing_key == public_hex(load_signing_key(folder / "sign.key"))
    assert read_issued(home.pki)["hq"].sealing_key == public_hex(load_sealing_key(folder / "seal.key"))


def request(key: CertificateIssuerPrivateKeyTypes, name: str = "somebody-else") -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    built = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, algorithm)
    return built.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["P-256", "P-384", "Ed25519"],
)
def test_a_request_gets_a_certificate_under_our_name_not_its_own(
    home: Home, key: CertificateIssuerPrivateKeyTypes
) -> None:
    pem = pki.issue_for_request(
        home, "attic", Role.AGENT, request(key, "hq"), signing_key="a" * 64, sealing_key="b" * 64
    )

    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.subject.rfc4514_string() == "CN=attic"
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(read_ca(home))
    entry = read_issued(home.pki)["attic"]
    assert (entry.signing_key, entry.sealing_key) == ("a" * 64, "b" * 64)
    assert int(entry.serial, 16) == certificate.serial_number


def test_a_request_for_a_taken_name_is_refused_and_its_renewal_keeps_the_keys(home: Home) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pki.issue_for_request(home, "attic", Role.AGENT, request(key), signing_key="a" * 64)

    with pytest.raises(NameTaken):
        pki.issue_for_request(home, "attic", Role.AGENT, request(key))
    with pytest.raises(NameTaken):
        pki.issue_for_request(home, "attic", Role.OPERATOR, request(key), renew=True)
    pki.issue_for_request(home, "attic", Role.AGENT, request(key), renew=True)

    assert read_issued(home.pki)["attic"].signing_key == "a" * 64


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP521R1())]
)
def test_a_request_with_another_kind_of_key_is_refused(
    home: Home, key: CertificateIssuerPrivateKeyTypes
) -> None:
    with pytest.raises(RequestRefused, match="P-256"):
        pki.issue_for_request(home, "attic", Role.AGENT, request(key))

    assert read_issued(home.pki) == {}


def test_a_request_signed_with_another_key_is_refused(home: Home) -> None:
    der = bytearray(
        ssl.PEM_cert_to_DER_cert(as_certificate(request(ec.generate_private_key(ec.SECP256R1()))))
    )
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)

    with pytest.raises(RequestRefused, match="not signed"):
        pki.issue_for_request(home, "attic", Role.AGENT, forged)


def as_certificate(pem: bytes) -> str:
    return pem.decode().replace("CERTIFICATE REQUEST", "CERTIFICATE")


@pytest.mark.parametrize("pem", [b"", b"nonsense", b"-----BEGIN CERTIFICATE REQUEST-----\n" * 500])
def test_what_is_no_request_is_refused(home: Home, pem: bytes) -> None:
    with pytest.raises(RequestRefused):
        pki.issue_for_request(home, "attic", Role.AGENT, pem)


@pytest.mark.parametrize("key", ["a" * 63, "A" * 64, "a" * 64 + "\n"])
def test_a_public_key_that_is_none_is_refused(home: Home, key: str) -> None:
    pem = request(ec.generate_private_key(ec.SECP256R1()))

    with pytest.raises(RequestRefused, match="hexadecimal"):
        pki.issue_for_request(home, "attic", Role.AGENT, pem, sealing_key=key)


def test_a_damaged_certificate_of_the_houses_own_is_made_again(home: Home) -> None:
    pki.ensure(home, "hq", Role.SERVICE, home.service("hq"))
    (home.service("hq") / "cert.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nnonsense\n")

    assert pki.ensure(home, "hq", Role.SERVICE, home.service("hq"))
