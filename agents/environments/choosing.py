"""What one attempt runs in: the agent's own interpreter, a named one, or an environment built for it."""

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from agents.environments.building import Order
from agents.environments.failures import EnvironmentFailure, EnvironmentMissing
from agents.environments.limits import EnvironmentLimits
from agents.environments.offered import InterpretersBroken, find_interpreters, find_uv
from agents.environments.store import BUILD_SECONDS, Built, EnvironmentStore
from agents.runner.sandbox import Sandbox
from agents.runner.surroundings import Surroundings
from agents.runner.watch import StopRequest
from schemas.isolation import Isolation
from schemas.recipes import Recipe, RecipeBroken, find_recipe
from schemas.specs import BUILT, Needs

if TYPE_CHECKING:
    from agents.runner.site import Site

_KEPT_AT_MOST = 64
#: Where uv asks for packages when nothing else is said.
_USUAL_HOSTS = frozenset({"pypi.org", "files.pythonhosted.org"})
_INDEX_VARIABLES = ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_FIND_LINKS")


class Chosen(Struct, frozen=True):
    """What an attempt runs in."""

    python: str
    sandbox: Sandbox
    surroundings: Surroundings | None
    #: Whether it is the agent's own interpreter.
    is_own: bool = True
    #: Whether it is the interpreter that the agent's own is made of.
    is_same_python: bool = True
    #: The environment that was built, which its sandbox must show.
    folder: Path | None = None
    key: str = ""
    #: Which time it was built: it may be removed, and built anew in its place.
    made: str = ""

    def may_be_warm(self, is_sandboxed: bool) -> bool:
        """Tell whether scripts may be forked from an interpreter in there.

        Not in `strict`: a warm interpreter holds the rights to make its scripts' sandboxes, so it runs
        nothing that a job brought.
        """
        return self.is_own or (self.is_same_python and not is_sandboxed)

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return a script's variables as they are in there."""
        if self.is_own:
            return dict(environment)
        changed = {name: value for name, value in environment.items() if name != "VIRTUAL_ENV"}
        if self.folder is not None:
            changed["VIRTUAL_ENV"] = str(self.folder)
            changed["PATH"] = os.pathsep.join([os.path.dirname(self.python), changed.get("PATH", os.defpath)])
        return changed


class Environments:
    """Those of one agent. Safe to use from several threads."""

    def __init__(self, site: "Site", own: Chosen, limits: EnvironmentLimits) -> None:
        self._site, self.own = site, own
        self._store = EnvironmentStore(
            site,
            site.home / "environments",
            quota_bytes=limits.bytes,
            seconds=limits.seconds or BUILD_SECONDS,
        )
        self._lock = threading.Lock()
        self._others: dict[tuple[str, str], Chosen] = {}

    def choose(
        self, needs: Needs, script: Path, level: Isolation, stop: StopRequest, tell: Callable[[str], None]
    ) -> Chosen:
        """Return what a script runs in, built where needed. Give it back.

        Args:
            needs: Of the job.
            script: In the attempt's folder, where the files that it needs lie too.
            level: At which it will run.
            stop: Of the attempt.
            tell: Is told what takes its time.

        Raises:
            EnvironmentFailure: If it cannot be built.
            EnvironmentMissing: If this machine has nothing of that name, or no uv.
            BuildStopped: If the end of the attempt was asked for meanwhile.
        """
        if needs.environment is None:
            return self.own
        if needs.environment == BUILT:
            return self._build(needs, script, level, stop, tell)
        try:
            python = find_interpreters(self._site.home).get(needs.environment)
        except InterpretersBroken as error:
            raise EnvironmentMissing(str(error)) from None
        if python is None:
            raise EnvironmentMissing(f"this machine has no interpreter {needs.environment}")
        return self._other(python, python)

    def give_back(self, chosen: Chosen) -> None:
        """Let it be removed when room is needed."""
        if chosen.key:
            self._store.give_back(chosen.key)

    def _build(
        self, needs: Needs, script: Path, level: Isolation, stop: StopRequest, tell: Callable[[str], None]
    ) -> Chosen:
        uv = find_uv()
        if uv is None:
            raise EnvironmentMissing(
                "this machine cannot build the environment that the script asks for: uv is not installed "
                "(pip install uv in the agent's environment)"
            )
        recipe = _find(script)
        if level == "strict" and not needs.network:
            _check_hosts(recipe)
        order = Order(recipe, uv, self.own.python, wheels_only=level == "strict")
        built = self._store.take(order, stop, tell)
        return self._other(str(built.python), built.base, built)

    def _other(self, python: str, base: str, built: Built | None = None) -> Chosen:
        made = built.made if built else ""
        with self._lock:
            known = self._others.get((python, made))
            if known is None:
                known = Chosen(
                    python,
                    # Of the interpreter below it: nothing that a job brought is run outside of its sandbox.
                    self._site.make_sandbox(base),
                    self._site.make_surroundings(base, list(built.sites) if built else None, made or python),
                    is_own=False,
                    is_same_python=os.path.realpath(python) == os.path.realpath(self.own.python),
                    folder=built.folder if built else None,
                    key=built.key if built else "",
                    made=made,
                )
                self._others[python, made] = known
                if len(self._others) > _KEPT_AT_MOST:
                    del self._others[next(iter(self._others))]
            return known


def _find(script: Path) -> Recipe:
    def read(name: str) -> bytes | None:
        path = script.parent / name
        return path.read_bytes() if path.is_file() else None

    try:
        recipe = find_recipe(script.name, read)
    except RecipeBroken as error:
        raise EnvironmentFailure("environment_failed", str(error)) from None
    if recipe is None:
        raise EnvironmentFailure(
            "environment_failed",
            f"{script.name} asks for an environment, but nothing says what is in it: give it a PEP 723 "
            "header, or a requirements.txt, pyproject.toml or uv.lock in its folder (and in the bundle)",
        )
    return recipe


def _check_hosts(recipe: Recipe) -> None:
    """Refuse addresses that the owner did not name: the script was promised no network.

    Raises:
        EnvironmentFailure: Naming them.
    """
    named = " ".join(os.environ.get(variable, "") for variable in _INDEX_VARIABLES).replace(",", " ").split()
    own = {
        urlsplit(url.partition("=")[2] if "=" in url.partition("://")[0] else url).hostname for url in named
    }
    strange = [host for host in recipe.hosts if host not in _USUAL_HOSTS | own]
    if strange:
        raise EnvironmentFailure(
            "environment_failed",
            f"{recipe.source} names {', '.join(strange[:5])}, and in strict isolation without the network "
            "only the package index of the machine is asked: submit with --network, or leave the address out",
        )
