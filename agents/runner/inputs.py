"""The datasets, models and blobs of one attempt: parameters that name one become paths of this machine.

In `basic` their files are linked into the attempt's folder, in `strict` they
are mounted there read-only.
"""

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from agents.datasets import DatasetFailure, Version, link_file, link_tree, parse_blob, read_dataset
from agents.models import ModelFiles, choose_file, content_of, read_reference, resolve_model
from agents.runner.site import Site
from agents.runner.watch import StopRequest
from agents.runner.workspace import Workspace
from schemas.datasets import PREFIX as _PREFIX
from schemas.datasets import Reference
from schemas.facts import Artifact, ModelUse
from schemas.registry import PREFIX as _MODEL
from schemas.specs import JobSpec

_BLOB = "blob://"


class Inputs:
    """Give them back when the attempt is over."""

    def __init__(self, site: Site, workspace: Workspace, stop: StopRequest) -> None:
        self._site, self._workspace, self._stop = site, workspace, stop
        self._taken: list[str] = []
        #: Where the script sees it, and where its content lies.
        self._places: dict[Reference, tuple[Path, Path]] = {}
        self._blobs: dict[str, Path] = {}
        self._models: dict[str, tuple[Path, ModelFiles]] = {}
        #: Which version of each dataset is used.
        self.versions: dict[str, str] = {}

    @property
    def models(self) -> tuple[ModelUse, ...]:
        """Which versions of models are used."""
        return tuple(dict.fromkeys(found.use for _, found in self._models.values()))

    def place(self, spec: JobSpec, *, is_sandboxed: bool) -> JobSpec:
        """Return the spec with paths in the place of datasets, models and blobs, which are there from now on.

        Raises:
            DatasetFailure: If one cannot be had.
            BundleUnreachable: If REST does not answer in time.
            OSError: If the disk does not take it.
        """
        params = {name: self._resolve(value, is_sandboxed) for name, value in spec.params.items()}
        argv = tuple(self._resolve(word, is_sandboxed) for word in spec.argv)
        return spec if not self._taken else replace(spec, params=params, argv=argv)

    def give_back(self) -> None:
        """Let them be evicted again. Safe to repeat."""
        while self._taken:
            self._site.datasets.give_back(self._taken.pop())

    def _resolve(self, value: Any, is_sandboxed: bool) -> Any:
        if isinstance(value, list):
            return [self._resolve(one, is_sandboxed) for one in value]
        if isinstance(value, str) and value.startswith(_BLOB):
            return str(self._place_blob(value, is_sandboxed))
        if isinstance(value, str) and value.startswith(_MODEL):
            return str(self._place_model(value, is_sandboxed))
        if not isinstance(value, str) or not value.startswith(_PREFIX):
            return value
        reference = read_dataset(value)
        whole = replace(reference, path="")
        if whole not in self._places:
            self._places[whole] = self._take(whole, is_sandboxed)
        place, content = self._places[whole]
        if not reference.path:
            return str(place)
        if not (content / reference.path).exists():
            has = "has no file" if content.is_dir() else "is one file, and has no"
            raise DatasetFailure("dataset_missing", f"dataset {reference.name} {has} {reference.path!r}")
        return str(place / reference.path)

    def _place_model(self, value: str, is_sandboxed: bool) -> Path:
        """Return the path of a model's one file, or of the folder with its files."""
        reference = read_reference(value)
        asked = f"{reference.name}@{reference.version}"
        if asked not in self._models:
            wait = self._stop.event.wait
            found = resolve_model(self._site.blobs, replace(reference, path=""), wait)
            folder = self._workspace.private / "data" / f"{found.model}-v{found.version}"
            for file in found.files:
                self._show_file(file, folder / file.name, is_sandboxed)
            self._models[asked] = folder, found
        folder, found = self._models[asked]
        return folder / choose_file(found, reference)

    def _show_file(self, file: Artifact, place: Path, is_sandboxed: bool) -> None:
        version = content_of(file)
        content = self._site.datasets.take(version, self._stop.event.wait)
        self._taken.append(version.sha256)
        # A dataset with the same content may have brought it here, under a name of its own.
        lies = next(content.iterdir())
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if is_sandboxed:
            self._workspace.shown[place] = lies
        elif not place.exists():
            link_file(lies, place)

    def _place_blob(self, value: str, is_sandboxed: bool) -> Path:
        version = parse_blob(value)
        if version.sha256 not in self._blobs:
            # A folder for each: their files are called by their hashes.
            self._blobs[version.sha256], _ = self._show(version, f"blob-{version.sha256[:24]}", is_sandboxed)
        return self._blobs[version.sha256]

    def _take(self, reference: Reference, is_sandboxed: bool) -> tuple[Path, Path]:
        version = self._site.datasets.resolve(reference, self._stop.event.wait)
        shown = self._show(version, f"{version.name}-{version.sha256[:12]}", is_sandboxed)
        self.versions[version.name] = version.sha256
        return shown

    def _show(self, version: Version, folder: str, is_sandboxed: bool) -> tuple[Path, Path]:
        content = self._site.datasets.take(version, self._stop.event.wait)
        self._taken.append(version.sha256)
        place = self._workspace.private / "data" / folder
        if is_sandboxed:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._workspace.shown[place] = content
        elif not place.exists():
            link_tree(content, place)
        return place / version.filename, content / version.filename
