"""Addresses of a house that comes to another machine: kept where they are free there."""

import errno
import socket

import msgspec

from idlehands.house.home import Home, choose_ports


def with_free_ports(home: Home, *, own_database: bool = True) -> tuple[Home, list[str]]:
    """Return `home` with an address of this machine and ports that are free now.

    Returns:
        The home, and a sentence about each thing that had to change.
    """
    settings, remarks = home.settings, list[str]()
    if _trouble(settings.address, 0) == errno.EADDRNOTAVAIL:
        remarks.append(
            f"{settings.address} is no address of this machine: broker and web listen on 127.0.0.1 now. "
            f"Change `address` in {home.path / 'house.json'} so that other machines reach them."
        )
        settings = msgspec.structs.replace(settings, address="127.0.0.1")
    others = msgspec.structs.asdict(choose_ports())
    hosts = {"broker": settings.address, "web": settings.address}
    if own_database:
        hosts["mongodb"] = "127.0.0.1"
    for name, host in hosts.items():
        port = getattr(settings.ports, name)
        if _trouble(host, port) is None:
            continue
        ports = msgspec.structs.replace(settings.ports, **{name: others[name]})
        settings = msgspec.structs.replace(settings, ports=ports)
        if name == "mongodb":
            continue
        remarks.append(
            f"Port {port} is in use here: the {name} gets port {others[name]}. Agents and clients on other "
            f"machines know {port}: start them with the new one, or free {port} and set `{name}` under "
            f"`ports` in {home.path / 'house.json'} back before the first start."
        )
    return Home(home.path, settings), remarks


def _trouble(host: str, port: int) -> int | None:
    """Return the errno of listening there, None when it works."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except OSError as error:
            return error.errno
    return None
