"""What arrives on subscribed topics, in order, for one reader."""

import queue
import threading
from types import TracebackType

from bus.port import Bus, BusInput, Connected, Inbound
from bus.topics import Topic

#: A reader that stands still for so many messages loses the oldest, and is told by `lost`.
MAX_WAITING = 50_000


class Feed:
    """A queue of messages. `None` from `get` means that nothing came in time."""

    def __init__(self, feeds: "Feeds", wanted: tuple[tuple[Topic, dict[str, str]], ...]) -> None:
        self._feeds = feeds
        #: Topics with the names that were given.
        self.wanted = wanted
        self._queue: queue.SimpleQueue[Inbound | Connected] = queue.SimpleQueue()
        #: How many messages were thrown away because nobody read.
        self.lost = 0

    def get(self, timeout_seconds: float) -> Inbound | Connected | None:
        """Return the next message; `Connected` when some may have been missed before it."""
        try:
            return self._queue.get(timeout=timeout_seconds)
        except queue.Empty:
            return None

    def get_now(self) -> Inbound | Connected | None:
        """Return the next message that is here already."""
        return self.get(0)

    def put(self, what: BusInput) -> None:
        """Take what arrives; called on the bus's thread."""
        if isinstance(what, Connected):
            self._queue.put(what)
            return
        if not isinstance(what, Inbound):
            return
        for topic, names in self.wanted:
            if what.topic is topic and names.items() <= what.names.items():
                if self._queue.qsize() >= MAX_WAITING:
                    self._queue.get()
                    self.lost += 1
                self._queue.put(what)
                return

    def __enter__(self) -> "Feed":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._feeds.remove(self)


class Feeds:
    """All feeds of one client."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lock = threading.Lock()
        self._feeds: tuple[Feed, ...] = ()

    def open(self, *wanted: tuple[Topic, dict[str, str]]) -> Feed:
        """Subscribe and return a feed. Feeds of the same topics share a subscription."""
        feed = Feed(self, wanted)
        with self._lock:
            self._feeds = (*self._feeds, feed)
            for topic, names in wanted:
                self._bus.subscribe(topic, **names)
        return feed

    def remove(self, feed: Feed) -> None:
        """Stop feeding it, and unsubscribe from what nobody else wants."""
        with self._lock:
            self._feeds = tuple(other for other in self._feeds if other is not feed)
            still = [pair for other in self._feeds for pair in other.wanted]
            for topic, names in feed.wanted:
                if (topic, names) not in still:
                    self._bus.unsubscribe(topic, **names)

    def put(self, what: BusInput) -> None:
        """Hand to every feed; called on the bus's thread."""
        for feed in self._feeds:
            feed.put(what)
