"""How much of the disk is free where the agent keeps its home."""

import os

from agents.guest.sensors.port import Seen


class Disk:
    """The file system of one folder."""

    name = "disk"
    every_seconds = 5.0

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def look(self, now: float) -> Seen:
        """Ask the file system, for what programs without rights of root may use."""
        try:
            if hasattr(os, "statvfs"):
                found = os.statvfs(self._folder)
                free = found.f_bavail * found.f_frsize / 1e9
            else:  # pragma: no cover - Windows
                import shutil

                free = shutil.disk_usage(self._folder).free / 1e9
        except OSError as error:
            return Seen(f"cannot be asked: {error.strerror}", {"free_disk_gb": None})
        return Seen(f"{free:.1f} GB free", {"free_disk_gb": free})

    def close(self) -> None:
        """Nothing is open."""
