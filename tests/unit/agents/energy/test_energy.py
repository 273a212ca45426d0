"""What an attempt costs: attribution and tariff are pure, counters are tried on recorded readings."""

import time
from pathlib import Path

import msgspec
import pytest

from agents.energy.attribution import Machine, Reading, Use, attribute
from agents.energy.counters import PLUG_SILENT_SECONDS, Plug, Rapl, read_busy_seconds
from agents.energy.metering import Metering
from agents.energy.plugging import Outlet
from agents.energy.settings import EnergySettings, EnergySettingsBroken, read_settings, settings_file
from agents.energy.tariff import cost_of
from schemas.facts import AttemptResult, Energy
from schemas.states import Outcome
from tests.contract.bus_worlds import eventually

JOB = "j" + "a" * 12
USUAL = EnergySettings()
#: First line of /proc/stat of a desktop, twice: 10 minutes later, 400 s of two cores were busy.
STAT = "cpu  1200000 3000 250000 9800000 41000 0 17000 0 0 0\ncpu0 600000 1500 125000 4900000\n"
LATER = "cpu  1238000 3100 251800 9878000 41050 0 17100 0 0 0\ncpu0 619000 1550 125900 4939000\n"


def test_of_what_is_measured_an_attempt_has_its_part_of_the_busy_time() -> None:
    before = Reading(processor=100.0, busy_seconds=50.0)
    after = Reading(processor=700.0, busy_seconds=90.0)

    assert attribute(before, after, Use(30, 10), Machine(4), USUAL) == (150.0, "measured")
    assert attribute(before, after, Use(30, 40), Machine(4), USUAL) == (600.0, "measured")
    # Ticks are coarse: never more than all.
    assert attribute(before, after, Use(30, 41), Machine(4), USUAL) == (600.0, "measured")
    assert attribute(before, after, Use(30, 0), Machine(4), USUAL) == (0.0, "measured")


def test_a_plug_comes_before_everything_else() -> None:
    before = Reading(plug=0.0, processor=0.0, graphics=0.0, busy_seconds=0.0)
    after = Reading(plug=1000.0, processor=400.0, graphics=5000.0, busy_seconds=10.0)

    assert attribute(before, after, Use(10, 5), Machine(2, 2), USUAL) == (500.0, "plug")
    # Who has all of the cards has all of the machine, whatever its processor does.
    assert attribute(before, after, Use(10, 1, gpus=2), Machine(2, 2), USUAL) == (1000.0, "plug")


def test_without_counters_it_is_estimated_and_said_so() -> None:
    settings = EnergySettings(watts_idle=40, watts_per_core=10, watts_per_gpu=200)

    joules, source = attribute(Reading(), Reading(), Use(100, 50), Machine(4), settings)
    assert (joules, source) == (40 / 4 * 100 + 10 * 50, "estimated")
    with_card, _ = attribute(Reading(), Reading(), Use(100, 50, gpus=1), Machine(4, 1), settings)
    assert with_card == joules + 200 * 100


def test_a_sum_is_called_by_its_weakest_part() -> None:
    before = Reading(processor=0.0, graphics=0.0, busy_seconds=0.0)
    after = Reading(processor=100.0, graphics=900.0, busy_seconds=10.0)

    assert attribute(before, after, Use(10, 10, gpus=1), Machine(1, 2), USUAL) == (550.0, "measured")
    without = msgspec.structs.replace(after, graphics=None)
    assert attribute(before, without, Use(10, 10, gpus=1), Machine(1, 2), USUAL)[1] == "estimated"


@pytest.mark.parametrize(
    ("began", "ended", "cost"),
    [
        (0, 3600, 1.0),
        (0, 7200, 1.5),
        (1800, 5400, 1.5),
        (3599, 3601, 1.5),
        (5000, 5000, 2.0),
        (3600, 3599, 2.0),
        (23 * 3600, 25 * 3600, 2.0),
    ],
)
def test_a_table_of_hours_is_weighed_by_time(began: float, ended: float, cost: float) -> None:
    tariff = (1.0, 2.0, *([5.0] * 21), 3.0)

    assert cost_of(1, began, ended, tariff, lambda unix: int(unix // 3600) % 24) == pytest.approx(cost)
    assert cost_of(2, began, ended, 0.25) == 0.5


def write_zone(folder: Path, number: str, name: str, energy: int, most: int = 1_000_000) -> Path:
    zone = folder / f"intel-rapl:{number}"
    zone.mkdir(parents=True)
    (zone / "name").write_text(f"{name}\n")
    (zone / "energy_uj").write_text(f"{energy}\n")
    (zone / "max_energy_range_uj").write_text(f"{most}\n")
    return zone


def test_counters_of_packages_and_memory_are_summed_and_go_round(tmp_path: Path) -> None:
    package = write_zone(tmp_path, "0", "package-0", 900_000)
    memory = write_zone(tmp_path, "0:1", "dram", 10)
    write_zone(tmp_path, "0:0", "core", 5)
    rapl = Rapl(tmp_path)
    assert (rapl.is_there, rapl.read()) == (True, 0.0)

    (package / "energy_uj").write_text("100000\n")
    (memory / "energy_uj").write_text("50010\n")

    assert rapl.read() == pytest.approx(0.25)
    (package / "energy_uj").unlink()
    assert (rapl.read(), rapl.is_there) == (None, False)


def test_psys_is_everything(tmp_path: Path) -> None:
    write_zone(tmp_path, "0", "package-0", 0)
    psys = write_zone(tmp_path, "1", "psys", 0)
    rapl = Rapl(tmp_path)

    (psys / "energy_uj").write_text("500000")

    assert rapl.read() == 0.5


def test_where_nobody_may_read_there_is_no_counter(tmp_path: Path) -> None:
    zone = write_zone(tmp_path, "0", "package-0", 0)
    (zone / "energy_uj").unlink()

    assert Rapl(tmp_path).read() is Rapl(tmp_path / "none").read() is None


def test_a_plugs_watts_hold_until_the_next_word_and_not_for_ever() -> None:
    plug = Plug()
    assert plug.read(0.0) is None
    for payload in (b"", b"on", b"-5", b"nan", b"inf", b"1e300", b"\xff", b"12;13"):
        plug.hear(payload, 1.0)
    assert plug.read(1.0) is None

    plug.hear(b" 100.0 ", 10.0)
    plug.hear(b"50", 20.0)

    assert plug.read(20.0) == 1000.0
    assert plug.read(30.0) == 1500.0
    assert plug.read(20.0 + PLUG_SILENT_SECONDS) == 1000.0 + 50 * PLUG_SILENT_SECONDS
    assert plug.read(21.0 + PLUG_SILENT_SECONDS) is None


def test_a_plug_that_counts_is_taken_by_its_word() -> None:
    plug = Plug("kWh")
    plug.hear(b"12.5", 0.0)

    assert plug.read(1.0) == pytest.approx(12.5 * 3.6e6)


def test_busy_time_is_all_but_idle_and_waiting(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT)
    before = read_busy_seconds(tmp_path)
    (tmp_path / "stat").write_text(LATER)
    after = read_busy_seconds(tmp_path)

    assert before is not None
    assert after is not None
    assert after - before == pytest.approx((38_000 + 100 + 1_800 + 100) / 100)
    assert read_busy_seconds(tmp_path / "none") is None


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"tarif": 1}', '{"tariff": -1}', '{"tariff": [1, 2]}', '{"plug_topic": "other/topic"}',
     '{"plug_topic": "home/#"}', '{"plug_unit": "J"}', "\xff"],
)  # fmt: skip
def test_settings_that_cannot_be_used_say_what_is_wrong(tmp_path: Path, content: str) -> None:
    file = settings_file(tmp_path)
    file.write_bytes(content.encode("latin-1"))

    with pytest.raises(EnergySettingsBroken, match=r"energy\.json cannot be used: .*It may set .*tariff"):
        read_settings(file)


def ended(seconds: float = 10.0, cpu: float = 5.0) -> AttemptResult:
    now = time.time()
    return AttemptResult(
        *(JOB, 1, Outcome.SUCCEEDED), started_at=now - seconds, ended_at=now,
        duration_seconds=seconds, cpu_seconds=cpu,
    )  # fmt: skip


def test_a_result_gets_its_energy_and_what_it_costs(tmp_path: Path) -> None:
    metering = Metering(tmp_path, Machine(2), powercap=tmp_path / "none")
    settings_file(tmp_path).write_text(
        '{"watts_idle": 20, "watts_per_core": 8, "tariff": 0.5, "currency": "EUR"}'
    )

    found = metering.end(metering.begin(gpus=0), gpus=0, result=ended())

    assert found is not None
    assert found.energy == Energy(140 / 3.6e6, "estimated", pytest.approx(70 / 3.6e6), "EUR")
    settings_file(tmp_path).write_text("{")
    again = metering.end(metering.begin(gpus=0), gpus=0, result=ended())
    assert again is not None
    assert again.energy == Energy((15 * 10 + 10 * 5) / 3.6e6, "estimated")
    assert metering.end(metering.begin(gpus=0), gpus=0, result=None) is None
    # Nothing was run: a bundle was missing.
    never = metering.end(metering.begin(gpus=0), gpus=0, result=ended(0, 0))
    assert never is not None
    assert never.energy is None


def test_a_processor_that_counts_is_read_at_both_ends(tmp_path: Path) -> None:
    zone = write_zone(tmp_path, "0", "package-0", 0, most=10**12)
    metering = Metering(tmp_path, Machine(2), powercap=tmp_path)
    before = metering.begin(gpus=0)

    (zone / "energy_uj").write_text(str(36 * 10**8))

    found = metering.end(before, gpus=0, result=ended(cpu=1e6))
    assert found is not None
    assert found.energy == Energy(pytest.approx(0.001), "measured")


def test_an_outlet_listens_only_where_the_owner_names_a_plug(tmp_path: Path) -> None:
    assert Outlet(tmp_path).topic == ""
    settings_file(tmp_path).write_text('{"plug_topic": "home/plug/attic/watts"}')
    outlet = Outlet(tmp_path)
    metering = outlet.build_metering(slots=1, gpus=0)
    outlet.hear("home/other", b"5000")
    outlet.hear(outlet.topic, b"3600")

    before = metering.begin(gpus=0)
    assert before.plug is not None
    began = time.monotonic()
    eventually(lambda: time.monotonic() - began > 0.05)
    found = metering.end(before, gpus=0, result=ended(cpu=1e6))

    assert found is not None
    assert found.energy is not None
    assert found.energy.source == "plug"
    assert found.energy.kwh > 3600 * 0.05 / 3.6e6
