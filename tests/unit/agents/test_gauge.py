"""How busy a machine is, from the kernel's own short files."""

from pathlib import Path

from agents.gauge import Gauge


def proc(folder: Path, busy: int, idle: int, available: int = 750) -> Path:
    (folder / "stat").write_text(f"cpu {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3\n")
    (folder / "meminfo").write_text(f"MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: {available} kB\n")
    return folder


def test_load_is_of_the_time_since_the_last_reading(tmp_path: Path) -> None:
    gauge = Gauge(proc=str(proc(tmp_path, 100, 900)))
    proc(tmp_path, 130, 970, available=400)

    load = gauge.read(10.0)

    assert load is not None
    assert (load.cpu, load.memory, load.gpu) == (30.0, 60.0, None)


def test_readings_in_quick_succession_are_one(tmp_path: Path) -> None:
    gauge = Gauge(proc=str(proc(tmp_path, 100, 900)))
    proc(tmp_path, 110, 910)
    first = gauge.read(10.0)
    proc(tmp_path, 200, 910)

    assert gauge.read(11.0) is first
    later = gauge.read(20.0)
    assert later is not None
    assert later.cpu == 100.0


def test_a_system_that_tells_nothing_has_no_load(tmp_path: Path) -> None:
    assert Gauge(proc=str(tmp_path)).read(10.0) is None


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    gauge = Gauge(proc=str(proc(tmp_path, 100, 900)))
    proc(tmp_path, 150, 950)
    (tmp_path / "meminfo").write_text("nothing of the kind")

    load = gauge.read(10.0)

    assert load is not None
    assert (load.cpu, load.memory) == (50.0, None)
