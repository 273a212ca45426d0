"""One HQ process in the simulation: the production authority with a simulated shell."""

import math
from collections.abc import Callable
from typing import Any

from bus import topics
from bus.port import Inbound
from hq.core.authority import Authority
from hq.core.evolve import apply
from hq.core.outputs import Answer, LookUp, LookUpParents, Publish
from hq.core.state import State
from schemas.events import Decision, EpochBegan
from tests.simulation.network import Clock, Network, World
from tests.simulation.store import Store
from tests.unit.hq.core.ends import ends_in

PING_SECONDS = 3.0
#: A standby takes over when it has not heard the leader for this long.
STANDBY_SECONDS = 10.0


class HqNode:
    """Starts, loses its memory when killed, steps down when the log says so, starts again."""

    #: Appends `EpochBegan` first: the fence. Mutants change it.
    fences = True
    #: How short jobs must be to be granted ahead: here mostly all of them.
    ahead_seconds = math.inf
    #: How many look-ups of parents are never answered.
    lookups_lost = 0.1
    #: Stops when another HQ has taken its position.
    steps_down = True

    def __init__(
        self, name: str, world: World, network: Network, store: Store, nodes: dict[str, Any], oracle: Any
    ) -> None:
        self.name = name
        self.world = world
        self.network = network
        self.store = store
        self.nodes = nodes
        self.oracle = oracle
        self.clock = Clock(world)
        self.authority: Authority | None = None
        self.up = False
        self.paused = False
        self.led_since = 0.0
        self._life = 0
        self._inbox: list[Inbound] = []
        self._woken_at = -1.0
        self._leader_heard = float("-inf")
        self.retired = False
        #: While paused: the broker has dropped this client, nothing waits for it.
        self.deaf = False

    # --- life ------------------------------------------------------------------

    def start(self) -> None:
        if not self.up and not self.retired:
            self.up = True
            self._life += 1
            self._inbox.clear()
            self._begin_epoch(self._life)

    def kill(self) -> None:
        self.up = False
        self.paused = False
        self._life += 1
        self.authority = None

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            self._step()

    def _begin_epoch(self, life: int) -> None:
        if life != self._life or not self.up:
            return
        if self.store.is_away(self.name) or self.paused:
            self.world.after(0.5, lambda: self._begin_epoch(life))
            return
        state = State()
        for decision in self.store.decisions:
            apply(state, decision)
        epoch = max(state.epoch + 1, int(self.clock.wall()))
        instance = f"{self.world.random.getrandbits(128):032x}"
        began = Decision(
            state.position + 1, epoch, f"{instance}-0", self.clock.wall(), (EpochBegan(epoch, instance),)
        )
        if not self.fences:
            state.epoch = epoch
            self._lead(state, instance)
            return

        def done(outcome: str) -> None:
            if life != self._life:
                return
            if outcome == "committed":
                apply(state, began)
                self._lead(state, instance)
            elif outcome == "unknown":
                self.store.insert(self.name, (began,), done)
            else:
                self.world.after(0.05, lambda: self._begin_epoch(life))

        self.store.insert(self.name, (began,), done)

    def _lead(self, state: State, instance: str) -> None:
        now = self.clock.monotonic()
        self.authority = Authority(
            state, instance=instance, now=now, wall=self.clock.wall(), ahead_seconds=self.ahead_seconds
        )
        self.led_since = self.world.now
        self._ping(self._life)
        self._step()

    def _ping(self, life: int) -> None:
        """The leader's ping: nothing stands at my next position, so I led when I asked."""
        if life != self._life or self.authority is None:
            return
        if not self.paused and not self.store.is_away(self.name) and not self.authority.appending:
            if self.store.tail > self.authority.state.position:
                self._step_down()
                return
            self.authority.note_log_alive(self.clock.monotonic())
        self.world.after(PING_SECONDS, lambda: self._ping(life))

    def _step_down(self) -> None:
        self.kill()
        self._leader_heard = self.world.now
        self._stand_by(self._life)

    def _stand_by(self, life: int) -> None:
        """Wait until the leader is silent: two HQs that take turns would end no lease ever."""
        if life != self._life:
            return
        if self.world.now - self._leader_heard > STANDBY_SECONDS:
            self.start()
        else:
            self.world.after(1 + self.world.random.random(), lambda: self._stand_by(life))

    # --- the loop -----------------------------------------------------------------

    def receive(self, message: Inbound) -> None:
        if message.topic is topics.HQ_STATE:
            self._leader_heard = self.world.now
        elif self.up and not (self.paused and self.deaf):
            self._inbox.append(message)
            if not self.paused:
                self._step()

    def _step(self) -> None:
        authority = self.authority
        if authority is None or self.paused:
            return
        now = self.clock.monotonic()
        for message in self._inbox:
            authority.receive(message, now)
        self._inbox.clear()
        authority.tick(now)
        batch = authority.decide(now, self.clock.wall())
        if batch:
            self.oracle.on_decided(authority, batch)
            self._append(batch, self._life)
        self._perform()
        self._wake_later(authority.next_wake(now))

    def _append(self, batch: tuple[Decision, ...], life: int) -> None:
        sent = self.clock.monotonic()

        def done(outcome: str) -> None:
            if life != self._life or self.authority is None:
                return
            if self.paused:
                self.world.after(0.2, lambda: done(outcome))
            elif outcome == "committed":
                self.authority.note_log_alive(sent)
                self.authority.committed(self.clock.monotonic())
                self._step()
            elif outcome == "unknown":
                self._append(batch, life)
            elif self.steps_down:
                self._step_down()
            else:
                self.authority.committed(self.clock.monotonic())
                self._step()

        self.store.insert(self.name, batch, done)

    def _wake_later(self, seconds: float) -> None:
        life = self._life
        due = self.world.now + max(seconds, 0.05)
        if self.world.now < self._woken_at <= due:
            return
        self._woken_at = due

        def wake() -> None:
            if life == self._life and not self.paused:
                self._step()

        self.world.at(due, wake)

    def _perform(self) -> None:
        assert self.authority is not None
        for output in self.authority.take_outputs():
            if isinstance(output, Publish):
                self._publish(output)
            elif isinstance(output, Answer):
                to = output.to.names["client"]
                self._deliver(to, topics.REPLY, {"client": to}, output.reply)
            elif isinstance(output, LookUp):
                self.authority.retry(output.request, {})
            elif isinstance(output, LookUpParents):
                self._look_up(output, self.authority.state.position, self._life)

    def _look_up(self, asked: LookUpParents, position: int, life: int) -> None:
        """Answer when all that HQ knew when it asked can be read; sometimes never."""
        if life != self._life or self.authority is None or self.world.random.random() < self.lookups_lost:
            return
        if self.paused or self.store.is_away(self.name) or self.store.tail < position:
            self.world.after(0.3, lambda: self._look_up(asked, position, life))
            return
        self.authority.found_parents(asked, ends_in(self.store.decisions, asked.parents))
        self._step()

    def _publish(self, output: Publish) -> None:
        if output.topic in topics.TO_AGENT:
            self._deliver(output.names["agent"], output.topic, output.names, output.data)
        elif output.topic is topics.HQ_STATE:
            for name, node in self.nodes.items():
                if node is not self:
                    self._deliver(name, output.topic, {}, output.data)

    def _deliver(self, to: str, topic: topics.Topic, names: dict[str, str], data: object) -> None:
        message = Inbound(topic, names, "m", data)
        receive: Callable[[Inbound], None] = self.nodes[to].receive
        self.network.send(self.name, to, lambda: receive(message))
