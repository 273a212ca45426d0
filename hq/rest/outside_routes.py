"""/settings/hooks, topics and household: what comes in from outside, the household's broker. For admins.

Secrets go in and never come out.
"""

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hq.outside.household import NAME, Household
from hq.outside.keeping import Kept
from hq.outside.mapping import Hook, Taking, TopicJob, Unfit, check_taking
from hq.rest.bodies import HookBody, HouseholdBody, TopicBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.notification_routes import note, outside_of
from hq.rest.parameters import IdempotencyKey, OnePathSetting, checked_setting
from hq.rest.problems import Problem


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["settings"])

    @router.get("/settings/hooks")
    async def list_hooks() -> Response:
        """List the webhooks that submit, with what came of them. Never their secrets."""
        kept = outside_of(house).hooks
        return answer({"hooks": [show_hook(house, one) for one in kept.all()], "unusable": kept.unusable})

    @router.post("/settings/hooks", status_code=201, openapi_extra=takes(HookBody))
    async def put_hook(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Keep a webhook, in place of the one with its name. Its secret stays if none is given."""
        body: HookBody = await read_body(request, HookBody)
        by = principal_of(request).name

        async def keep() -> dict[str, Any]:
            return show_hook(house, await keep_hook(house, body, by))

        return answer(await house.repeats.once(by, idempotency_key, "put_hook", body, keep), 201)

    @router.get("/settings/hooks/{name}")
    async def get_hook(name: OnePathSetting) -> Response:
        """Return one webhook."""
        return answer(show_hook(house, outside_of(house).hooks.find(checked_setting(name))))

    @router.delete("/settings/hooks/{name}")
    async def delete_hook(name: OnePathSetting, request: Request) -> Response:
        """Remove a webhook with its secret."""
        return answer(await remove_taking(house, outside_of(house).hooks, name, principal_of(request).name))

    @router.get("/settings/topics")
    async def list_topics() -> Response:
        """List the topics of the household's broker that submit, with what came of them."""
        kept = outside_of(house).topics
        return answer({"topics": [show_topic(house, one) for one in kept.all()], "unusable": kept.unusable})

    @router.post("/settings/topics", status_code=201, openapi_extra=takes(TopicBody))
    async def put_topic(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Let a topic of the household's broker submit, in place of the one with its name."""
        topic: TopicJob = await read_body(request, TopicBody)
        by = principal_of(request).name

        async def keep() -> dict[str, Any]:
            await keep_taking(house, outside_of(house).topics, topic, None, by)
            outside_of(house).household.wake()
            return show_topic(house, topic)

        return answer(await house.repeats.once(by, idempotency_key, "put_topic", topic, keep), 201)

    @router.get("/settings/topics/{name}")
    async def get_topic(name: OnePathSetting) -> Response:
        """Return one topic that submits."""
        return answer(show_topic(house, outside_of(house).topics.find(checked_setting(name))))

    @router.delete("/settings/topics/{name}")
    async def delete_topic(name: OnePathSetting, request: Request) -> Response:
        """Let a topic submit nothing any more."""
        done = await remove_taking(house, outside_of(house).topics, name, principal_of(request).name)
        outside_of(house).household.wake()
        return answer(done)

    @router.get("/settings/household")
    async def get_household() -> Response:
        """Return where the household's own broker is, and how the connection is. Never its password."""
        return answer(show_household(house))

    @router.post("/settings/household", status_code=201, openapi_extra=takes(HouseholdBody))
    async def put_household(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Connect to the household's own broker. The password stays if none is given."""
        body: HouseholdBody = await read_body(request, HouseholdBody)
        by = principal_of(request).name

        async def keep() -> dict[str, Any]:
            await keep_household(house, body, by)
            return show_household(house)

        return answer(await house.repeats.once(by, idempotency_key, "put_household", body, keep), 201)

    @router.delete("/settings/household")
    async def delete_household(request: Request) -> Response:
        """Leave the household's own broker."""
        outside = outside_of(house)
        await outside.households.remove(house.database, NAME)
        note(house, "household.removed", principal_of(request).name, NAME, "")
        outside.household.wake()
        return answer({"household": None})

    return router


async def keep_household(house: House, body: HouseholdBody, by: str) -> None:
    """Keep where the household's own broker is, and connect to it.

    Raises:
        Problem: 422 if it reads what is the house's own.
    """
    given = {name: getattr(body, name) for name in Household.__struct_fields__ if name != "name"}
    household = Household(**given)
    outside = outside_of(house)
    if any(one.startswith(("idlehands/", "homeassistant/")) for one in household.conditions):
        raise Problem(422, "bad_topic", "conditions: none below idlehands/ or homeassistant/.")
    await outside.households.put(house.database, household, body.secret)
    note(house, "household.set", by, f"{household.host}:{household.port}", "")
    outside.household.wake()


async def keep_hook(house: House, body: HookBody, by: str) -> Hook:
    """Keep a webhook, and return it without its secret.

    Raises:
        Problem: 422 if it could submit nothing, or has no secret that nobody guesses.
    """
    hook = Hook(**{name: getattr(body, name) for name in Hook.__struct_fields__})
    kept = outside_of(house).hooks
    if not body.secret and not kept.has_secret(hook.name):
        raise Problem(422, "bad_secret", "secret: a webhook needs one, of 16 signs or more.")
    if body.secret and len(body.secret) < 16:
        raise Problem(422, "bad_secret", "secret: 16 signs or more, for nobody to guess it.")
    await keep_taking(house, kept, hook, body.secret, by)
    return hook


async def keep_taking(house: House, kept: Kept, taking: Taking, secret: str | None, by: str) -> None:
    """Keep what submits, in place of the one with its name.

    Raises:
        Problem: 422 if it could submit nothing.
    """
    try:
        check_taking(taking)
    except Unfit as error:
        raise Problem(422, "bad_spec", f"{taking.name}: {error}.") from None
    is_new = await kept.put(house.database, taking, secret)
    note(house, f"{kept.kind}.set", by, taking.name, "new" if is_new else "changed")


async def remove_taking(house: House, kept: Kept, name: str, by: str) -> dict[str, Any]:
    """Remove what submits, by its name.

    Raises:
        Problem: 404 if there is none.
    """
    await kept.remove(house.database, checked_setting(name))
    note(house, f"{kept.kind}.removed", by, name, "")
    return {kept.kind: name}


def show_hook(house: House, hook: Hook) -> dict[str, Any]:
    """Return a webhook for people."""
    outside = outside_of(house)
    standing = outside.takings.standing("hook", hook.name)
    return {**msgspec.to_builtins(hook), "has_secret": outside.hooks.has_secret(hook.name), **standing}


def show_topic(house: House, topic: TopicJob) -> dict[str, Any]:
    """Return a topic that submits for people."""
    return {**msgspec.to_builtins(topic), **outside_of(house).takings.standing("topic", topic.name)}


def show_household(house: House) -> dict[str, Any]:
    """Return the household's broker for people, `{"household": None}` if there is none."""
    outside = outside_of(house)
    found = outside.households.all()
    if not found:
        return {"household": None, "state": None, "unusable": outside.households.unusable}
    shown = {**msgspec.to_builtins(found[0]), "has_secret": outside.households.has_secret(NAME)}
    return {"household": shown, "state": outside.household.standing(), "unusable": {}}
