"""The registry of models."""

from typing import Annotated

from msgspec import Meta

from schemas.events.base import Event, Version
from schemas.names import ModelName, Name, Sha256, Text
from schemas.registry import Files, Provenance, Stage


class ModelRegistered(Event, frozen=True):
    """Files of a job are a version of a model from now on; they are kept for as long as it is registered.

    Another version in `staging` or `production` steps back to `archived` when this one takes that stage.
    """

    model: ModelName
    version: Version
    files: Files
    #: Of its one file, or of all their names and hashes.
    sha256: Sha256
    lineage: Provenance
    by: Name
    stage: Stage = "none"
    note: Text = ""


class ModelStaged(Event, frozen=True):
    """A version has this stage now; another one in `staging` or `production` stepped back to `archived`."""

    model: ModelName
    version: Version
    stage: Stage
    by: Name


class ModelRemoved(Event, frozen=True):
    """Versions of a model are forgotten. Their numbers are never given again."""

    model: ModelName
    versions: Annotated[tuple[Version, ...], Meta(min_length=1, max_length=1000)]
    by: Name


ModelEvent = ModelRegistered | ModelStaged | ModelRemoved
MODEL_EVENTS: tuple[type[Event], ...] = ModelEvent.__args__
