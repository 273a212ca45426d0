"""At every start the house attacks its own broker, and does not run if that works.

    nobody             without TLS; with TLS and without a certificate
    a foreign CA       a certificate that says `hq`, of a CA that is called like ours
    a wrong name       a certificate of ours, of an agent, that says to be `hq` as well, publishes what only
                       others may publish and subscribes to everything

An observer with HQ's rights sees what got through; what both may see proves that they
would have. The attacker's certificate is made for it, kept nowhere, and its name is
given to nobody else.
"""

import secrets
import ssl
import tempfile
from pathlib import Path

from bus.topics import DEFAULT_ROOT
from idlehands.house import certificates, pki
from idlehands.house.home import Home, HouseError
from idlehands.house.packets import Conversation
from idlehands.house.probe import trusting
from idlehands.house.registry import SELF_CHECK, Role, read_issued

#: A day: the clock may be wrong by as much, and the key is forgotten in a moment.
_DAYS = 1.0
#: So many real agents are played besides one that there cannot be.
_VICTIMS = 8


def attack_broker(home: Home, foreign: certificates.Authority | None = None) -> bool:
    """Return true when the broker refuses all of it; false when it could not be tried to the end.

    Takes some 50 ms.

    Args:
        home: Whose broker; its processes have certificates.
        foreign: The CA that the broker must not believe; a new one if left out.

    Raises:
        HouseError: If something got through; the message says what. Then the house must not run.
    """
    try:
        strangers = {
            "a client without TLS": None,
            "a client without a certificate": trusting(home, None),
            "a certificate of a foreign CA": _made(
                home, foreign or certificates.new_authority(), "hq", Role.SERVICE
            ),
        }
        for who, context in strangers.items():
            if _is_let_in(home, context):
                raise _hole(home, f"lets in {who}")
        agent = _made(home, pki.read_authority(home), SELF_CHECK, Role.AGENT)
        with (
            Conversation(home, trusting(home, home.service("hq"))) as observer,
            Conversation(home, agent, username="hq") as attacker,
        ):
            _attack_topics(home, attacker, observer)
    except (OSError, EOFError):
        return False
    return True


def _attack_topics(home: Home, attacker: Conversation, observer: Conversation) -> None:
    """Publish and read as an agent what an agent may not.

    Raises:
        HouseError: If it works.
        OSError, EOFError: If a connection ended before that was known.
    """
    nonce = secrets.token_hex(16).encode()
    nobody, own = f"nobody-{secrets.token_hex(8)}", f"agent/{SELF_CHECK}"
    victims = [nobody, *(name for name, one in read_issued(home.pki).items() if one.role is Role.AGENT)]
    forbidden = [
        *(
            f"agent/{name}/{what}"
            for name in victims[:_VICTIMS]
            for what in ("presence", "up/result", "down/grant")
        ),
        *(f"client/{nobody}/{what}" for what in ("up/request", "down/reply")),
        *(f"{own}/down/grant", f"job/{nobody}/event", f"sweep/{nobody}/event", "hq/state", nobody),
    ]
    private = [
        f"agent/{nobody}/up/result",
        f"agent/{nobody}/down/grant",
        f"client/{nobody}/down/reply",
        nobody,
    ]
    observer.subscribe(f"{DEFAULT_ROOT}/#")
    attacker.subscribe("#")
    observer.settle()
    attacker.settle()

    for topic in forbidden:
        attacker.publish(f"{DEFAULT_ROOT}/{topic}", nonce)
    attacker.settle()
    # Both may see this: what the agent gets from HQ.
    for topic in (*private, f"{own}/down/seen"):
        observer.publish(f"{DEFAULT_ROOT}/{topic}", nonce[::-1])

    written = [topic for topic, payload in observer.settle() if payload == nonce]
    if written:
        raise _hole(home, f"lets an agent publish on {_said(written)}")
    read = [topic for topic, payload in attacker.settle() if payload == nonce[::-1]]
    if f"{DEFAULT_ROOT}/{own}/down/seen" not in read:
        raise _hole(home, "does not know HQ by its certificate")
    if len(read) > 1:
        raise _hole(home, f"lets an agent read {_said(read)}")


def _said(topics: list[str]) -> str:
    return ", ".join(topics[:3]) + (" and more" if len(topics) > 3 else "")


def _is_let_in(home: Home, context: ssl.SSLContext | None) -> bool:
    try:
        with Conversation(home, context):
            return True
    except (OSError, EOFError):
        return False


def _made(home: Home, authority: certificates.Authority, name: str, role: Role) -> ssl.SSLContext:
    """Return a context with a new key and its certificate. Files exist only until they are read."""
    key = certificates.new_key()
    leaf = certificates.build_leaf(*authority, key.public_key(), name, role, days=_DAYS)
    context = trusting(home, None)
    with tempfile.TemporaryDirectory(prefix="idlehands-") as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(certificates.key_pem(key) + certificates.certificate_pem(leaf))
        context.load_cert_chain(file)
    return context


def _hole(home: Home, what: str) -> HouseError:
    return HouseError(
        f"The broker at {home.broker_address} {what}, so others on the network could run code here. "
        "The house does not start. Is another broker on that port, or is this mosquitto changed? "
        f"Its configuration is {home.broker / 'mosquitto.conf'}, its rules are {home.broker / 'acl'}."
    )
