"""What a script's end is called, from its exit code and the last that it said."""

import pytest

from agents.runner.failures import name_exit

_TRACEBACK = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n'


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        ("OSError: [Errno 28] No space left on device: 'out.csv'", "disk_full"),
        ("RuntimeError: unable to write to file </torch_1>: No space left on device (28)", "disk_full"),
        ("OSError: [Errno 2] No such file or directory: 'out.csv'", "exit"),
        ("ValueError: 28", "exit"),
    ],
)
def test_a_script_that_finds_the_disk_full_is_no_failure_like_any_other(last: str, kind: str) -> None:
    failure = name_exit(1, "train.py", f"{_TRACEBACK}{last}\n")

    assert failure.kind == kind
    assert last in failure.message
    assert failure.traceback.startswith(_TRACEBACK)
