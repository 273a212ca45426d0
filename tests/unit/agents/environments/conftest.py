"""The blob server of the runner's tests."""

from tests.unit.agents.runner.conftest import rest

__all__ = ["rest"]
