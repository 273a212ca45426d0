"""Models of the registry as they stand."""

from msgspec import Struct

from schemas.facts import Artifact
from schemas.registry import Provenance, Stage


class RegisteredVersion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a model: its files, its stage, and where it came from."""

    version: int
    stage: Stage
    files: tuple[Artifact, ...]
    sha256: str
    lineage: Provenance
    by: str
    at: float
    #: Who gave it its stage, where that was not from the beginning, and when.
    staged_by: str = ""
    staged_at: float = 0
    note: str = ""


class Model(Struct, frozen=True, kw_only=True):
    """A model of the registry as it stands after the event at `position`; removed, it has no versions."""

    name: str
    #: The last number that was given.
    latest: int
    #: By number; those that were removed are not among them.
    versions: tuple[RegisteredVersion, ...]
    position: int
    created_at: float
    changed_at: float

    def find(self, version: int) -> RegisteredVersion | None:
        """Return a version, or None."""
        return next((one for one in self.versions if one.version == version), None)
