"""An agent's folder: one process at a time, and boot numbers that only grow."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.home import AgentHome, HomeInUse

HOLD = (
    "import sys; from pathlib import Path; from agents.home import AgentHome\n"
    "with AgentHome(Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"
)


def test_two_agents_in_one_folder_are_refused_and_told_what_to_do(tmp_path: Path) -> None:
    with (
        AgentHome(tmp_path / "home"),
        pytest.raises(HomeInUse, match=r"already runs in .*stop it, or give this one another --home"),
        AgentHome(tmp_path / "home"),
    ):
        pass


def test_a_folder_is_free_again_when_its_agent_was_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(HomeInUse), AgentHome(tmp_path):
            pass
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()

    with AgentHome(tmp_path) as home:
        assert home.next_boot() > 0


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with AgentHome(tmp_path / "a" / "home") as home:
        assert home.path.stat().st_mode & 0o777 == 0o700
        assert home.spool.parent == home.path


def test_each_start_has_a_larger_boot_number(tmp_path: Path) -> None:
    boots = []
    for _ in range(5):
        with AgentHome(tmp_path) as home:
            boots.append(home.next_boot())

    assert boots == sorted(set(boots))


def test_boot_numbers_grow_also_when_the_folder_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AgentHome(tmp_path / "home") as home:
        first = home.next_boot()
    shutil.rmtree(tmp_path / "home")
    later = time.time() + 1
    monkeypatch.setattr(time, "time", lambda: later)

    with AgentHome(tmp_path / "home") as home:
        assert home.next_boot() > first


def test_boot_numbers_grow_also_when_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AgentHome(tmp_path) as home:
        first = home.next_boot()
    monkeypatch.setattr(time, "time", lambda: 0.0)

    with AgentHome(tmp_path) as home:
        assert [home.next_boot(), home.next_boot()] == [first + 1, first + 2]


@pytest.mark.parametrize("content", ["", "garbage", "12 34"])
def test_a_boot_file_that_was_damaged_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "boot").write_text(content)

    with AgentHome(tmp_path) as home:
        boot = home.next_boot()

    assert boot >= int(time.time()) - 5
    assert (tmp_path / "boot").read_text() == str(boot)
    assert not (tmp_path / "boot.new").exists()
