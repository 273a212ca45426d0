"""/models: what a job left behind under a name, as versions with a stage and where they came from."""

import re
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from hq.rest import models, queries
from hq.rest.bodies import PromoteBody, StageBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import After, AtLeast, IdempotencyKey, Limit, found
from hq.rest.problems import Problem, not_found
from schemas.names import DATASET_PATTERN
from schemas.requests import PromoteModel, RemoveModel, StageModel

_NAME = re.compile(DATASET_PATTERN)
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_WORDS = frozenset({"staging", "production", "latest", models.DEFAULT})
_PATTERN = DATASET_PATTERN.replace(r"(?!\n)", "")
OnePathModel = Annotated[str, Path(json_schema_extra={"pattern": _PATTERN})]
OnePathVersion = Annotated[
    str,
    Path(
        description="A number, `staging`, `production`, `latest`, or `default`: production, else the newest.",
        json_schema_extra={"pattern": "^([1-9][0-9]{0,8}|staging|production|latest|default)$"},
    ),
]


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["models"])

    @router.get("/models")
    async def list_models(limit: Limit = 100, after: After = None, at_least: AtLeast = None) -> Response:
        """List the models by name, each with its newest version and those in a stage."""
        await queries.catch_up(house.database, at_least)
        return answer(await models.list_models(house.database, limit=limit, after=after))

    @router.get("/models/{model}")
    async def get_model(model: OnePathModel, at_least: AtLeast = None) -> Response:
        """Return a model with all its versions, the newest first: files, stage, and where each came from."""
        _check_name(model)
        await queries.catch_up(house.database, at_least)
        return answer(found("model", model, await models.read_model(house.database, model)))

    @router.post("/models/{model}", status_code=201, openapi_extra=takes(PromoteBody))
    async def promote_model(
        model: OnePathModel, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Register what a job left behind, or a sweep's best trial, as the model's next version."""
        body: PromoteBody = await read_body(request, PromoteBody)
        if not _NAME.match(model):
            words = "letters (lower case), digits, dots, hyphens and underscores, at most 63"
            raise Problem(422, "bad_name", f"{model[:100]!r} is no name of a model: {words}.")
        wanted = PromoteModel(
            key=idempotency_key,
            on_behalf_of=principal_of(request).name,
            model=model,
            job=body.job,
            sweep=body.sweep,
            artifacts=body.artifacts,
            stage=body.stage,
            note=body.note,
        )
        return answer(await house.asking.change(wanted), 201)

    @router.delete("/models/{model}")
    async def delete_model(
        model: OnePathModel, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Forget a model with all its versions, none of which may be in production."""
        by = principal_of(request).name
        wanted = RemoveModel(key=idempotency_key, on_behalf_of=by, model=_check_name(model))
        return answer(await house.asking.change(wanted))

    @router.get("/models/{model}/versions/{version}")
    async def get_model_version(
        model: OnePathModel, version: OnePathVersion, at_least: AtLeast = None
    ) -> Response:
        """Return one version. `/blobs/{sha256}` has the content of each of its files."""
        _check_name(model)
        if version not in _WORDS and not _NUMBER.fullmatch(version):
            raise not_found("version", version)
        await queries.catch_up(house.database, at_least)
        one = await models.read_version(house.database, model, version)
        return answer(found("model", f"{model}@{version}", one))

    @router.delete("/models/{model}/versions/{version}")
    async def delete_model_version(
        model: OnePathModel, version: OnePathVersion, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Forget one version, by its number. Its files are cleaned up a day later if nothing names them."""
        by = principal_of(request).name
        wanted = RemoveModel(
            key=idempotency_key, on_behalf_of=by, model=_check_name(model), version=_number(version)
        )
        return answer(await house.asking.change(wanted))

    @router.post("/models/{model}/versions/{version}/stage", openapi_extra=takes(StageBody))
    async def stage_model(
        model: OnePathModel, version: OnePathVersion, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Give a version, by its number, a stage. Which had it before is archived."""
        body: StageBody = await read_body(request, StageBody)
        wanted = StageModel(
            key=idempotency_key,
            on_behalf_of=principal_of(request).name,
            model=_check_name(model),
            version=_number(version),
            stage=body.stage,
        )
        return answer(await house.asking.change(wanted))

    return router


def _check_name(model: str) -> str:
    if not _NAME.match(model):
        raise not_found("model", model)
    return model


def _number(version: str) -> int:
    # What a stage means may change until HQ decides: changes name a number.
    if version in _WORDS:
        raise Problem(422, "bad_version", f"Name the version by its number: {version!r} may be another soon.")
    if not _NUMBER.fullmatch(version) or int(version) > 2**31:
        raise not_found("version", version)
    return int(version)
