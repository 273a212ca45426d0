"""A display on which tests press keys."""

from tests.fixtures.display import display

__all__ = ["display"]
