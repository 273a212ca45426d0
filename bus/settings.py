"""Where the broker is and who we are: host, port, certificate directory, topic root.

The directory holds `ca.pem`, `cert.pem` and `key.pem`. The certificate's
common name is the principal's name; it is read here without a cryptography
library, which an agent does not have.
"""

import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bus.topics import DEFAULT_ROOT

#: Fixed subject alternative name of the broker's certificate: verified whatever the address.
BROKER_NAME = "idlehands-hq"
#: The same for REST and the page: the broker's certificate does not have it, so the broker cannot play REST.
WEB_NAME = "idlehands-web"
_COMMON_NAME = bytes.fromhex("550403")


class BusSettingsError(ValueError):
    """The settings cannot work; the text says why and what to do."""


@dataclass(frozen=True)
class BusSettings:
    """How to reach the broker and with which identity."""

    host: str
    port: int
    certificate: Path
    root: str = DEFAULT_ROOT

    @classmethod
    def parse(cls, address: str, certificate: Path | str, root: str = DEFAULT_ROOT) -> "BusSettings":
        """Return settings for `HOST:PORT` (`[::1]:8883` for IPv6).

        Raises:
            BusSettingsError: If the address is not HOST:PORT.
        """
        host, colon, port = address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise BusSettingsError(f"{address!r} is not HOST:PORT, such as 127.0.0.1:8883")
        return cls(host, int(port), Path(certificate), root)

    @property
    def address(self) -> str:
        """Return `HOST:PORT`, as `parse` takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @cached_property
    def name(self) -> str:
        """Return the principal's name: the certificate's common name.

        Raises:
            BusSettingsError: If there is no readable certificate.
        """
        path = self.certificate / "cert.pem"
        try:
            return common_name(ssl.PEM_cert_to_DER_cert(path.read_text()))
        except OSError as error:
            raise BusSettingsError(f"cannot read {path}: {error.strerror}. {_WAY_OUT}") from None
        except (ValueError, IndexError) as error:
            raise BusSettingsError(f"{path} is not a certificate with a name: {error}. {_WAY_OUT}") from None

    def read_context(self) -> "HouseContext":
        """Return a TLS 1.3 context with this certificate, trusting only the house's CA.

        Raises:
            BusSettingsError: If a file is missing, unreadable or does not belong to the others.
        """
        context = HouseContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        for file in ("ca.pem", "cert.pem", "key.pem"):
            if not (self.certificate / file).is_file():
                raise BusSettingsError(f"{self.certificate / file} is missing. {_WAY_OUT}")
        try:
            context.load_verify_locations(self.certificate / "ca.pem")
            context.load_cert_chain(self.certificate / "cert.pem", self.certificate / "key.pem")
        except (OSError, ssl.SSLError) as error:
            raise BusSettingsError(
                f"cannot use the certificate in {self.certificate}: {error}. {_WAY_OUT}"
            ) from None
        return context


_WAY_OUT = "`idlehands cert issue NAME --role ROLE --out DIR` on the HQ host makes one"


class HouseContext(ssl.SSLContext):
    """Verifies the fixed name: addresses of a house change, its CA and this name do not."""

    expected_name = BROKER_NAME
    #: The last socket made: paho forgets to close one whose handshake failed.
    made: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: object, **kwargs: object) -> ssl.SSLSocket:
        kwargs["server_hostname"] = self.expected_name
        self.made = super().wrap_socket(*args, **kwargs)  # type: ignore[arg-type]
        return self.made


class WebContext(HouseContext):
    """The same for REST, which asks for no certificate of ours."""

    expected_name = WEB_NAME


def read_web_context(ca_file: Path) -> ssl.SSLContext:
    """Return a TLS 1.3 context for REST over https, trusting only the house's CA.

    Raises:
        BusSettingsError: If there is no CA certificate.
    """
    context = WebContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise BusSettingsError(f"cannot use the CA certificate {ca_file}: {error}. {_WAY_OUT}") from None
    return context


def common_name(der: bytes) -> str:
    """Return the subject's common name of an X.509 certificate (RFC 5280, section 4.1)."""
    to_be_signed = elements(elements(der)[0][1])[0][1]
    fields = elements(to_be_signed)
    if fields[0][0] == 0xA0:  # explicit version
        fields = fields[1:]
    subject = fields[4][1]  # serial, algorithm, issuer, validity, subject
    for _, relative_name in elements(subject):
        for _, attribute in elements(relative_name):
            (_, kind), (_, value) = elements(attribute)
            if kind == _COMMON_NAME:
                return value.decode()
    raise ValueError("no common name in the subject")


def elements(der: bytes) -> list[tuple[int, bytes]]:
    """Return (tag, content) of each DER element in a row."""
    found = []
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size])
            at += size
        found.append((tag, der[at : at + length]))
        at += length
    return found
