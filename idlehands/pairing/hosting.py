"""`idlehands pair` from begin to end: a desk, a server, a person who says yes or no.

Everything printed and asked goes through `Screen`; the outcome is a line and an
exit code.
"""

import contextlib
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from idlehands.house.audit import note
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import Role
from idlehands.pairing import issuing
from idlehands.pairing.announcing import announced
from idlehands.pairing.desk import Application, Desk
from idlehands.pairing.fingerprint import words_of
from idlehands.pairing.join_token import JoinToken
from idlehands.pairing.messages import Refusal, printable
from idlehands.pairing.registrar import Registrar, Visit

_TICK_SECONDS = 0.2
#: For somebody who is just reading the question when the time is over.
_GRACE_SECONDS = 60.0
_STORE_SECONDS = 25.0


@dataclass(frozen=True)
class PairOptions:
    """What `pair` was told."""

    role: Role = Role.AGENT
    name: str | None = None
    auto: bool = False
    replace: bool = False
    minutes: float = 10.0
    port: int = 0


@dataclass(frozen=True)
class Screen:
    """The person at the HQ host.

    Attributes:
        say: Shows a line.
        show: Shows the token's way to the new machine: called once, with the address to join.
        ask: Shows a question; answers True, False, or None when `gone` says that nobody waits any more.
    """

    say: Callable[[str], None]
    show: Callable[[JoinToken, str], None]
    ask: Callable[[str, Callable[[], bool]], bool | None]


def host_pairing(home: Home, options: PairOptions, screen: Screen) -> bool:
    """Let one machine join; True when one did. Returns when it is over, whatever the reason.

    Raises:
        HouseError: If the pairing server cannot listen, or the house cannot issue.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if options.name is not None:
        issuing.check_free(home, options.name, options.role, replace=options.replace)
    ca_pem = (home.pki / "ca.pem").read_text()
    authority = x509.load_pem_x509_certificate(ca_pem.encode())
    token = JoinToken.make(authority.public_bytes(Encoding.DER))
    desk = Desk(
        token,
        expires=time.monotonic() + options.minutes * 60,
        check_free=lambda name: issuing.check_free(home, name, options.role, replace=options.replace),
        name=options.name,
    )
    address = home.settings.address
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(issuing.server_context(home))
        try:
            registrar = stack.enter_context(
                Registrar(desk, context, ca_pem, address, options.port, time.monotonic)
            )
        except OSError as error:
            raise HouseError(
                f"Pairing cannot listen on {address} port {options.port}: {error.strerror or error}. "
                "--port names another; `idlehands status` shows the house's address."
            ) from error
        if not home.is_loopback and not stack.enter_context(
            announced(home.reachable_at, registrar.port, home.settings.machine, token.ca_hash)
        ):
            screen.say("HQ cannot be announced by mDNS here; the line names its address, which is enough.")
        screen.show(token, f"{_bracketed(home.reachable_at)}:{registrar.port}")
        return _receive(home, options, screen, desk, registrar, token)


def _receive(
    home: Home, options: PairOptions, screen: Screen, desk: Desk, registrar: Registrar, token: JoinToken
) -> bool:
    """Deal with machines until one has joined or nobody can any more."""
    seen_tries = 0
    while True:
        desk.look_at_clock(time.monotonic())
        if desk.wrong_tries > seen_tries:
            seen_tries = desk.wrong_tries
            screen.say(f"A machine showed a wrong token ({seen_tries} of 5).")
            note(home, "pairing.wrong-token", outcome="refused", detail=f"try {seen_tries} of 5")
        if desk.closed is not None:
            screen.say(f"Pairing is over: {desk.closed}")
            return False
        visit = registrar.next_visit(_TICK_SECONDS)
        if visit is None:
            continue
        allowed = options.auto or _ask(options, screen, visit)
        if allowed is None:
            screen.say(f"{visit.application.name} went away. Waiting for another try ...")
            continue
        if not allowed:
            desk.close("not_allowed", "A person at the HQ host did not allow it.")
            visit.answer.put(Refusal("not_allowed", "A person at the HQ host did not allow it."))
            visit.over.wait(_STORE_SECONDS)
            _note(home, "pairing.refused", visit.application, options, outcome="refused")
            screen.say("Not allowed; the token is void. `idlehands pair` makes a new one.")
            return False
        return _let_in(home, options, screen, desk, visit, token)


def _note(
    home: Home, what: str, application: Application, options: PairOptions, outcome: str = "done"
) -> None:
    detail = f"as {options.role.value}, at {application.address}, words {words_of(application.public_key)}"
    unasked = ", nobody was asked (--auto)" if options.auto else ""
    note(home, what, subject=application.name, outcome=outcome, detail=detail + unasked)


def _ask(options: PairOptions, screen: Screen, visit: Visit) -> bool | None:
    application = visit.application
    screen.say(
        f"{application.name} wants to join as {options.role.value}: {application.address} "
        f"({printable(application.request.computer)})"
    )
    screen.say(f"It must show these four words:  {words_of(application.public_key)}")
    deadline = time.monotonic() + options.minutes * 60 + _GRACE_SECONDS
    return screen.ask(
        f"Allow {application.name}? [y/N] ",
        lambda: application.withdrawn.is_set() or time.monotonic() > deadline,
    )


def _let_in(
    home: Home, options: PairOptions, screen: Screen, desk: Desk, visit: Visit, token: JoinToken
) -> bool:
    application = visit.application
    _note(home, "pairing.allowed", application, options)
    desk.close("used", "This join token was used. `idlehands pair` on the HQ host makes a new one.")
    try:
        admission = issuing.admit(
            home, application, options.role, replace=options.replace, broker_address=home.broker_address
        )
    except HouseError as error:
        visit.answer.put(Refusal("not_issued", str(error)))
        visit.over.wait(_STORE_SECONDS)
        raise
    visit.answer.put(issuing.sign(admission, token.secret, visit.challenge))
    visit.over.wait(_STORE_SECONDS)
    if visit.stored.is_set():
        screen.say(
            f"{application.name} has joined ({options.role.value}, words: "
            f"{words_of(application.public_key)})."
        )
        return True
    screen.say(_lost(application, options))
    return False


def _lost(application: Application, options: PairOptions) -> str:
    return (
        f"{application.name} was given a certificate, but went away before it said that it stored it. If it "
        f"has not joined: `idlehands pair --role {options.role.value} --name {application.name} --replace`, "
        "and once more there."
    )


def ask_on_terminal(question: str, gone: Callable[[], bool]) -> bool | None:
    """Ask on standard input and error; None when `gone` becomes true first. The end of input is a no."""
    sys.stderr.write(question)
    sys.stderr.flush()
    while not gone():
        if select.select([sys.stdin], [], [], _TICK_SECONDS)[0]:
            return sys.stdin.readline().strip().lower() in ("y", "yes")
    sys.stderr.write("\n")
    return None


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
