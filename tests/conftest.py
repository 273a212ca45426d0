"""Fixtures for every test: the real broker and the real database, on free ports of 127.0.0.1."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# What a shell starts in the background ignores Ctrl-C, and so would all that is tested here.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins: list[str] = [
    "tests.fixtures.broker",
    "tests.fixtures.mongod",
    "tests.fixtures.scheduling",
]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long bytes by their argument: random ones would be another test in each process."""
    return argname if isinstance(val, bytes) and len(val) > 24 else None


def pytest_configure(config: pytest.Config) -> None:
    """Let no drawn example fail for being slow, and let the normal run draw the same ones each time.

    A busy machine is no fault of what is tested. New examples are for `./run test-slow`,
    for IDLEHANDS_EXAMPLES and for whoever gives a `--hypothesis-seed`.
    """
    searches = (
        config.getoption("-m") == "slow"
        or config.getoption("--hypothesis-seed") is not None
        or "IDLEHANDS_EXAMPLES" in os.environ
    )
    settings.register_profile(
        "house", deadline=None, derandomize=not searches, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("house")
