"""What a page shows at first, and what it does not wait for: the live feed brings that a moment later."""

from collections.abc import Awaitable
from typing import TypeVar

from pymongo.errors import ExecutionTimeout

#: A page does not wait longer than this for what may take long.
SOON_MS = 250
T = TypeVar("T")


async def soon(read: Awaitable[T], may_be_late: bool = True) -> T | None:
    """Return what is read; None if the database gave it up because it takes too long.

    Raises:
        ExecutionTimeout: If it may not be late.
    """
    try:
        return await read
    except ExecutionTimeout:
        if may_be_late:
            return None
        raise


async def none() -> None:
    """Return nothing, in place of something that is not asked for."""
