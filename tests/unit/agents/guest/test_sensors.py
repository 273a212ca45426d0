"""Sensors on recorded readings: what each makes of the files and answers of real machines."""

import math
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.guest.sensors.dbus import BusSilent, MessageBus
from agents.guest.sensors.desktops import Desktops
from agents.guest.sensors.disk import Disk
from agents.guest.sensors.elsewhere import MacInput, WindowsInput
from agents.guest.sensors.graphics import Graphics
from agents.guest.sensors.heat import Heat
from agents.guest.sensors.input_devices import InputDevices
from agents.guest.sensors.load import Load
from agents.guest.sensors.network import Network
from agents.guest.sensors.port import Input
from agents.guest.sensors.power import Power
from agents.guest.sensors.presence import combine
from agents.guest.sensors.sessions import Sessions
from agents.guest.sensors.terminals import Terminals
from tests.unit.agents.runner.attempts import eventually


def write(folder: Path, **files: str) -> Path:
    """Write files below a folder; `__` in a name is a slash."""
    for name, text in files.items():
        file = folder / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


# --- who is there ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "seconds"),
    [
        ([], math.inf),
        ([Input("terminal", 7.0)], 7.0),
        ([Input("x11", 500.0), Input("terminal", 90.0)], 90.0),
        ([Input("x11", 500.0), Input("x11", 40.0)], 40.0),
        ([Input("x11", None)], None),
        ([Input("x11", None), Input("x11", 500.0)], None),
        ([Input("x11", None), Input("device", 500.0)], 500.0),
        ([Input("x11", None), Input("session", 500.0)], 500.0),
        ([Input("wayland", None)], None),
        ([Input("wayland", None), Input("x11", 500.0)], None),
        ([Input("wayland", None), Input("x11", 500.0), Input("session", 30.0)], 30.0),
        ([Input("wayland", None), Input("terminal", 5.0)], 5.0),
        ([Input("wayland", None), Input("terminal", 500.0)], None),
    ],
)
def test_the_latest_input_counts_and_what_is_blind_is_not_believed(
    inputs: list[Input], seconds: float | None
) -> None:
    found, why = combine(inputs)

    assert found == seconds
    assert bool(why) == (seconds is None)


@given(st.lists(st.builds(Input, st.sampled_from(["x11", "wayland", "session", "device", "terminal"]),
                          st.one_of(st.none(), st.floats(0, 1e6)))))  # fmt: skip
def test_nobody_is_ever_called_away_for_longer_than_the_latest_input(inputs: list[Input]) -> None:
    found, _ = combine(inputs)
    known = [one.seconds for one in inputs if one.seconds is not None]

    assert found is None or found <= min(known, default=math.inf)
    assert found != math.inf or not inputs


X11 = (
    "# This is private data. Do not parse.\nUID=1000\nUSER=anna\nACTIVE=1\nSTATE=active\nREMOTE=0\n"
    "TYPE=x11\nCLASS=user\nSEAT=seat0\n"
)


def test_sessions_tell_desktops_from_login_screens_and_services(tmp_path: Path) -> None:
    write(tmp_path, **{"2": X11, "c1": X11.replace("CLASS=user", "CLASS=greeter"), "3.ref": ""})
    write(tmp_path, **{"4": "UID=0\nUSER=root\nTYPE=tty\nCLASS=user\nTTY=pts/3\nREMOTE=1\nSTATE=active\n"})
    write(tmp_path, **{"5": X11.replace("STATE=active", "STATE=closing")})

    seen = Sessions(str(tmp_path), str(tmp_path / "none")).look(0)

    assert seen.inputs == (Input("x11", None),)
    assert seen.words == "anna (x11, seat0); root (tty, pts/3)"


def test_a_server_has_nobody_there(tmp_path: Path) -> None:
    seen = Sessions(str(tmp_path / "none"), str(tmp_path / "none")).look(0)

    assert (seen.words, seen.inputs) == ("nobody is logged in", ())


def test_a_terminal_tells_when_somebody_last_typed() -> None:
    near, far = os.openpty()
    try:
        os.write(near, b"x\n")
        os.read(far, 2)
        seen = Terminals().look(0)
    finally:
        os.close(near)
        os.close(far)

    assert seen.inputs[0].kind == "terminal"
    # The kernel notes it to eight seconds.
    assert seen.inputs[0].seconds is not None
    assert seen.inputs[0].seconds < 60


def test_without_terminals_there_are_none(tmp_path: Path) -> None:
    assert Terminals(str(tmp_path)).look(0).inputs == ()


def test_an_input_device_tells_that_something_came(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "event0")
    writer = os.open(tmp_path / "event0", os.O_RDWR | os.O_NONBLOCK)
    sensor = InputDevices(str(tmp_path / "event*"))
    assert sensor.look(100.0).inputs == (Input("device", 0.0),)  # nobody looked before
    assert sensor.look(130.0).inputs == (Input("device", 30.0),)

    os.write(writer, b"\0" * 24)
    assert sensor.look(131.0).inputs == (Input("device", 0.0),)
    assert sensor.look(135.0).inputs == (Input("device", 4.0),)
    os.close(writer)
    sensor.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every device")
def test_an_input_device_that_may_not_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "event0").touch(0o000)

    seen = InputDevices(str(tmp_path / "event*")).look(0)

    assert seen.inputs == ()
    assert "group input" in seen.words


# --- the machine -------------------------------------------------------------------

LAPTOP = {"BAT0__type": "Battery", "BAT0__capacity": "81", "BAT0__status": "Discharging", "AC__type": "Mains"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, {"has_battery": False, "on_mains": True, "battery_percent": None, "lid_closed": False}),
        ({**LAPTOP, "AC__online": "0"}, {"has_battery": True, "on_mains": False, "battery_percent": 81.0}),
        ({**LAPTOP, "AC__online": "1", "BAT0__status": "Charging"},
         {"on_mains": True, "battery_rests": False}),
        ({**LAPTOP, "AC__online": "1", "BAT0__status": "Not charging"},
         {"on_mains": True, "battery_rests": True}),
        ({"BAT0__type": "Battery", "BAT0__status": "Unknown"}, {"on_mains": None, "battery_percent": None}),
        ({"hid__type": "Battery", "hid__scope": "Device", "hid__capacity": "5"}, {"has_battery": False}),
    ],
)  # fmt: skip
def test_power_as_the_kernel_shows_it(
    tmp_path: Path, files: dict[str, str], expected: dict[str, Any]
) -> None:
    values = Power(str(write(tmp_path, **files)), str(tmp_path / "lids")).look(0).values

    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize(("state", "closed"), [("closed", True), ("open", False), ("?", None)])
def test_the_lid(tmp_path: Path, state: str, closed: bool | None) -> None:
    write(tmp_path, LID0__state=f"state:      {state}\n")

    assert Power(str(tmp_path / "none"), str(tmp_path)).look(0).values["lid_closed"] is closed


def test_the_warmest_sensor_of_the_processor_counts(tmp_path: Path) -> None:
    write(
        tmp_path / "hwmon",
        hwmon0__name="acpitz\n", hwmon0__temp1_input="27800\n",
        hwmon1__name="coretemp\n", hwmon1__temp1_input="61000\n", hwmon1__temp2_input="64500\n",
        hwmon2__name="nvme\n", hwmon2__temp1_input="80000\n",
        hwmon3__name="amdgpu\n", hwmon3__temp1_input="55000\n",
    )  # fmt: skip

    values = Heat(str(tmp_path / "hwmon"), str(tmp_path / "none")).look(0).values

    assert values == {"cpu_celsius": 64.5, "gpu_celsius": 55.0}


def test_without_sensors_the_temperature_is_unknown(tmp_path: Path) -> None:
    seen = Heat(str(tmp_path), str(tmp_path)).look(0)

    assert (seen.words, seen.values) == ("processor unknown", {"cpu_celsius": None})


def proc(folder: Path, idle: int, busy: int, **processes: tuple[int, int, int]) -> str:
    """Write a /proc with the processor's ticks, and (parent, ticks, pages) of processes by `name_pid`."""
    write(folder, stat=f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3\n")
    write(folder, meminfo="MemTotal:       1000 kB\nMemFree: 10 kB\nMemAvailable:    400 kB\n")
    for name, (parent, ticks, pages) in processes.items():
        word, _, pid = name.partition("_")
        fields = f"S {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5 0 {pages} 0"
        write(folder, **{f"{pid}__stat": f"{pid} ({word} (x) {word}) {fields}\n"})
    return str(folder)


def test_what_jobs_take_is_not_foreign(tmp_path: Path) -> None:
    sensor = Load(
        root=10, proc=proc(tmp_path, 1000, 0, init_1=(0, 0, 0), agent_10=(1, 5, 9), job_11=(10, 50, 1))
    )
    assert sensor.look(0.0).values["foreign_cpu"] is None  # from two looks only can it be told

    proc(
        tmp_path,
        1500,
        500,
        agent_10=(1, 5, 9),
        job_11=(10, 250, 25),
        child_12=(11, 200, 25),
        game_20=(1, 90, 7),
    )
    values = sensor.look(1.0).values

    assert values["foreign_cpu"] == 10.0  # 500 of 1,000 ticks, of which jobs took 400
    assert values["job_memory"] == 100 * 50 * os.sysconf("SC_PAGE_SIZE") / 1_024_000
    assert values["available_memory"] == 40.0


def test_the_load_of_the_last_three_seconds_counts(tmp_path: Path) -> None:
    sensor = Load(root=10, proc=proc(tmp_path, 0, 1000, agent_10=(1, 0, 0)))
    sensor.look(0.0)
    seen = []
    for second in range(1, 6):
        proc(tmp_path, 100 * second, 1000)
        seen.append(sensor.look(float(second)).values["foreign_cpu"])

    assert seen == [0.0] * 5


def test_programs_are_known_by_name_if_somebody_asks() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        sensor = Load(root=-1, programs=lambda: ("sleep",))
        # Between fork and exec it has its parent's name.
        eventually(lambda: "sleep" in sensor.look(time.monotonic()).values["programs"])
    finally:
        process.kill()
        process.wait()
    assert Load().look(0).values["programs"] is None


def test_the_disk_is_that_of_the_home(tmp_path: Path) -> None:
    assert Disk(str(tmp_path)).look(0).values["free_disk_gb"] > 0
    assert Disk(str(tmp_path / "none")).look(0).values["free_disk_gb"] is None


def test_a_machine_without_nvidia_says_that_it_cannot_tell(tmp_path: Path) -> None:
    seen = Graphics(lambda _: False, str(tmp_path / "nvidiactl")).look(0)

    assert seen.values == {"gpu_programs": None}


# --- elsewhere ---------------------------------------------------------------------

IOREG = """+-o IOHIDSystem  <class IOHIDSystem, id 0x1000003f1, registered, matched, active, busy 0 (0 ms)>
    | {
    |   "HIDKind" = 1
    |   "HIDIdleTime" = 12345678901
    |   "HIDParameters" = {"HIDKeyRepeat"=83333333}
    | }
"""


def test_a_mac_tells_its_idle_time() -> None:
    assert MacInput(lambda: IOREG).look(0).inputs == (Input("session", 12.345678901),)
    assert MacInput(lambda: "nothing").look(0).inputs == (Input("session", None),)


@pytest.mark.parametrize(
    ("last", "now", "seconds"), [(1000, 5000, 4.0), (2**32 - 500, 500, 1.0), (7, 7, 0.0)]
)
def test_windows_counts_milliseconds_that_wrap(last: int, now: int, seconds: float) -> None:
    assert WindowsInput(lambda: (last, now)).look(0).inputs == (Input("session", seconds),)


# --- D-Bus -------------------------------------------------------------------------


def _answers(path: Path) -> bool:
    try:
        MessageBus(str(path)).close()
    except BusSilent:
        return False
    return True


@pytest.fixture
def message_bus(tmp_path: Path) -> Iterator[str]:
    """The path of a real bus of its own."""
    path = tmp_path / "bus"
    configuration = tmp_path / "bus.conf"
    configuration.write_text(
        f"<busconfig><type>session</type><listen>unix:path={path}</listen><policy context='default'>"
        "<allow send_destination='*'/><allow own='*'/><allow eavesdrop='true'/></policy></busconfig>"
    )
    try:
        daemon = subprocess.Popen(["dbus-daemon", f"--config-file={configuration}", "--nofork"])
    except FileNotFoundError:
        pytest.skip("there is no dbus-daemon here")
    try:
        eventually(lambda: _answers(path), "the bus is up", 60)
        yield str(path)
    finally:
        daemon.terminate()
        daemon.wait()


def test_a_real_bus_answers(message_bus: str) -> None:
    bus = MessageBus(message_bus)
    us = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")

    assert bus.call(*us, "NameHasOwner", "org.freedesktop.DBus") == 1.0
    assert bus.call(*us, "NameHasOwner", "com.example.Nobody") == 0.0
    assert bus.call(*us, "GetConnectionUnixProcessID", "org.freedesktop.DBus") > 0
    assert isinstance(bus.call(*us, "GetId"), str)
    with pytest.raises(BusSilent, match=r"com\.example\.Nobody"):
        bus.get("com.example.Nobody", "/x", "com.example", "Y")
    assert bus.call(*us, "NameHasOwner", "org.freedesktop.DBus") == 1.0
    bus.close()


def test_desktops_that_are_not_there_tell_nothing(message_bus: str) -> None:
    sensor = Desktops(message_bus, message_bus)

    seen = sensor.look(0.0)

    assert seen.inputs == ()
    assert seen.words.startswith("none answers")
    sensor.close()


def test_a_network_that_nobody_knows_is_unknown(message_bus: str, tmp_path: Path) -> None:
    assert Network(message_bus).look(0).values == {"metered": None}
    assert Network(str(tmp_path / "none")).look(0).values == {"metered": None}


class Recorded:
    """Speaks as a bus on which GNOME's monitor says 4,200 ms, as it was recorded from Mutter."""

    def __init__(self, path: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            connection.recv(512)
            connection.sendall(b"OK 0123\r\n")
            connection.recv(7)
            serial = 0
            while connection.recv(4096):
                serial += 1
                body = struct.pack("<Q", 4200) if serial > 1 else struct.pack("<I", 4) + b":1.7\0"
                kind = b"t" if serial > 1 else b"s"
                fields = b"\x05\x01u\0" + struct.pack("<I", serial) + b"\x08\x01g\0\x01" + kind + b"\0"
                head = struct.pack("<cBBBIII", b"l", 2, 1, 1, len(body), serial, len(fields)) + fields
                connection.sendall(head + bytes(-len(head) % 8) + body)


def test_gnome_tells_its_idle_time(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "bus")
    sensor = Desktops(str(tmp_path / "bus"), str(tmp_path / "none"))

    seen = sensor.look(0.0)
    sensor.close()
    recorded.thread.join(60)
    recorded.listener.close()

    assert seen.inputs == (Input("session", 4.2),)
    assert seen.words == "GNOME: last input 4 s ago"


@given(st.binary(max_size=200))
def test_a_bus_that_says_anything_is_only_silent(noise: bytes) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    far.sendall(noise)
    far.shutdown(socket.SHUT_WR)
    bus = object.__new__(MessageBus)
    bus._serial, bus._socket = 0, near
    try:
        bus.call("a.b", "/", "a.b", "c")
    except BusSilent:
        pass
    finally:
        near.close()
        far.close()
