"""Models of the house's registry, as parameters name them: which version that is now, and its files.

The files are blobs and lie with the datasets: fetched once, checked, kept under the same quota.
"""

from msgspec import Struct, ValidationError, convert

from agents.blobs import BlobRefused, Blobs, BlobUnavailable, Wait
from agents.bundles import BundleUnreachable
from agents.datasets import DatasetFailure, Version
from schemas.facts import Artifact, ModelUse
from schemas.paths import is_path_below
from schemas.registry import Reference, parse_reference

_PATIENCE_SECONDS = 15.0


class ModelFiles(Struct, frozen=True):
    """One version of a model, as REST tells of it."""

    model: str
    version: int
    sha256: str
    files: tuple[Artifact, ...]

    @property
    def use(self) -> ModelUse:
        """What an attempt's result says of it."""
        return ModelUse(self.model, self.version, self.sha256)


def read_reference(text: str) -> Reference:
    """Return what a value that begins with `model://` asks for.

    Raises:
        DatasetFailure: If it cannot be understood.
    """
    try:
        return parse_reference(text)
    except ValueError as error:
        raise DatasetFailure("model_missing", str(error)) from None


def resolve_model(
    blobs: Blobs, reference: Reference, wait: Wait, patience_seconds: float = _PATIENCE_SECONDS
) -> ModelFiles:
    """Return the version that is meant at this moment.

    Raises:
        DatasetFailure: If there is none, or what REST says of it cannot be used.
        BundleUnreachable: If REST does not answer in time.
    """
    name, version = reference.name, reference.version or "default"
    try:
        said = blobs.read_json(f"models/{name}/versions/{version}", patience_seconds, wait)
        found = convert(said, ModelFiles)
    except BlobRefused as error:
        why = "" if " 404 " in str(error) else f" ({error})"
        which = f"{name}@{version}" if reference.version else name
        raise DatasetFailure(
            "model_missing", f"there is no model {which}{why}: `idlehands models list` shows which there are"
        ) from None
    except BlobUnavailable as error:
        raise BundleUnreachable(f"model {name} could not be looked up: {error}") from None
    except ValidationError as error:
        raise DatasetFailure(
            "model_missing", f"REST says of model {name} what cannot be used: {error}"
        ) from None
    if not all(is_path_below(file.name) for file in found.files):
        raise DatasetFailure("model_missing", f"a file of model {name} would lie outside of its folder")
    return found


def choose_file(found: ModelFiles, reference: Reference) -> str:
    """Return which file is meant, below the model's folder: its only one, or "" for the folder.

    Raises:
        DatasetFailure: If it has no such file.
    """
    names = [file.name for file in found.files]
    if not reference.path:
        return names[0] if len(names) == 1 else ""
    if reference.path not in names:
        raise DatasetFailure(
            "model_missing",
            f"model {found.model}@{found.version} has no file {reference.path[:200]!r}; it has: "
            + ", ".join(names[:10]),
        )
    return reference.path


def content_of(file: Artifact) -> Version:
    """Return a file of a model as what the store of datasets keeps."""
    return Version(f"model file {file.name}", file.sha256, "file", file.sha256, file.bytes)
