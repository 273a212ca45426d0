"""HQ and a machine on the wire, for the tests of docs/protocol.md; others define their own."""

import pytest

from tests.contract.protocol_house import WireAgent, WireHq


@pytest.fixture
def hq() -> WireHq:
    """HQ with an empty log, in its seventh epoch."""
    return WireHq()


@pytest.fixture
def agent(hq: WireHq) -> WireAgent:
    """A machine of that HQ, from which nothing was heard yet."""
    return WireAgent(hq)
