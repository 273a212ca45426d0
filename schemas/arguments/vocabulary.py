"""The one vocabulary that every framework's arguments are read into. Knows no framework."""

from typing import Any, Literal

from msgspec import Struct

#: text: whatever the script makes of it.
Kind = Literal["text", "int", "float", "bool"]
Framework = Literal["", "argparse", "click", "typer", "tyro"]


class Argument(Struct, frozen=True, omit_defaults=True):
    """One argument of a script."""

    #: What a job's `params` call it; a flag with its dashes where no shorter name makes that flag.
    name: str
    #: As it stands on the command line; empty for one that stands by its place.
    flag: str = ""
    #: `bool`: a flag that takes no value.
    kind: Kind = "text"
    #: A constant of the script; None where there is none or the script computes it.
    default: Any = None
    choices: tuple[str | int | float, ...] = ()
    help: str = ""
    required: bool = False
    #: Takes several values; `count` of them, or as many as there are where it is 0.
    many: bool = False
    count: int = 0
    #: Several values are several flags: `--layer 32 --layer 64`.
    repeated: bool = False
    #: The smallest and the largest number that the script takes, where it says so.
    low: float | None = None
    high: float | None = None
    #: Other spellings of the flag.
    aliases: tuple[str, ...] = ()
    #: The flag that switches it off.
    off: str = ""
    #: The subcommand that it belongs to, such as `train`, or `data fetch`; empty for all of the script.
    command: str = ""
    #: How the script writes a default that it computes.
    computed: str = ""

    @property
    def is_parameter(self) -> bool:
        """Tell whether a parameter can carry it; what stands by its place is a word."""
        return bool(self.flag)

    @property
    def flags(self) -> tuple[str, ...]:
        """Return every flag that it is given by."""
        return tuple(one for one in (self.flag, *self.aliases, self.off) if one)


class Script(Struct, frozen=True, omit_defaults=True):
    """What a script says of itself."""

    about: str = ""
    arguments: tuple[Argument, ...] = ()
    framework: Framework = ""
    #: The subcommands, one of which has to be named.
    commands: tuple[str, ...] = ()
    #: It may take more than was read.
    more: bool = False
    #: Why nothing could be read.
    trouble: str = ""

    def of_command(self, command: str = "") -> tuple[Argument, ...]:
        """Return the arguments that count under a subcommand: its own, and those of all of the script."""
        return tuple(one for one in self.arguments if one.command in ("", command))
