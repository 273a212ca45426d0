"""Who is issued a certificate gets in, whatever else happens in that moment: the real mosquitto and rules."""

import os
import signal
import threading

import pytest

from bus.topics import DEFAULT_ROOT
from idlehands.house import broker as house_broker
from idlehands.house import pki
from idlehands.house.registry import Role
from tests.fixtures.broker import BrokerServer
from tests.permissions.line import REFUSED, Line

pytestmark = pytest.mark.process
_MANY = 10


def test_whoever_is_admitted_while_the_broker_reads_its_files_gets_in_too(
    private_broker: BrokerServer,
) -> None:
    home = private_broker.home
    broker = house_broker.running_broker(home)
    assert broker is not None
    # mosquitto 2.0 forgets a signal that reaches it while it handles one. Many entries keep it at it longer.
    for number in range(20):
        pki.issue(home, f"machine-{number}", Role.AGENT, home.path / "certificates" / f"machine-{number}")

    for number in range(_MANY):
        name = f"newcomer-{number}"
        pki.issue(home, name, Role.AGENT, home.path / "certificates" / name)
        os.kill(broker, signal.SIGHUP)
        house_broker.admit(home)

        with Line(private_broker.settings(name, "agent")) as line:
            assert line.publish(f"{DEFAULT_ROOT}/agent/{name}/up/heartbeat") != REFUSED, name


def test_two_who_are_admitted_at_once_both_get_in(private_broker: BrokerServer) -> None:
    home = private_broker.home
    for number in range(_MANY):
        names = [f"{side}-{number}" for side in ("left", "right")]

        def admit(name: str) -> None:
            pki.issue(home, name, Role.AGENT, home.path / "certificates" / name)
            house_broker.admit(home)

        both = [threading.Thread(target=admit, args=(name,)) for name in names]
        for one in both:
            one.start()
        for one in both:
            one.join()
        for name in names:
            with Line(private_broker.settings(name, "agent")) as line:
                assert line.publish(f"{DEFAULT_ROOT}/agent/{name}/up/heartbeat") != REFUSED, name
