"""What the owner says of energy: watts, a smart plug, and the tariff.

Kept as JSON in the agent's home, `energy.json`:

{"tariff": 0.32, "currency": "EUR", "plug_topic": "home/plug/attic/watts"}
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Watts = Annotated[float, Meta(ge=0, le=100_000)]
Price = Annotated[float, Meta(ge=0, le=1000)]
Topic = Annotated[str, Meta(max_length=300, pattern=r"^(home/[^+#\x00]+)?$")]


class EnergySettingsBroken(Exception):
    """The file cannot be used; the message names it and what is wrong."""


class EnergySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out is as for a desktop computer."""

    #: For estimates: of the whole machine while it does nothing, of a busy core, of a busy GPU.
    watts_idle: Watts = 30.0
    watts_per_core: Watts = 10.0
    watts_per_gpu: Watts = 150.0
    #: Price of a kWh: a number, or 24, one for each hour of the machine's clock from midnight on.
    tariff: Price | Annotated[tuple[Price, ...], Meta(min_length=24, max_length=24)] | None = None
    currency: Annotated[str, Meta(max_length=8)] = ""
    #: A plug that says what the whole machine draws, on the house's own broker.
    plug_topic: Topic = ""
    #: What it says: watts now, or the kWh that went through it so far.
    plug_unit: Literal["W", "kWh"] = "W"


def settings_file(home: Path) -> Path:
    """Return where it lies in an agent's home; there may be none."""
    return home / "energy.json"


def read_settings(file: Path) -> EnergySettings:
    """Return what the owner says, the usual where there is no file.

    Raises:
        EnergySettingsBroken: If it is there and cannot be read or understood.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=EnergySettings)
    except FileNotFoundError:
        return EnergySettings()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        names = ", ".join(EnergySettings.__struct_fields__)
        raise EnergySettingsBroken(
            f"{file} cannot be used: {error}. It may set {names}; until it is corrected, energy is estimated "
            "with the usual watts and costs nothing"
        ) from None
