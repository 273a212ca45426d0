"""Builds one environment with uv, in bounds: as long and as big as allowed, and until it is told to stop.

What packages run while they are built is a script's like any other: its tree of
processes is known by the marker, dies with the build, and with the agent.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agents.environments.failures import BuildStopped, EnvironmentFailure
from agents.runner.manners import Manners, apply_manners
from agents.runner.process import FreshProcess
from agents.runner.tree import AGENT_VARIABLE, ATTEMPT_VARIABLE, Tree
from agents.runner.watch import StopRequest
from schemas.recipes import Recipe

if TYPE_CHECKING:
    from agents.runner.site import Site

_PASSED = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT", "COMSPEC", "PATHEXT",
    "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
})  # fmt: skip
#: Of uv's settings, those that say where and how it works here are not the owner's to say.
_NOT_PASSED = frozenset({
    "UV_CACHE_DIR", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_BREAK_SYSTEM_PACKAGES",
    "UV_PROJECT", "UV_WORKING_DIRECTORY", "UV_WORKING_DIR", "UV_ENV_FILE", "UV_NO_CACHE", "UV_FROZEN",
    "UV_LOCKED", "UV_NO_PROJECT", "UV_NO_SYNC", "UV_VENV_SEED", "UV_VENV_CLEAR",
})  # fmt: skip
_SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|PUBLISH|CREDENTIAL")
_SAID_BYTES = 4 * 1024 * 1024
_TOLD_BYTES = 16_000
_MEASURE_SECONDS = 2.0
#: Of the disk, what is left to its owner.
FREE_BYTES = 512 * 1024**2
_FIRST_PAUSE, _LAST_PAUSE = 0.01, 0.1


class Bounds(NamedTuple):
    """Of one build."""

    seconds: float
    bytes: int


class Order(NamedTuple):
    """What is to be built, with what."""

    recipe: Recipe
    uv: str
    #: The agent's own, which is taken where the recipe allows it.
    interpreter: str
    #: No code of any package is run while it is installed.
    wheels_only: bool


class Build:
    """One build into a folder that is not there yet. Call `run` once."""

    def __init__(
        self, site: "Site", folder: Path, cache: Path, order: Order, bounds: Bounds, stop: StopRequest
    ) -> None:
        self._site, self.folder, self._cache = site, folder, cache
        self._order, self._bounds, self._stop = order, bounds, stop
        self._deadline = time.monotonic() + bounds.seconds
        self._source = folder / "source"
        self._said = folder / "said"
        self._manners = Manners()
        #: The interpreter below the environment, as it was before any package was there.
        self.base = ""

    def run(self) -> None:
        """Return when the environment is in `folder/env`, its modules compiled.

        Raises:
            EnvironmentFailure: If it cannot be built.
            BuildStopped: If its end was asked for.
            OSError: If the disk does not take it.
        """
        self._lay_out()
        uv, recipe = self._order.uv, self._order.recipe
        env = self.folder / "env"
        quiet = ["--color", "never", "--no-progress"]
        wanted = recipe.requires_python or self._order.interpreter
        self._must([uv, "venv", *quiet, "--no-project", "--python", wanted, str(env)])
        wheels = ["--no-build"] if self._order.wheels_only else []
        python = find_python(env)
        self.base = os.path.realpath(python)
        if recipe.kind == "lock":
            sync = ["sync", "--frozen", "--no-install-project", "--no-default-groups", "--no-editable"]
            self._must([uv, *sync, *quiet, *wheels, "--python", str(python)])
        else:
            first = next(iter(recipe.files))
            self._must([uv, "pip", "install", *quiet, *wheels, "--python", str(python), "-r", first])
        # By the interpreter below it and without its packages: nothing of them is run here.
        compiling = [
            *(self.base, "-I", "-S", "-m", "compileall"),
            "-q",
            *map(str, find_sites(env)),
        ]
        self._run(compiling)

    def _lay_out(self) -> None:
        self._source.mkdir(parents=True, mode=0o700)
        (self.folder / "tmp").mkdir(mode=0o700)
        self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in self._order.recipe.files.items():
            place = self._source / name
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            place.write_bytes(content)
        if not any(b"tool.uv" in content for content in self._order.recipe.files.values()):
            # Or uv would look for settings in all folders above.
            (self._source / "uv.toml").touch()

    def _must(self, words: list[str]) -> None:
        code = self._run(words)
        if code:
            said = self._read_said()
            source = self._order.recipe.source
            raise EnvironmentFailure(
                "environment_failed",
                f"the environment that {source} asks for could not be built (uv ended with {code}): "
                f"{_find_error(said)}{self._hint(said)}",
                said,
            )

    def _hint(self, said: str) -> str:
        if self._order.wheels_only and re.search(
            r"no-build|building (?:source|from source)|no usable wheel", said, re.I
        ):
            return "\nIn strict isolation only wheels are installed: ask for a version with one, or for basic"
        return ""

    def _run(self, words: list[str]) -> int:
        """Run a program to its end and return its exit code; its tree is gone then."""
        with open(self._said, "ab") as said:
            process = self._site.spawn(
                lambda: FreshProcess(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    cwd=self._source,
                    env=self._environment(),
                    start_new_session=True,
                )
            )
        tree = Tree(process.pid, self._marker, has_orphans=self._site.has_orphans)
        try:
            self._watch(process, tree)
        finally:
            # Before it is waited for: until then its session's number is its own.
            tree.kill()
            process.wait()
            self._site.forget(process.pid)
        return process.returncode

    def _watch(self, process: FreshProcess, tree: Tree) -> None:
        pause, measure_at = _FIRST_PAUSE, time.monotonic() + _MEASURE_SECONDS
        while not process.has_exited():
            if self._stop.event.wait(pause):
                raise BuildStopped
            pause = min(1.5 * pause, _LAST_PAUSE)
            if self._stop.still:
                self._stand_still(tree)
            now = time.monotonic()
            if now >= self._deadline:
                raise EnvironmentFailure(
                    "environment_failed",
                    f"the environment that {self._order.recipe.source} asks for was not built within "
                    f"{self._bounds.seconds:g} s: give the agent more with --environment-seconds",
                    self._read_said(),
                )
            if now >= measure_at:
                self._check_sizes()
                measure_at = now + _MEASURE_SECONDS
            if self._stop.manners != Manners():
                self._manners = self._stop.manners
                apply_manners(self._manners, [one.pid for one in tree.find()])

    def _stand_still(self, tree: Tree) -> None:
        began = time.monotonic()
        tree.freeze()
        try:
            while self._stop.still:
                if self._stop.event.wait(_LAST_PAUSE):
                    raise BuildStopped
        finally:
            tree.thaw()
            self._deadline += time.monotonic() - began

    def _check_sizes(self) -> None:
        source = self._order.recipe.source
        if max(measure(self.folder), measure(self._cache)) > self._bounds.bytes:
            raise EnvironmentFailure(
                "environment_too_big",
                f"the environment that {source} asks for has more than the "
                f"{self._bounds.bytes // 2**20} MiB that this machine keeps of environments: give the agent "
                "more with --environment-gb",
            )
        if shutil.disk_usage(self.folder).free < FREE_BYTES:
            raise EnvironmentFailure(
                "disk_full", f"this machine's disk has no room for the environment that {source} asks for"
            )
        if self._said.stat().st_size > _SAID_BYTES:
            raise EnvironmentFailure(
                "environment_failed",
                f"building what {source} asks for printed without end",
                self._read_said(),
            )

    def _environment(self) -> dict[str, str]:
        passed = pass_on(os.environ)
        # Where a recipe asks for a version only, the agent's own interpreter is the first to be tried.
        first = os.path.dirname(os.path.realpath(self._order.interpreter))
        return {
            **passed,
            "PATH": os.pathsep.join([first, passed.get("PATH", os.defpath)]),
            "TMPDIR": str(self.folder / "tmp"),
            "UV_CACHE_DIR": str(self._cache),
            "UV_PROJECT_ENVIRONMENT": str(self.folder / "env"),
            AGENT_VARIABLE: self._site.marker,
            ATTEMPT_VARIABLE: self._marker,
        }

    @property
    def _marker(self) -> str:
        return f"{self._site.marker}.environment.{self.folder.name}"

    def _read_said(self) -> str:
        try:
            return self._said.read_bytes()[-_TOLD_BYTES:].decode("utf-8", "replace")
        except OSError:
            return ""


def pass_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a build gets of the agent's environment: settings of uv, proxies, certificates."""
    passed = {
        name: value
        for name, value in environ.items()
        if name.upper() in _PASSED
        or name.startswith("LC_")
        or (name.startswith("UV_") and name not in _NOT_PASSED and not _SECRET.search(name))
    }
    # Copies: a script that changes its own must not change the others'.
    return {
        "UV_LINK_MODE": "copy",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PYTHON_PREFERENCE": "system",
        "UV_NO_PROGRESS": "1",
        **passed,
    }


def find_python(env: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return env / "Scripts" / "python.exe" if os.name == "nt" else env / "bin" / "python"


def find_sites(env: Path) -> list[Path]:
    """Return the folders of packages of a virtual environment."""
    return [*sorted(env.glob("lib/python3*/site-packages")), *env.glob("Lib/site-packages")]


def measure(folder: Path) -> int:
    """Return how many bytes the files below a folder have; what goes meanwhile is passed over."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def _find_error(said: str) -> str:
    """Return what uv gave as the reason, or its last lines."""
    start = max(
        said.rfind("\nerror:"),
        said.rfind("\n  \N{MULTIPLICATION SIGN} "),
        0 if said.startswith("error:") else -1,
    )
    found = said[start:].strip() if start >= 0 else "\n".join(said.strip().splitlines()[-12:])
    return found[:2000] or "it said nothing"
