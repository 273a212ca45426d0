"""REST over TLS: who may pass for it, and when its certificate is made again."""

import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agents.blobs import Blobs, BlobUnavailable
from bus.settings import BROKER_NAME, WEB_NAME, BusSettingsError, read_web_context
from idlehands.client.errors import HqUnreachable, RequestRefused
from idlehands.client.rest import Rest
from idlehands.house import pki
from idlehands.house.home import Home, open_home
from idlehands.house.registry import Role, read_issued
from idlehands.house.serving import ensure_web_certificate, make_certificate


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return found(tmp_path / "hq")


def found(folder: Path) -> Home:
    home = open_home(folder)
    pki.ensure_authority(home)
    ensure_web_certificate(home)
    return home


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.heard.append(self.headers["Authorization"])  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        # A client that hangs up in the handshake is what these tests are about.
        pass


@contextlib.contextmanager
def serving(certificate: Path, key: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the URL of a server with this certificate, and the tokens that it was sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.heard = []  # type: ignore[attr-defined]
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}", server.heard  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def client_folder(home: Home, folder: Path) -> Path:
    folder.mkdir()
    (folder / "ca.pem").write_bytes((home.pki / "ca.pem").read_bytes())
    (folder / "token").write_text("secret")
    return folder


def download(url: str, folder: Path) -> None:
    blobs = Blobs(lambda: url, lambda: "secret", folder / "ca.pem")
    blobs.download("a" * 64, folder / "x", max_bytes=9, patience_seconds=0, wait=lambda _: False)


def test_who_has_the_certificate_of_rest_is_asked(home: Home, tmp_path: Path) -> None:
    folder = client_folder(home, tmp_path / "client")
    with serving(home.web_certificate, home.web_key) as (url, heard):
        rest = Rest(url, folder / "token", https_only=True)
        assert rest.get("/status") == {}
        rest.close()

        assert heard == ["Bearer secret"]


def test_no_other_certificate_of_the_house_can_play_rest(home: Home, tmp_path: Path) -> None:
    folder = client_folder(home, tmp_path / "client")
    pki.ensure(home, "broker", Role.BROKER, home.broker)
    with serving(home.broker / "cert.pem", home.broker / "key.pem") as (url, heard):
        with pytest.raises(HqUnreachable, match=WEB_NAME):
            Rest(url, folder / "token").get("/status")
        with pytest.raises(BlobUnavailable, match=WEB_NAME):
            download(url, folder)

        assert heard == []


def test_another_house_cannot_play_rest(home: Home, tmp_path: Path) -> None:
    folder, other = client_folder(home, tmp_path / "client"), found(tmp_path / "elsewhere")
    with serving(other.web_certificate, other.web_key) as (url, heard):
        with pytest.raises(HqUnreachable, match="verify failed"):
            Rest(url, folder / "token").get("/status")
        with pytest.raises(BlobUnavailable, match="verify failed"):
            download(url, folder)

        assert heard == []


def test_https_without_a_ca_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")

    with pytest.raises(RequestRefused, match=r"ca\.pem"):
        Rest("https://127.0.0.1:9", tmp_path / "token").get("/status")
    with pytest.raises(BusSettingsError):
        read_web_context(tmp_path / "ca.pem")


def test_the_certificate_stays_until_something_changed(home: Home) -> None:
    first = home.web_certificate.read_bytes()
    ensure_web_certificate(home)
    assert home.web_certificate.read_bytes() == first

    moved = Home(home.path, msgspec.structs.replace(home.settings, address="10.0.0.2"))
    ensure_web_certificate(moved)
    second = home.web_certificate.read_bytes()
    assert second != first

    pki.rotate(home)
    ensure_web_certificate(moved)
    assert home.web_certificate.read_bytes() != second

    home.web_certificate.write_text("damaged")
    ensure_web_certificate(moved)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(home.web_certificate, home.web_key)


def test_it_is_no_certificate_for_the_bus(home: Home) -> None:
    certificate, _ = make_certificate(home, WEB_NAME, days=1)

    decoded = ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(certificate.decode()))
    assert WEB_NAME not in read_issued(home.pki)
    assert BROKER_NAME.encode() not in ssl.PEM_cert_to_DER_cert(decoded)
    assert home.web_key.stat().st_mode & 0o077 == 0
