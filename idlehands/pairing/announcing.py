"""Finding HQ by mDNS. Convenience only: everybody can announce anything; the certificate decides.

zeroconf comes with the HQ host's packages; a machine without it is told the
address (`--hq`).
"""

import contextlib
import importlib.util
import ipaddress
import queue
import socket
from collections.abc import Iterator

from idlehands.pairing.messages import SERVICE


def can_search() -> bool:
    """Tell whether this machine can look for HQ by mDNS."""
    return importlib.util.find_spec("zeroconf") is not None


@contextlib.contextmanager
def announced(address: str, port: int, label: str, ca_hash: bytes) -> Iterator[bool]:
    """Announce the pairing server as long as the block runs; yields whether it could be done."""
    from zeroconf import Error, IPVersion, ServiceInfo, Zeroconf

    version = IPVersion.V6Only if ":" in address else IPVersion.V4Only
    info = ServiceInfo(
        SERVICE,
        f"{label}-{port}.{SERVICE}",
        port=port,
        parsed_addresses=[address],
        # Public: the CA certificate is told to everybody who asks. It only spares a search.
        properties={"v": "1", "ca": ca_hash[:4].hex()},
        server=f"{label}-idlehands.local.",
    )
    try:
        zeroconf = Zeroconf(interfaces=[address], ip_version=version)
    except OSError:
        yield False
        return
    try:
        zeroconf.register_service(info, allow_name_change=True)
        yield True
    except (OSError, Error):
        yield False
    finally:
        zeroconf.close()


def search(ca_hash: bytes, seconds: float = 5.0) -> tuple[str, int] | None:
    """Return address and port of the house that announces this CA, None when there is none."""
    from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

    found: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()

    def look(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            return
        info = zeroconf.get_service_info(service_type, name, timeout=2000)
        if info is None or info.port is None or info.properties.get(b"ca") != ca_hash[:4].hex().encode():
            return
        for address in info.parsed_addresses():
            if not ipaddress.ip_address(address).is_unspecified:
                found.put((address, info.port))

    try:
        zeroconf = Zeroconf()
    except OSError:
        return None
    try:
        browser = ServiceBrowser(zeroconf, SERVICE, handlers=[look])
        try:
            return found.get(timeout=seconds)
        except queue.Empty:
            return None
        finally:
            browser.cancel()
    finally:
        zeroconf.close()


def own_address() -> str | None:
    """Return this machine's address in its network, as the route to elsewhere tells; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # A documentation address: it has a route if anything has.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if ipaddress.ip_address(address).is_loopback else address
