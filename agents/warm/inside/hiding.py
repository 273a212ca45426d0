"""Keeps frames of the warm interpreter out of what a script sees: stacks, tracebacks, the recursion depth.

CPython takes a frame for one that has not begun until it comes past its
RESUME instruction, and shows no such frame. Code without that instruction
never shows.
"""

import ctypes
import sys
from types import FunctionType
from typing import Any

#: Where CPython 3.11 keeps how much deeper a thread may go, and its limit; other versions are left alone.
_REMAINING, _LIMIT = 32, 36


def hide(function: Any) -> Any:
    """Return the function as one whose frames nobody sees; unchanged where that is impossible."""
    from opcode import opmap

    resume, nop = opmap.get("RESUME"), opmap.get("NOP")
    code = function.__code__
    if resume is None or nop is None:
        return function
    changed = bytearray(code.co_code)
    for at in range(0, len(changed), 2):
        if changed[at] == resume:
            changed[at : at + 2] = bytes((nop, 0))
    hidden = FunctionType(code.replace(co_code=bytes(changed)), function.__globals__, function.__name__)
    hidden.__defaults__, hidden.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    return hidden


class Depth:
    """How deep the stack is as the interpreter counts it, so that a script's limit is the usual one."""

    def __init__(self) -> None:
        self._address = 0
        if sys.version_info[:2] != (3, 11) or sys.implementation.name != "cpython":
            return
        get = ctypes.pythonapi.PyThreadState_Get
        get.restype = ctypes.c_void_p
        address = get()
        if ctypes.c_int.from_address(address + _LIMIT).value == sys.getrecursionlimit():
            self._address = address

    def read(self) -> int:
        """Return the depth, 0 where it is not known."""
        if not self._address:
            return 0
        return (
            ctypes.c_int.from_address(self._address + _LIMIT).value
            - ctypes.c_int.from_address(self._address + _REMAINING).value
        )

    def shift(self, by: int) -> None:
        """Let the interpreter take the stack for so much shallower."""
        if self._address:
            remaining = ctypes.c_int.from_address(self._address + _REMAINING)
            remaining.value += by
