"""/datasets: which there are, and which content each version is. The content itself is at /blobs."""

import re
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.bodies import takes
from hq.rest.datasets import DatasetBody
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import After, Limit, OnePathBlob
from hq.rest.problems import Problem, not_found
from schemas.names import DATASET_PATTERN
from schemas.paths import is_path_below

_NAME = re.compile(DATASET_PATTERN)
_SHA256 = re.compile(r"[0-9a-f]{64}")
OnePathDataset = Annotated[str, Path(json_schema_extra={"pattern": DATASET_PATTERN.replace(r"(?!\n)", "")})]


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["datasets"])

    @router.get("/datasets")
    async def list_datasets(limit: Limit = 100, after: After = None) -> Response:
        """List the datasets by name, each with its newest version and how many there are."""
        return answer(await house.datasets.list_page(limit=limit, after=after))

    @router.get("/datasets/{dataset}")
    async def get_dataset(dataset: OnePathDataset) -> Response:
        """Return a dataset's versions, the newest first. `/blobs/{sha256}` has the content of each."""
        versions = await house.datasets.read(dataset)
        if not versions:
            raise not_found("dataset", dataset)
        return answer({"name": dataset, "versions": versions})

    @router.put("/datasets/{dataset}/{sha256}", status_code=201, openapi_extra=takes(DatasetBody))
    async def put_dataset(dataset: OnePathDataset, sha256: OnePathBlob, request: Request) -> Response:
        """Make a blob the newest version of a dataset. 201 when it was none, 200 when it was; repeatable."""
        body: DatasetBody = await read_body(request, DatasetBody)
        if not _NAME.match(dataset):
            words = "letters (lower case), digits, dots, hyphens and underscores, at most 63"
            raise Problem(422, "bad_name", f"{dataset[:100]!r} is no name of a dataset: {words}.")
        if "/" in body.filename or not is_path_below(body.filename):
            raise Problem(422, "bad_data", f"filename: {body.filename!r} is no plain file name.")
        blob = await house.blobs.find(_checked(sha256))
        if blob is None:
            raise Problem(409, "no_content", f"There is no blob {sha256}: store the content first.")
        await house.blobs.note_wanted(blob)
        by = principal_of(request).name
        new = await house.datasets.put(dataset, sha256, body, int(blob["length"]), by)
        return answer({"name": dataset, "sha256": sha256, "new": new}, 201 if new else 200)

    @router.delete("/datasets/{dataset}")
    async def delete_dataset(dataset: OnePathDataset) -> Response:
        """Forget a dataset with all its versions."""
        return await _remove(dataset, None)

    @router.delete("/datasets/{dataset}/{sha256}")
    async def delete_version(dataset: OnePathDataset, sha256: OnePathBlob) -> Response:
        """Forget one version of a dataset."""
        return await _remove(dataset, _checked(sha256))

    async def _remove(dataset: str, sha256: str | None) -> Response:
        removed = await house.datasets.remove(dataset, sha256)
        if not removed:
            raise not_found("dataset", dataset if sha256 is None else f"{dataset}@{sha256[:12]}")
        return answer({"name": dataset, "removed": removed})

    return router


def _checked(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise not_found("version", sha256)
    return sha256
