"""Large pages for what scripts share: gathered where the kernel can, and the content stays."""

import os
import subprocess
import sys

import pytest

_PROBE = """
import mmap
from agents.warm.inside import kernel, large_pages

def read_large():
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("AnonHugePages"))

size = 8 * 1024 * 1024
held = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
held.madvise(mmap.MADV_NOHUGEPAGE if REFUSED else mmap.MADV_NORMAL)
for at in range(0, size, 4096):
    held[at] = at >> 12 & 255
before = read_large()
large_pages.gather()
print(read_large() - before, all(held[at] == at >> 12 & 255 for at in range(0, size, 4096)))
"""


def _gather(*, refused: bool) -> list[str]:
    words = [sys.executable, "-c", f"REFUSED = {refused}\n{_PROBE}"]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.split()


@pytest.mark.skipif(
    not sys.platform.startswith("linux")
    or tuple(int(part) for part in os.uname().release.split(".")[:2]) < (6, 1)
    or os.sysconf("SC_PAGE_SIZE") != 4096
    or not os.path.exists("/sys/kernel/mm/transparent_hugepage"),
    reason="needs a kernel that gathers pages when asked",
)
def test_memory_that_is_there_comes_to_lie_in_large_pages() -> None:
    grown, is_same = _gather(refused=False)
    assert int(grown) >= 2 * 2048
    assert is_same == "True"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="is of Linux")
def test_a_kernel_that_refuses_large_pages_changes_nothing() -> None:
    assert _gather(refused=True)[1] == "True"
