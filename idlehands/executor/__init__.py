"""`concurrent.futures` on the machines of the house: `with idlehands.Executor() as pool: pool.map(f, xs)`."""

from idlehands.executor.call_future import CallFuture
from idlehands.executor.executor import Executor

__all__ = ["CallFuture", "Executor"]
