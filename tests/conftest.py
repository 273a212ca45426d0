"""Fixtures for every test: the real broker and the real database, on free ports of 127.0.0.1."""

import signal

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
