"""Fixtures for every test: the real broker and the real database, on free ports of 127.0.0.1."""

pytest_plugins: list[str] = [
    "tests.fixtures.broker",
    "tests.fixtures.mongod",
]
