"""The sandbox of one attempt in `strict`: what a script sees of the machine, as bubblewrap takes it.

    read-only    the system's programs and libraries, the interpreter and its packages, a few files of /etc
    its own      its folder, its checkpoints, an empty home, /tmp, /dev/shm, the process table
    not there    everything else: homes, the agent's folder and its keys, other attempts, /run, /var

Knows paths and flags, not how attempts run.
"""

import glob
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from agents.runner.isolation import Isolations

INSIDE = Path(__file__).with_name("inside.py")
#: Where a script that gets its secrets as files finds them: in memory only.
SECRETS = "/run/idlehands/secrets"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store")
#: Not all of /etc: passwords, private keys and settings of services are nobody's business.
_ETC = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "locale.alias", "locale.conf"),
    *("passwd", "group", "nsswitch.conf", "hosts", "host.conf", "gai.conf", "protocols", "services"),
    *("ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust", "ca-certificates", "crypto-policies"),
    *("alternatives", "fonts", "mime.types", "magic", "OpenCL", "vulkan", "glvnd", "nvidia"),
    *("os-release", "debian_version", "redhat-release", "matplotlibrc"),
)
_GPU_NODES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd", "/dev/dxg", "/dev/accel")
_RESOLV = "/etc/resolv.conf"


class Sandbox:
    """What all sandboxes of an agent share.

    Args:
        isolations: With the command that makes sandboxes here.
        interpreter: The Python of the scripts.
        hidden: Folders that no script may see, wherever they lie.
        shown: More that scripts must read, such as the module that they may import.
    """

    def __init__(
        self, isolations: Isolations, interpreter: str, hidden: Iterable[Path], shown: Iterable[Path]
    ) -> None:
        self._command = isolations.bubblewrap
        self._interpreter = interpreter
        self._hidden = sorted({os.path.realpath(path) for path in hidden})
        self._shown = [INSIDE, *shown]
        self._fixed: list[tuple[str, ...]] | None = None

    def enclose(
        self,
        words: list[str],
        *,
        folder: Path,
        private: Path,
        writable: Iterable[Path],
        network: bool,
        report: int,
        secrets: dict[str, int],
        shown: dict[Path, Path] | None = None,
    ) -> list[str]:
        """Return the command line that runs `words` in a sandbox of its own.

        Args:
            words: The script's command line; the first is the interpreter's path.
            folder: The attempt's folder, its working directory.
            private: The folder in there with `tmp`.
            writable: More folders to write to; they exist.
            network: Whether the machine's network is there.
            report: Where the sandbox's first process reports.
            secrets: A readable descriptor for each secret that becomes a file.
            shown: Folders to read only: where the script sees them, and where they lie.
        """
        mounts = [*self._fixed_mounts()]
        mounts += [("--bind", str(private / "tmp"), place) for place in ("/tmp", "/var/tmp")]  # noqa: S108 - the sandbox's own
        mounts += [("--bind", str(path), str(path)) for path in (folder, *writable)]
        mounts += [("--ro-bind", str(lies), str(seen)) for seen, lies in (shown or {}).items()]
        if network and os.path.exists(_RESOLV):
            # Often a link to below /run, which is not there.
            mounts.append(("--ro-bind", os.path.realpath(_RESOLV), _RESOLV))
        # What lies deeper is mounted later, or it would be covered.
        mounts.sort(key=lambda mount: len(Path(mount[-1]).parts))
        flags = [*self._command, *(() if network else ("--unshare-net",))]
        for mount in mounts:
            flags += mount
        for name, descriptor in secrets.items():
            flags += ["--perms", "0400", "--file", str(descriptor), f"{SECRETS}/{name}"]
        for place in ("/proc", "/dev", *self._covers(), "/"):
            flags += ["--remount-ro", place]
        flags += ["--chdir", str(folder), "--"]
        return [*flags, self._interpreter, "-I", "-S", str(INSIDE), str(report), *words]

    @property
    def has_own_users(self) -> bool:
        """Tell whether sandboxes here have a user namespace of their own."""
        return "--unshare-user" in self._command

    @property
    def can_be_warm(self) -> bool:
        """Tell whether a warm interpreter's sandbox can be made into its scripts': /tmp must hide nothing."""
        return not any(_is_below(mount[-1], ("/tmp", "/var/tmp")) for mount in self._fixed_mounts())  # noqa: S108

    def enclose_warm(self, words: list[str], *, folders: Iterable[Path], network: bool) -> list[str]:
        """Return the command line that runs a warm interpreter in a sandbox without any job's files.

        It keeps its capabilities in there, to make the sandboxes of its
        scripts, and sees `folders` whole; its scripts do neither.
        """
        mounts = [*self._fixed_mounts()]
        mounts += [("--tmpfs", place) for place in ("/tmp", "/var/tmp")]  # noqa: S108 - the sandbox's own
        mounts += [("--bind", str(path), str(path)) for path in folders]
        if network and os.path.exists(_RESOLV):
            mounts.append(("--ro-bind", os.path.realpath(_RESOLV), _RESOLV))
        mounts.sort(key=lambda mount: len(Path(mount[-1]).parts))
        # A process that may do all in there forbids further user namespaces itself.
        command = [word for word in self._command if word not in ("--disable-userns", "--cap-drop", "ALL")]
        flags = [*command, "--cap-add", "ALL", *(() if network else ("--unshare-net",))]
        for mount in mounts:
            flags += mount
        for place in ("/dev", *self._covers(), "/"):
            flags += ["--remount-ro", place]
        return [*flags, "--chdir", "/", "--", *words]

    def _covers(self) -> list[str]:
        return [
            mount[-1] for mount in self._fixed_mounts() if mount[0] == "--tmpfs" and mount[-1] in self._hidden
        ]

    def _fixed_mounts(self) -> list[tuple[str, ...]]:
        if self._fixed is None:
            self._fixed = self._find_mounts()
        return self._fixed

    def _find_mounts(self) -> list[tuple[str, ...]]:
        mounts: list[tuple[str, ...]] = [("--proc", "/proc"), ("--dev", "/dev"), ("--tmpfs", "/dev/shm")]  # noqa: S108
        for path in _SYSTEM:
            if os.path.islink(path):
                mounts.append(("--symlink", os.readlink(path), path))
            elif os.path.isdir(path):
                mounts.append(("--ro-bind", path, path))
        # Under its own name: /etc holds links into itself.
        mounts += [("--ro-bind-try", f"/etc/{name}", f"/etc/{name}") for name in _ETC]
        gpus = sorted(found for pattern in _GPU_NODES for found in glob.glob(pattern))
        mounts += [("--dev-bind-try", node, node) for node in gpus]
        system = "/sys" if gpus else "/sys/devices/system"
        mounts.append(("--ro-bind-try", system, system))
        seen = [mount[-1] for mount in mounts if mount[0] == "--ro-bind"]
        for path in self._python():
            if path != "/" and not _is_below(path, seen):
                mounts.append(("--ro-bind", path, path))
                seen.append(path)
        covered = [path for path in self._hidden if _is_below(path, seen)]
        mounts += [("--tmpfs", path) for path in covered]
        # Packages that lie inside of what is hidden come back, deeper.
        mounts += [("--ro-bind", path, path) for path in self._python() if _is_below(path, covered)]
        return mounts

    def _python(self) -> list[str]:
        """Return what the interpreter needs, the outer before the inner."""
        needed = {str(path) for path in self._shown}
        needed.update(_read_prefixes(self._interpreter))
        needed.update(_follow_links(self._interpreter))
        home = os.path.expanduser("~")
        for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
            # Libraries, but never a whole home with them.
            if os.path.isabs(folder) and os.path.isdir(folder) and not _is_below(home, [folder]):
                needed.add(folder)
        kept = {path for path in needed if os.path.exists(path)}
        return sorted(kept, key=lambda path: (len(Path(path).parts), path))


def _read_prefixes(interpreter: str) -> set[str]:
    """Return the folders of an interpreter and, in a virtual environment, of the one below it."""
    if os.path.abspath(interpreter) == os.path.abspath(sys.executable):
        return {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    import json
    import subprocess

    ask = (
        "import json, sys; "
        "print(json.dumps([sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]))"
    )
    try:
        said = subprocess.run([interpreter, "-I", "-c", ask], capture_output=True, timeout=30, check=True)
        return set(json.loads(said.stdout))
    except (OSError, ValueError, subprocess.SubprocessError):
        # It cannot be run here either: whoever starts it says why.
        return set()


def _follow_links(program: str) -> set[str]:
    """Return the links that lead to a program, and the program."""
    found: set[str] = set()
    path = os.path.abspath(program)
    while path not in found:
        found.add(path)
        if os.path.islink(path):
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
    found.add(os.path.realpath(program))
    return found


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)
