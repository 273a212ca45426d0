"""Answers about what is stored: datasets, models and blobs."""

from msgspec import Struct

from hq.core.state import Model, RegisteredVersion
from schemas.names import JsonObject


class DatasetVersion(Struct, frozen=True):
    name: str
    sha256: str
    #: file or folder.
    kind: str
    filename: str
    files: int
    bytes: int
    at: float
    by: str


class DatasetRow(DatasetVersion, frozen=True, kw_only=True):
    """The newest version of a dataset, and how many there are."""

    versions: int


class Datasets(Struct, frozen=True):
    datasets: tuple[DatasetRow, ...]
    next: str | None


class DatasetDetail(Struct, frozen=True):
    name: str
    #: The newest first.
    versions: tuple[DatasetVersion, ...]


class DatasetPut(Struct, frozen=True):
    name: str
    sha256: str
    new: bool


class DatasetRemoved(Struct, frozen=True):
    name: str
    #: How many versions.
    removed: int


class ModelRow(Struct, frozen=True):
    name: str
    versions: int
    latest: int
    #: Which version is in staging, which in production.
    stages: dict[str, int]
    #: Of the latest.
    metrics: JsonObject | None
    job: str
    changed_at: float


class Models(Struct, frozen=True):
    models: tuple[ModelRow, ...]
    next: str | None


class ModelVersionDetail(RegisteredVersion, frozen=True, kw_only=True):
    """A version of a model, with its files and where it came from."""

    model: str


class ModelDetail(Model, frozen=True, kw_only=True):
    #: The newest first.
    versions: tuple[ModelVersionDetail, ...]


class ModelPromoted(Struct, frozen=True):
    model: str
    version: int
    stage: str
    sha256: str
    job: str
    files: tuple[str, ...]
    position: int


class ModelStagedNow(Struct, frozen=True):
    model: str
    version: int
    stage: str
    #: Which stepped back for it.
    archived: tuple[int, ...]
    position: int


class ModelGone(Struct, frozen=True):
    model: str
    removed: tuple[int, ...]
    position: int


class BlobStored(Struct, frozen=True):
    sha256: str
    new: bool


class PiecesReceived(Struct, frozen=True):
    """How much of an upload is there: where the next piece begins."""

    received: int
    whole: bool
