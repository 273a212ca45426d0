"""The Python client: `with connect(settings) as house: house.submit([...])`."""

from idlehands.client.client import Client, connect
from idlehands.client.errors import ClientError, HqUnreachable, RequestRefused
from idlehands.client.feed import Feed
from idlehands.client.following import LogUpdate, ProgressUpdate, StatusUpdate, Update
from idlehands.client.requesting import Changed

__all__ = [
    "Changed",
    "Client",
    "ClientError",
    "Feed",
    "HqUnreachable",
    "LogUpdate",
    "ProgressUpdate",
    "RequestRefused",
    "StatusUpdate",
    "Update",
    "connect",
]
