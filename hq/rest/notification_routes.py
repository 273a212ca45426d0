"""/settings/notifications: what the house tells people of itself, and how. For admins.

Secrets go in and never come out.
"""

import secrets
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hq.outside.outside import Outside
from hq.outside.sending import check_target
from hq.outside.targets import Mqtt, Notification
from hq.rest.bodies import NotificationBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import IdempotencyKey, OnePathSetting, checked_setting
from hq.rest.problems import Problem


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["settings"])

    @router.get("/settings/notifications")
    async def list_notifications() -> Response:
        """List the notifications, with what waits to be sent and what went wrong. Never their secrets."""
        outside = outside_of(house)
        shown = [show(outside, one) for one in outside.notifications.all()]
        return answer({"notifications": shown, "unusable": outside.notifications.unusable})

    @router.post("/settings/notifications", status_code=201, openapi_extra=takes(NotificationBody))
    async def put_notification(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Keep a notification, in place of the one with its name. Its secret stays if none is given."""
        body: NotificationBody = await read_body(request, NotificationBody)
        by = principal_of(request).name
        shown = await house.repeats.once(
            by, idempotency_key, "put_notification", body, lambda: keep(house, body, by)
        )
        return answer(shown, 201)

    @router.get("/settings/notifications/{name}")
    async def get_notification(name: OnePathSetting) -> Response:
        """Return one notification and how it stands with it."""
        outside = outside_of(house)
        return answer(show(outside, outside.notifications.find(checked_setting(name))))

    @router.delete("/settings/notifications/{name}")
    async def delete_notification(name: OnePathSetting, request: Request) -> Response:
        """Remove a notification with its secret. What waited to be sent is not sent."""
        return answer(await remove(house, checked_setting(name), principal_of(request).name))

    @router.post("/settings/notifications/{name}/test")
    async def test_notification(name: OnePathSetting, request: Request) -> Response:
        """Send a test at once, and say whether it was taken and, if not, why."""
        by = principal_of(request).name
        delivery = secrets.token_hex(16)
        why = await outside_of(house).notifier.test(checked_setting(name), by, delivery)
        return answer({"notification": name, "delivery": delivery, "taken": not why, "why": why})

    return router


def outside_of(house: House) -> Outside:
    """Return what speaks with the world outside.

    Raises:
        Problem: 503 if this server has none.
    """
    if house.outside is None:
        raise Problem(503, "unavailable", "This server has no house to keep settings in.")
    return house.outside


async def keep(house: House, body: NotificationBody, by: str) -> dict[str, Any]:
    """Keep a notification and return it as it is shown.

    Raises:
        Problem: If it cannot work like this.
    """
    outside = outside_of(house)
    given = {name: getattr(body, name) for name in Notification.__struct_fields__}
    notification = Notification(**given)
    to = notification.to
    if isinstance(to, Mqtt) and to.broker == "house" and not to.topic.startswith("home/"):
        raise Problem(422, "bad_topic", "to.topic: on the house's own broker it must be below home/.")
    await check_target(notification, allows_private=house.private_callbacks)
    # First: what happens from the answer on is told.
    await outside.notifier.begin_at_end(house.database)
    is_new = await outside.notifications.put(house.database, notification, body.secret)
    outside.notifier.wake()
    note(
        house,
        "notification.set",
        by,
        notification.name,
        f"{_kind(notification)}, {'new' if is_new else 'changed'}",
    )
    return show(outside, notification)


async def remove(house: House, name: str, by: str) -> dict[str, Any]:
    """Remove a notification.

    Raises:
        Problem: 404 if there is none.
    """
    await outside_of(house).notifications.remove(house.database, name)
    note(house, "notification.removed", by, name, "")
    return {"notification": name}


def show(outside: Outside, notification: Notification) -> dict[str, Any]:
    """Return a notification for people: whether it has a secret, never which."""
    return {
        **msgspec.to_builtins(notification),
        "has_secret": outside.notifications.has_secret(notification.name),
        **outside.notifier.standing(notification.name),
    }


def note(house: House, what: str, who: str, subject: str, detail: str) -> None:
    """Put a change of what reaches outside into the audit log."""
    if house.trail is not None:
        house.trail.note(what, who=who, subject=subject, source="web", detail=detail)


def _kind(notification: Notification) -> str:
    return str(msgspec.to_builtins(notification.to)["kind"])
