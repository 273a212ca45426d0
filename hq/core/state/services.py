"""Services as they stand. Their workers are jobs."""

from msgspec import Struct

from schemas.specs import ServiceSpec

#: Versions of a service to roll back to.
VERSIONS_KEPT = 20


class ServiceVersion(Struct, frozen=True, kw_only=True):
    """One deployment of a service."""

    version: int
    spec: ServiceSpec
    by: str
    at: float


class Service(Struct, frozen=True, kw_only=True):
    """A service as it stands after the event at `position`. Its workers are jobs."""

    name: str
    #: The one that takes the calls.
    version: int
    is_running: bool
    #: The latest ones, by version.
    versions: tuple[ServiceVersion, ...]
    position: int
    changed_at: float

    def find(self, version: int) -> ServiceVersion | None:
        """Return a version that is kept, or None."""
        return next((one for one in self.versions if one.version == version), None)

    @property
    def spec(self) -> ServiceSpec:
        """The spec of the version that takes the calls."""
        return next(one.spec for one in self.versions if one.version == self.version)
