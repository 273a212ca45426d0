"""Fold one event into one model of the registry. Numbers of versions are never given twice."""

from msgspec.structs import replace

from hq.core.moment import InvalidTransition, Moment
from hq.core.state import Model, RegisteredVersion
from schemas.events import ModelEvent, ModelRegistered, ModelRemoved
from schemas.registry import SINGLE_STAGES, Stage


def evolve_model(model: Model | None, event: ModelEvent, moment: Moment) -> Model:
    """Return the model as it stands after `event`.

    One that reflects the event already, as a read model may at a start, stays as it is.

    Raises:
        InvalidTransition: If the event cannot follow.
    """
    if model is not None and model.position >= moment.position:
        return model
    before = model or Model(
        name=event.model, latest=0, versions=(), position=0, changed_at=moment.at, created_at=moment.at
    )
    changed = replace(before, position=moment.position, changed_at=moment.at)
    if isinstance(event, ModelRegistered):
        if event.version != before.latest + 1:
            raise InvalidTransition(f"{event.model}@{event.version} cannot follow version {before.latest}")
        made = RegisteredVersion(
            version=event.version,
            stage="none",
            files=event.files,
            sha256=event.sha256,
            lineage=event.lineage,
            note=event.note,
            by=event.by,
            at=moment.at,
            staged_at=moment.at,
        )
        changed = replace(changed, latest=event.version, versions=(*before.versions, made))
        return _stage(changed, event.version, event.stage, event.by, moment.at)
    if isinstance(event, ModelRemoved):
        gone = set(event.versions)
        return replace(changed, versions=tuple(one for one in before.versions if one.version not in gone))
    if before.find(event.version) is None:
        raise InvalidTransition(f"there is no {event.model}@{event.version} to stage")
    return _stage(changed, event.version, event.stage, event.by, moment.at)


def _stage(model: Model, version: int, stage: Stage, by: str, at: float) -> Model:
    versions: list[RegisteredVersion] = []
    for one in model.versions:
        if one.version == version and one.stage != stage:
            one = replace(one, stage=stage, staged_by=by, staged_at=at)
        elif one.version != version and one.stage == stage and stage in SINGLE_STAGES:
            one = replace(one, stage="archived", staged_by=by, staged_at=at)
        versions.append(one)
    return replace(model, versions=tuple(versions))
