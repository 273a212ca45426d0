"""Who has a page open, and what each is sent.

Pages that look at the same share its feeds: each is read once, however many
look, when something changed that it shows, and not more often than its own
pause allows. While nobody looks, nothing is read.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from pymongo.errors import PyMongoError

from dash_app.addresses import View
from dash_app.live.hearing import Changes, Hearing
from dash_app.live.push import Push
from hq.rest.problems import Problem

#: Changes that follow another this soon travel together.
COALESCE_SECONDS = 0.02
#: A page that was told to ask again waits for about a second first.
AGAIN = '{"again":true}'
_RETRY_SECONDS = 1.0
_WAITING_MESSAGES = 200
log = logging.getLogger(__name__)


class Feed(Protocol):
    """What one part of a view is sent."""

    @property
    def pause(self) -> float:
        """Seconds between two pushes."""

    @property
    def unfinished(self) -> bool:
        """Tell whether to push again in a second though nothing changed."""

    async def whole(self) -> Push:
        """Return everything, for a page that just came or came back."""

    def touch(self, changes: Changes) -> bool:
        """Take in what changed; tell whether there is something to push."""

    async def push(self) -> Push:
        """Return what is new since the last push. What it cannot read now it keeps for the next."""


class Connection:
    """One open page. Messages wait here while its network is slow; None ends it."""

    def __init__(self) -> None:
        self.view: View | None = None
        self.outbox: asyncio.Queue[str | None] = asyncio.Queue(_WAITING_MESSAGES)

    def send(self, text: str | None) -> None:
        """Queue a message; a page that does not keep up is cut off, comes back and reads anew."""
        try:
            self.outbox.put_nowait(text)
        except asyncio.QueueFull:
            while not self.outbox.empty():
                self.outbox.get_nowait()
            self.outbox.put_nowait(None)


class _Watched:
    """A feed with those who look at it."""

    def __init__(self, feed: Feed, connections: set[Connection]) -> None:
        self.feed = feed
        self.connections = connections
        self._lock = asyncio.Lock()
        self._dirty = False
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None

    async def send_whole(self, connection: Connection) -> None:
        async with self._lock:
            try:
                connection.send((await self.feed.whole()).encode())
                if self.feed.unfinished:
                    self._due = time.monotonic() + _RETRY_SECONDS
                    self.schedule()
            except (PyMongoError, Problem) as error:
                log.warning("cannot read for a page: %s", str(error)[:300])
                connection.send(AGAIN)

    def schedule(self) -> None:
        self._dirty = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._push())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _push(self) -> None:
        while self._dirty:
            await asyncio.sleep(max(0.0, self._due - time.monotonic()))
            self._dirty = False
            async with self._lock:
                try:
                    push = await self.feed.push()
                    pause = _RETRY_SECONDS if self.feed.unfinished else self.feed.pause
                    self._dirty = self._dirty or self.feed.unfinished
                    self._due = time.monotonic() + pause
                except (PyMongoError, Problem) as error:
                    log.warning("cannot read for a page: %s", str(error)[:300])
                    self._dirty, self._due = True, time.monotonic() + _RETRY_SECONDS
                    continue
                if push:
                    text = push.encode()
                    for connection in self.connections:
                        connection.send(text)


class Hub:
    """All open pages."""

    def __init__(
        self,
        hearing: Hearing,
        make_feeds: Callable[[View], Sequence[Feed]],
        reach: Callable[[int], Awaitable[None]],
    ) -> None:
        self._hearing = hearing
        self._make_feeds = make_feeds
        self._reach = reach
        self._watched: dict[View, list[_Watched]] = {}
        self._looking: dict[View, set[Connection]] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Bring what happens to who looks, until cancelled."""
        self._hearing.attach(asyncio.get_running_loop(), self._wake)
        while True:
            await self._wake.wait()
            self._wake.clear()
            # The first of a burst goes at once, and the rest of it together.
            self._spread(self._hearing.take())
            await asyncio.sleep(COALESCE_SECONDS)

    def _spread(self, changes: Changes) -> None:
        if changes.everything:
            self._begin_again()
            return
        for watched in self._watched.values():
            for one in watched:
                if one.feed.touch(changes):
                    one.schedule()

    def _begin_again(self) -> None:
        looking = [connection for connections in self._looking.values() for connection in connections]
        for connection in looking:
            self.leave(connection)
            connection.send(AGAIN)

    async def show(self, connection: Connection, view: View) -> None:
        """Let a page look at `view` from now on, and send it all of it."""
        self.leave(connection)
        connection.view = view
        # First listening, then reading: nothing can fall between.
        looking = self._looking.setdefault(view, set())
        looking.add(connection)
        if view not in self._watched:
            self._watched[view] = [_Watched(feed, looking) for feed in self._make_feeds(view)]
        try:
            # What was heard before this page came, nobody tells it again.
            await self._reach(self._hearing.position)
        except (PyMongoError, Problem) as error:
            log.warning("cannot read for a page: %s", str(error)[:300])
            connection.send(AGAIN)
            return
        for one in self._watched.get(view, ()):
            await one.send_whole(connection)

    def leave(self, connection: Connection) -> None:
        """Stop sending to a page."""
        view, connection.view = connection.view, None
        looking = self._looking.get(view) if view is not None else None
        if view is None or looking is None:
            return
        looking.discard(connection)
        if not looking:
            del self._looking[view]
            for one in self._watched.pop(view, ()):
                one.stop()
