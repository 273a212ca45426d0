"""The packet that wakes a computer: Wake-on-LAN, AMD's "Magic Packet Technology" (white paper 20213)."""

import logging
import socket
from collections.abc import Iterable

import psutil  # type: ignore[import-untyped,unused-ignore]

#: "Discard": nobody need listen, for the card itself does.
PORT = 9

log = logging.getLogger(__name__)


def send_wake_up(agent: str, addresses: Iterable[str]) -> None:
    """Send the packet for each network card into every network that HQ is in. Never raises."""
    sent = 0
    networks = find_broadcasts()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for packet in map(build_packet, addresses):
            for network in networks:
                try:
                    sender.sendto(packet, (network, PORT))
                    sent += 1
                except OSError as error:
                    log.info("%s takes no wake-up packet: %s", network, error)
    log.info("asked %s to wake, with %d packets", agent, sent)


def build_packet(address: str) -> bytes:
    """Return six bytes of ones and the address sixteen times.

    Args:
        address: Of a network card, as `aa:bb:cc:dd:ee:ff`.
    """
    return b"\xff" * 6 + bytes.fromhex(address.replace(":", "")) * 16


def find_broadcasts() -> list[str]:
    """Return the broadcast addresses of this host's networks, and the one that means all of them."""
    found = {
        address.broadcast
        for card in psutil.net_if_addrs().values()
        for address in card
        if address.family is socket.AF_INET and address.broadcast
    }
    return [*sorted(found), "255.255.255.255"]
