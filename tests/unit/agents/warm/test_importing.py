"""What a warm interpreter makes ready so that its children write to little of its memory."""

import ctypes
import os
import sys
import weakref

import numpy as np
import numpy.random
import pytest

from agents.warm.inside import importing


def _list_finalizers() -> list[object]:
    return [finalizer for finalizer, _ in weakref.finalize._registry.items()]  # type: ignore[attr-defined]


class _Thing:
    """What a finalizer can be for."""


def test_the_state_of_numpys_own_random_numbers_is_found_and_can_be_filled() -> None:
    address = importing._find_state_of_numpy()
    assert address
    words = os.urandom(importing.STATE_BYTES - 4)
    ctypes.memmove(address, words + (624).to_bytes(4, sys.byteorder), importing.STATE_BYTES)
    first = np.random.random(3).tolist()
    same = np.random.RandomState()
    same.set_state(("MT19937", np.frombuffer(words, dtype=np.uint32), 624, 0, 0.0))
    assert same.random(3).tolist() == first


def test_a_numpy_of_another_kind_is_seeded_in_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(np.random.mtrand, "_rand")
    assert importing._find_state_of_numpy() == 0


def test_only_a_scripts_own_finalizers_are_listed_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weakref.finalize, "_registry", {})
    things = [_Thing() for _ in range(4)]
    called: list[str] = []
    early = [weakref.finalize(thing, called.append, "early") for thing in things[:2]]
    importing._keep_libraries()
    late = [weakref.finalize(thing, called.append, "late") for thing in things[2:]]
    assert _list_finalizers() == late
    # Each is still the one of its object.
    assert early[0].alive
    things.pop(0)
    assert called == ["early"]
    assert _list_finalizers() == late
    importing._keep_libraries()
    assert _list_finalizers() == []
