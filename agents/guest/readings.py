"""What the sensors saw, as plain values: the policy's only knowledge of the machine.

`None` always means that it cannot be told, never that there is nothing.
"""

from typing import Literal

from msgspec import Struct

#: pause: nothing runs. drain: nothing new begins. dedicate: as if nobody ever came.
Command = Literal["pause", "drain", "dedicate"]


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner, or somebody of the house, asked for until some time."""

    command: Command
    #: Unix seconds; None: until somebody takes it back.
    until: float | None = None

    def holds(self, unix: float) -> bool:
        """Tell whether its time is not over."""
        return self.until is None or unix < self.until


class Readings(Struct, frozen=True):
    """One look at the machine."""

    #: Since the last key, mouse movement or typing in a terminal; infinity when nobody is logged in.
    input_seconds: float | None = None
    #: Why that cannot be told.
    input_unknown: str = ""
    on_mains: bool | None = None
    #: 0 to 100; None without a battery, which `has_battery` tells apart from not knowing.
    battery_percent: float | None = None
    has_battery: bool | None = None
    #: It neither charges nor discharges: a limit that the owner set holds it where it is.
    battery_rests: bool = False
    lid_closed: bool | None = None
    cpu_celsius: float | None = None
    gpu_celsius: float | None = None
    #: What other programs take of the whole processor, in percent, over the last seconds.
    foreign_cpu: float | None = None
    full_screen: bool | None = None
    #: Names of running programs, as far as the policy asks for any.
    programs: frozenset[str] | None = None
    #: Programs that use a GPU and are not jobs.
    gpu_programs: tuple[str, ...] | None = None
    #: Percent of the machine's memory that jobs use, and that is still available.
    job_memory: float | None = None
    available_memory: float | None = None
    free_disk_gb: float | None = None
    metered: bool | None = None
    #: The last value heard of each topic that a condition asks for.
    topics: dict[str, str] = {}
    #: Minutes since Monday 00:00, local time.
    minute_of_week: int = 0
    unix: float = 0.0
    #: Whether a job runs, or stands still, here.
    busy: bool = False
    own_wish: Wish | None = None
    house_wish: Wish | None = None
