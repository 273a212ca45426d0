"""The owner's rules: a preset, and what narrows it. Kept as JSON in the agent's home, `guest.json`.

{"preset": "polite", "on_mains": true, "only_while": ["home/film_night == off"]}
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from agents.guest.calendar import CalendarBroken, parse_window
from agents.guest.conditions import ConditionBroken, parse_condition

Preset = Literal["polite", "when-idle", "nights", "dedicated"]
PRESETS: tuple[Preset, ...] = ("polite", "when-idle", "nights", "dedicated")
Percent = Annotated[float, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Celsius = Annotated[float, Meta(ge=20, le=120)]
Words = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=300)], ...], Meta(max_length=64)]


class SettingsBroken(Exception):
    """The owner's rules cannot be used; the message names the file, the key and what to do."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the owner wrote. What is left out is as the preset has it; 0 and false take such a limit away."""

    preset: Preset = "polite"
    #: polite: how long after the last input somebody still counts as there, and GPU jobs wait.
    away_after_seconds: Seconds = 180
    #: when-idle: how long nobody must have come before work begins, and before it goes on after a stop.
    start_after_seconds: Seconds = 900
    resume_after_seconds: Seconds = 300
    #: How long a job stands still before it has to leave, and how long it may take for that.
    vacate_after_seconds: Seconds = 600
    grace_seconds: Annotated[float, Meta(ge=0, le=3600)] = 60
    #: nights: when jobs may run.
    nights: Words = ("mon-sun 22:00-07:00",)
    #: None: as the preset has it, which is true but for `dedicated`.
    on_mains: bool | None = None
    full_screen: bool | None = None
    gpu_alone: bool | None = None
    battery_over: Percent | None = None
    free_disk_gb: Annotated[float, Meta(ge=0)] | None = None
    #: These are off until somebody sets them.
    lid_open: bool = False
    unmetered: bool = False
    cpu_celsius: Celsius | None = None
    gpu_celsius: Celsius | None = None
    #: Percent of the whole processor that other programs may take, while somebody is there and otherwise.
    foreign_cpu_in_use: Percent | None = None
    foreign_cpu: Percent | None = None
    #: Percent of the memory that jobs may take, likewise.
    memory_in_use: Percent | None = None
    memory: Percent | None = None
    #: While one of these programs runs, no job does.
    exclusive_programs: Words = ()
    #: Whether HQ may wake this machine (Wake-on-LAN) for what it alone can do. Read when the agent starts.
    wake: bool = False
    #: Jobs run only while all of these hold.
    only_while: Words = ()

    def chosen(self, name: str) -> bool | float | None:
        """Return a limit that presets have a value for: the owner's, else the preset's."""
        given: bool | float | None = getattr(self, name)
        if given is not None or self.preset == "dedicated":
            return given
        return _USUAL[name]


_USUAL: dict[str, bool | float] = {
    "on_mains": True,
    "full_screen": True,
    "gpu_alone": True,
    "battery_over": 80.0,
    "free_disk_gb": 1.0,
}


def settings_file(home: Path) -> Path:
    """Return where the owner's rules lie in an agent's home; there may be none."""
    return home / "guest.json"


def read_settings(file: Path) -> Settings:
    """Return the owner's rules, the usual ones where there is no file.

    Raises:
        SettingsBroken: If the file cannot be read or understood.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise SettingsBroken(f"{file} cannot be read: {error.strerror}") from None
    try:
        return parse_settings(content)
    except SettingsBroken as error:
        raise SettingsBroken(f"{file}: {error}") from None


def parse_settings(content: bytes) -> Settings:
    """Return the rules that a JSON text says.

    Raises:
        SettingsBroken: If it cannot be understood; the message names the key.
    """
    try:
        settings = msgspec.json.decode(content, type=Settings)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        if where.startswith("preset"):
            what = f"there is no such preset; there are {', '.join(PRESETS)}"
        raise SettingsBroken(f"{where.rstrip('`')}: {what}" if where else what) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsBroken(f"it is no JSON: {error}") from None
    return check_settings(settings)


def check_settings(settings: Settings) -> Settings:
    """Return rules whose words can be understood too.

    Raises:
        SettingsBroken: If a window or a condition cannot; the message names the key.
    """
    key = "nights"
    try:
        if not settings.nights:
            raise CalendarBroken("at least one window is needed, such as 'mon-fri 22:00-07:00'")
        for window in settings.nights:
            parse_window(window)
        key = "only_while"
        for condition in settings.only_while:
            parse_condition(condition)
    except (CalendarBroken, ConditionBroken) as error:
        raise SettingsBroken(f"{key}: {error}") from None
    return settings


def change_settings(settings: Settings, pairs: list[str]) -> Settings:
    """Return rules with some set anew: `NAME=VALUE`, where VALUE is JSON, a plain word, or `usual`.

    A list takes several values with commas between them.

    Raises:
        SettingsBroken: If there is no such rule or it does not take that value.
    """
    rules: dict[str, Any] = msgspec.to_builtins(settings)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in Settings.__struct_fields__:
            names = ", ".join(Settings.__struct_fields__)
            raise SettingsBroken(f"{pair!r} sets no rule: write NAME=VALUE with one of {names}")
        rules.pop(name, None)
        if text.strip() != "usual":
            rules[name] = _read_value(name, text.strip())
    return parse_settings(msgspec.json.encode(rules))


def _read_value(name: str, text: str) -> Any:
    words = {"yes": True, "no": False, "none": None, "off": None}
    if name in _LISTS and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if text.lower() in words:
        return words[text.lower()]
    try:
        return msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        return text


_LISTS = ("nights", "exclusive_programs", "only_while")
