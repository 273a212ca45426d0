"""A house for each test of HQ's mind."""

import pytest

from tests.unit.hq.core.small_house import SmallHouse


@pytest.fixture
def house() -> SmallHouse:
    """HQ with an empty log and no machines."""
    return SmallHouse()
