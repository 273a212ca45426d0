"""Both sides over real TLS: what a machine gets, and what is refused."""

import contextlib
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from bus.settings import BusSettings
from idlehands.house import tokens
from idlehands.house.broker import prepare
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import Role, read_issued
from idlehands.pairing import issuing
from idlehands.pairing.fingerprint import words_of
from idlehands.pairing.join_token import JoinToken
from idlehands.pairing.joined import Joined, read_joined
from idlehands.pairing.joining import JoinRefused, fetch_ca, join, prepare_request
from idlehands.pairing.messages import (
    Admission,
    Ask,
    Broken,
    Grant,
    Hello,
    Refusal,
    Waiting,
    receive,
    receive_answer,
    send,
    sign_request,
)
from tests.contract.bus_worlds import eventually
from tests.unit.idlehands.pairing.conftest import PATIENCE_SECONDS, Pairing

Pair = Callable[..., Pairing]


def join_it(pairing: Pairing, folder: Path, name: str = "attic", token: JoinToken | None = None) -> Joined:
    said: list[str] = []
    return join(token or pairing.token, pairing.host, pairing.port, name, folder, said.append)


def refused(pairing: Pairing, folder: Path, *, name: str = "attic", token: JoinToken | None = None) -> str:
    with pytest.raises(JoinRefused) as refusal:
        join_it(pairing, folder, name, token)
    return refusal.value.code


def guess(token: JoinToken) -> JoinToken:
    """Return a token of the same house with another secret."""
    return JoinToken(token.ca_hash, JoinToken.make(b"").secret)


@contextlib.contextmanager
def raw(pairing: Pairing) -> Iterator[ssl.SSLSocket]:
    """Connect as somebody who looks at no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((pairing.host, pairing.port), timeout=PATIENCE_SECONDS) as connection,
        context.wrap_socket(connection) as stream,
    ):
        yield stream


def test_a_machine_joins_with_keys_of_its_own(home: Home, pair: Pair, tmp_path: Path) -> None:
    pairing, folder = pair(auto=True), tmp_path / "joined"

    joined = join_it(pairing, folder)

    assert pairing.result()
    assert joined == read_joined(folder) == Joined("attic", "agent", home.broker_address)
    settings = BusSettings.parse(joined.broker, folder)
    settings.read_context()
    assert settings.name == "attic"
    entry = read_issued(home.pki)["attic"]
    assert (entry.role, len(entry.signing_key), len(entry.sealing_key)) == (Role.AGENT, 64, 64)
    token = tokens.hash_of((folder / "token").read_text().strip())
    assert [
        (one.name, one.role.value) for one in tokens.read_tokens(home.tokens_file) if one.sha256 == token
    ] == [("attic", "agent")]


def test_private_keys_stay_where_they_were_made(home: Home, pair: Pair, tmp_path: Path) -> None:
    pairing, folder = pair(auto=True), tmp_path / "joined"
    join_it(pairing, folder)
    assert pairing.result()

    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir() if file.is_file())
    secrets = [(folder / name).read_bytes() for name in ("key.pem", "sign.key", "seal.key")]
    held = [file.read_bytes() for file in home.path.rglob("*") if file.is_file()]
    assert not any(secret in content for secret in secrets for content in held)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_a_client_joins_with_its_role(home: Home, pair: Pair, tmp_path: Path, role: Role) -> None:
    pairing = pair(auto=True, role=role)

    assert join_it(pairing, tmp_path / "joined", "laptop").role == role.value
    assert read_issued(home.pki)["laptop"].role is role
    assert pairing.result()


def test_a_person_sees_the_same_words_on_both_sides_and_allows_it(pair: Pair, tmp_path: Path) -> None:
    pairing, said = pair(), list[str]()
    pairing.answers.put(True)

    join(pairing.token, pairing.host, pairing.port, "attic", tmp_path / "joined", said.append)

    assert pairing.result()
    assert "attic" in pairing.asked.get(timeout=PATIENCE_SECONDS)
    words = said[0].rpartition(": ")[2]
    assert len(words.split()) == 4
    assert any(words in line for line in pairing.said)


def test_a_person_says_no_and_the_token_is_void(home: Home, pair: Pair, tmp_path: Path) -> None:
    pairing = pair()
    pairing.answers.put(False)

    assert refused(pairing, tmp_path / "joined") == "not_allowed"
    assert not pairing.result()
    assert "attic" not in read_issued(home.pki)
    assert not (tmp_path / "joined" / "cert.pem").exists()


def test_guessing_closes_the_pairing(home: Home, pair: Pair, tmp_path: Path) -> None:
    pairing = pair(auto=True)

    codes = [refused(pairing, tmp_path / "guesser", token=guess(pairing.token)) for _ in range(5)]

    assert codes == ["wrong_token"] * 5
    assert not pairing.result()
    with pytest.raises(HouseError):
        join_it(pairing, tmp_path / "joined")
    assert "attic" not in read_issued(home.pki)


def test_another_house_is_found_out_before_anything_is_sent(
    pair: Pair, other_home: Home, tmp_path: Path
) -> None:
    pairing = pair(auto=True)
    token = JoinToken(token_of(other_home).ca_hash, pairing.token.secret)

    assert refused(pairing, tmp_path / "joined", token=token) == "wrong_ca"
    assert not (tmp_path / "joined" / "key.pem").exists()
    assert join_it(pairing, tmp_path / "joined").name == "attic"
    assert pairing.result()


def test_a_replayed_request_is_refused(home: Home, pair: Pair, tmp_path: Path) -> None:
    pairing = pair()
    request, _ = prepare_request(tmp_path / "joined", "attic")
    payload = msgspec.json.encode(request).decode()
    with raw(pairing) as first:
        challenge = receive(first, Hello).challenge
        asked = Ask(payload, sign_request(pairing.token.secret, challenge, payload))
        send(first, asked)
        assert receive_answer(first) == Waiting()
    with raw(pairing) as second:
        assert receive(second, Hello).challenge != challenge
        send(second, asked)
        answer = receive_answer(second)

    assert isinstance(answer, Refusal)
    assert answer.code == "wrong_token"
    assert "attic" not in read_issued(home.pki)
    pairing.answers.put(False)


def test_a_changed_certificate_request_is_refused(pair: Pair, tmp_path: Path) -> None:
    pairing = pair(auto=True)
    request, _ = prepare_request(tmp_path / "joined", "attic")
    thief, _ = prepare_request(tmp_path / "thief", "attic")
    payload = msgspec.json.encode(request).decode()
    with raw(pairing) as stream:
        mac = sign_request(pairing.token.secret, receive(stream, Hello).challenge, payload)
        send(stream, Ask(payload.replace(msgspec.json.encode(request.csr).decode(),
                                         msgspec.json.encode(thief.csr).decode()), mac))  # fmt: skip
        answer = receive_answer(stream)

    assert isinstance(answer, Refusal)
    assert answer.code == "wrong_token"


def test_an_expired_pairing_ends_by_itself(pair: Pair, tmp_path: Path) -> None:
    pairing = pair(auto=True, minutes=0.0)

    assert not pairing.result()
    assert any("expired" in line for line in pairing.said)
    with pytest.raises(HouseError):
        join_it(pairing, tmp_path / "joined")


def test_a_token_works_once(home: Home, pair: Pair, tmp_path: Path) -> None:
    pairing = pair(auto=True)
    join_it(pairing, tmp_path / "joined")
    assert pairing.result()

    with pytest.raises(HouseError):
        join_it(pairing, tmp_path / "second", "cellar")
    later = pair(auto=True)
    assert refused(later, tmp_path / "second", name="cellar", token=pairing.token) == "wrong_token"
    assert "cellar" not in read_issued(home.pki)


def test_of_two_machines_at_once_one_joins(home: Home, pair: Pair, tmp_path: Path) -> None:
    pairing = pair()
    joined: list[Joined] = []
    first = threading.Thread(target=lambda: joined.append(join_it(pairing, tmp_path / "first", "attic")))
    first.start()
    pairing.asked.get(timeout=PATIENCE_SECONDS)

    assert refused(pairing, tmp_path / "second", name="cellar") == "busy"
    pairing.answers.put(True)
    first.join(PATIENCE_SECONDS)

    assert pairing.result()
    assert [one.name for one in joined] == ["attic"]
    assert "cellar" not in read_issued(home.pki)


def test_a_machine_that_went_away_makes_room_for_the_next(pair: Pair, tmp_path: Path) -> None:
    pairing = pair()
    request, _ = prepare_request(tmp_path / "first", "attic")
    payload = msgspec.json.encode(request).decode()
    with raw(pairing) as stream:
        challenge = receive(stream, Hello).challenge
        send(stream, Ask(payload, sign_request(pairing.token.secret, challenge, payload)))
        assert receive_answer(stream) == Waiting()
        pairing.asked.get(timeout=PATIENCE_SECONDS)
    eventually(lambda: any("went away" in line for line in pairing.said), PATIENCE_SECONDS)
    pairing.answers.put(True)

    assert join_it(pairing, tmp_path / "second", "cellar").name == "cellar"
    assert pairing.result()


def test_a_taken_name_is_told_and_the_token_still_works(home: Home, pair: Pair, tmp_path: Path) -> None:
    first = pair(auto=True)
    join_it(first, tmp_path / "first")
    assert first.result()
    pairing = pair(auto=True)

    assert refused(pairing, tmp_path / "second") == "name_taken"
    assert join_it(pairing, tmp_path / "second", "attic-2").name == "attic-2"
    assert pairing.result()


def test_a_machine_that_was_set_up_anew_gets_its_name_again(home: Home, pair: Pair, tmp_path: Path) -> None:
    first = pair(auto=True)
    join_it(first, tmp_path / "first")
    assert first.result()
    before = read_issued(home.pki)["attic"]

    again = pair(auto=True, name="attic", replace=True)
    assert join_it(again, tmp_path / "again", "some-name").name == "attic"

    assert again.result()
    after = read_issued(home.pki)["attic"]
    assert after.serial != before.serial
    assert after.signing_key != before.signing_key


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\0\0\0\x02[]", b"\0\0\0\x0c" + b"[" * 12, b""]
)
def test_noise_disturbs_nobody(pair: Pair, tmp_path: Path, said: bytes) -> None:
    pairing = pair(auto=True)
    with socket.create_connection((pairing.host, pairing.port), timeout=PATIENCE_SECONDS) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with raw(pairing) as stream:
        receive(stream, Hello)
        stream.sendall(said)

    assert join_it(pairing, tmp_path / "joined").name == "attic"
    assert pairing.result()


def test_what_a_machine_says_of_itself_cannot_write_to_the_terminal(pair: Pair, tmp_path: Path) -> None:
    pairing = pair()
    request, _ = prepare_request(tmp_path / "joined", "attic")
    payload = msgspec.json.encode(
        msgspec.structs.replace(request, computer="\x1b[2Jgood\r\npc" * 99)
    ).decode()
    with raw(pairing) as stream:
        challenge = receive(stream, Hello).challenge
        send(stream, Ask(payload, sign_request(pairing.token.secret, challenge, payload)))
        assert receive_answer(stream) == Waiting()
        pairing.asked.get(timeout=PATIENCE_SECONDS)
        pairing.answers.put(False)
        assert isinstance(receive_answer(stream), Refusal)

    assert not pairing.result()
    assert all(line.isprintable() and len(line) < 200 for line in pairing.said)


class Impostor:
    """A server with a TLS context of the test's choice, which shows `ca` and notes what it is sent."""

    def __init__(self, context: ssl.SSLContext, ca: str, answer: Grant | None = None) -> None:
        self.heard: list[Ask] = []
        self._context, self._ca, self._answer = context, ca, answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE_SECONDS)
            try:
                with self._context.wrap_socket(connection, server_side=True) as stream:
                    send(stream, Hello("00" * 32, self._ca))
                    self.heard.append(receive(stream, Ask))
                    if self._answer is not None:
                        send(stream, self._answer)
            except (OSError, Broken):
                connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_SECONDS)


@contextlib.contextmanager
def impostor(context: ssl.SSLContext, home: Home, answer: Grant | None = None) -> Iterator[Impostor]:
    """Pretend to be `home`, whose CA certificate everybody can have."""
    server = Impostor(context, (home.pki / "ca.pem").read_text(), answer)
    try:
        yield server
    finally:
        server.close()


def token_of(home: Home) -> JoinToken:
    return JoinToken.make(ssl.PEM_cert_to_DER_cert((home.pki / "ca.pem").read_text()))


def test_somebody_between_who_shows_the_right_ca_is_sent_nothing(
    home: Home, other_home: Home, tmp_path: Path
) -> None:
    with issuing.server_context(other_home) as context, impostor(context, home) as server:
        token = token_of(home)
        assert fetch_ca(token, "127.0.0.1", server.port)

        with pytest.raises(HouseError):
            join(token, "127.0.0.1", server.port, "attic", tmp_path / "joined", print)

        assert server.heard == []


def test_the_brokers_certificate_cannot_play_the_pairing_server(home: Home, tmp_path: Path) -> None:
    prepare(home, Path("mosquitto"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home.broker / "cert.pem", home.broker / "key.pem")
    with impostor(context, home) as server:
        with pytest.raises(HouseError):
            join(token_of(home), "127.0.0.1", server.port, "attic", tmp_path / "joined", print)

        assert server.heard == []


def test_an_answer_without_the_secret_is_not_stored(home: Home, tmp_path: Path) -> None:
    admission = Admission("attic", "agent", "", "", "10.0.0.1:1", "")
    grant = issuing.sign(admission, b"0123456789", "00" * 32)
    with issuing.server_context(home) as context, impostor(context, home, grant) as server:
        with pytest.raises(JoinRefused) as refusal:
            join(token_of(home), "127.0.0.1", server.port, "attic", tmp_path / "joined", print)

        assert len(server.heard) == 1
    assert refusal.value.code == "wrong_reply"
    assert not (tmp_path / "joined" / "joined.json").exists()


def test_other_keys_have_other_words(tmp_path: Path) -> None:
    _, first = prepare_request(tmp_path / "one", "attic")
    _, second = prepare_request(tmp_path / "two", "attic")
    assert first != second
    assert first == prepare_request(tmp_path / "one", "attic")[1]
    assert words_of(b"") != first
