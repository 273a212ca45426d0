"""Scripts that attack from inside of `strict`: each fails. And links that lead an agent astray, anywhere."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agents.runner.isolation import Isolations, find_isolations
from schemas.facts import AttemptResult
from schemas.specs import Needs
from tests.unit.agents.runner.attempts import Bench, eventually
from tests.unit.agents.runner.conftest import BlobServer

pytestmark = pytest.mark.skipif(
    "strict" not in find_isolations().levels, reason=find_isolations().why_not_strict
)
KEYS = ("key.pem", "sign.key", "seal.key", "trust.json", "token")
#: Tries to read each path of its arguments and prints what it got.
READ = """
import json, os, sys
def read(path):
    try:
        if os.path.isdir(path): return sorted(os.listdir(path))
        return open(path, 'rb').read(20).decode('utf-8', 'replace')
    except OSError as error: return {'refused': error.strerror}
print(json.dumps({path: read(path) for path in sys.argv[1:]}))
"""
#: Tries to write each path and prints which it could.
WRITE = """
import json, sys
done = []
for path in sys.argv[1:]:
    try:
        with open(path, 'a') as file: file.write('x')
        done.append(path)
    except OSError: pass
print(json.dumps({'written': done}))
"""
#: Tries to reach each HOST:PORT.
CONNECT = """
import json, socket, sys
reached = []
for word in sys.argv[1:]:
    host, _, port = word.rpartition(':')
    try:
        socket.create_connection((host, int(port)), 2).close(); reached.append(word)
    except OSError: pass
s = socket.socket(socket.AF_UNIX)
try: s.connect('\\0idlehands-test'); reached.append('abstract')
except OSError: pass
print(json.dumps({'reached': reached, 'devices': [name for _, name in socket.if_nameindex()]}))
"""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """An agent's folder with its keys, as beside its home."""
    folder = tmp_path / "certificate"
    folder.mkdir()
    for name in KEYS:
        (folder / name).write_text(f"TOP SECRET {name}")
    return folder


@pytest.fixture(params=[False, True], ids=["started", "forked"])
def strict(tmp_path: Path, certificate: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(
        *(tmp_path,),
        upload_patience_seconds=0.3,
        isolations=find_isolations("strict"),
        hidden=[certificate],
        is_warm=request.param,
    )
    yield bench
    bench.close()


@pytest.fixture(params=["basic", "strict"])
def either(request: pytest.FixtureRequest, tmp_path: Path, rest: BlobServer) -> Iterator[Bench]:
    level = request.param
    isolations = find_isolations("strict") if level == "strict" else Isolations(("basic",))
    bench = Bench(tmp_path, rest.url, upload_patience_seconds=5, isolations=isolations)
    yield bench
    bench.close()


def attack(bench: Bench, source: str, *argv: str, **spec: Any) -> dict[str, Any]:
    result = bench.run(source, argv=argv, **spec)
    assert result.result is not None, (result.failure, bench.lines(result.token))
    return result.result


def is_refused(found: Any) -> bool:
    return isinstance(found, dict) and found["refused"] == "No such file or directory"


def test_the_agents_keys_are_not_there(strict: Bench, certificate: Path) -> None:
    paths = [str(certificate / name) for name in KEYS]
    paths += [str(strict.home / name) for name in ("spool.db", "bundles", "lock", "kept", "outgoing")]
    assert all(map(is_refused, attack(strict, READ, *paths).values()))


def test_homes_and_what_services_keep_are_not_there(strict: Bench) -> None:
    paths = ["/home", "/etc/shadow", "/etc/gshadow", "/etc/ssh", "/etc/sudoers", "/etc/ssl/private"]
    paths += ["/var/log", "/var/lib", "/run/docker.sock", "/boot", "/mnt", "/srv", "/proc/kcore"]
    found = attack(strict, READ, *paths, os.path.expanduser("~/.ssh"), os.path.expanduser("~/.bashrc"))
    allowed = {path: content for path, content in found.items() if not is_refused(content)}
    assert allowed.keys() <= {"/proc/kcore"}
    assert all("refused" in content for content in allowed.values())


def test_folders_on_the_way_show_nothing_but_the_way(strict: Bench) -> None:
    python = Path(sys.base_prefix)
    listed = attack(strict, READ, "/", str(python.parent), str(strict.home), str(strict.home / "attempts"))
    system = {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "opt", "proc", "run", "sbin", "sys"}
    needed = (sys.prefix, sys.base_prefix, __file__, str(strict.home))
    assert set(listed["/"]) <= system | {"tmp", "usr", "var"} | {Path(path).parts[1] for path in needed}
    assert (
        python.parent == Path("/")
        or python.is_relative_to("/usr")
        or listed[str(python.parent)] == [python.name]
    )
    assert listed[str(strict.home)] == ["attempts", "checkpoints"]
    assert listed[str(strict.home / "attempts")] == ["jaaaaaaaaaaaa.1"]


def test_a_neighbours_folder_is_not_there(strict: Bench) -> None:
    neighbour = strict.start(
        "import time; open('mine', 'w').write('x'); print('ready', flush=True); time.sleep(60)"
    )
    strict.wait_line(neighbour, "ready")
    folder = strict.home / "attempts" / f"jaaaaaaaaaaaa.{neighbour}"
    assert (folder / "mine").exists()

    found = attack(strict, READ, str(folder), str(folder / "mine"), str(folder.parent))

    assert is_refused(found[str(folder)])
    assert is_refused(found[str(folder / "mine")])
    assert found[str(folder.parent)] == [f"jaaaaaaaaaaaa.{neighbour + 1}"]
    strict.runner.stop("jaaaaaaaaaaaa", neighbour, at_once=True)
    strict.wait_stopped(neighbour)


def test_an_agent_that_lives_in_the_folder_of_its_packages_is_covered(tmp_path: Path) -> None:
    import venv

    venv.create(tmp_path / "own", with_pip=False, symlinks=True)
    keys = tmp_path / "own" / "house" / "agents" / "attic"
    keys.mkdir(parents=True)
    (keys / "key.pem").write_text("TOP SECRET")
    bench = Bench(
        keys, isolations=find_isolations("strict"), hidden=[tmp_path / "own" / "house"],
        interpreter=str(tmp_path / "own" / "bin" / "python"),
    )  # fmt: skip
    # As whoever may do everything in namespaces of its own: what covers must not come off.
    uncover = (
        "import ctypes, os, sys\nlibc = ctypes.CDLL(None)\n"
        "libc.unshare(0x10000000 | 0x00020000)\n"
        "for path in sys.argv[1:]:\n"
        "    for parent in (path, *[path.rsplit('/', n)[0] for n in range(1, 5)]):\n"
        "        libc.umount2(parent.encode(), 2)\n" + READ
    )
    try:
        for source in (READ, uncover):
            assert is_refused(attack(bench, source, str(keys / "key.pem"))[str(keys / "key.pem")])
        assert attack(bench, WRITE, str(keys / "x"), str(tmp_path / "own" / "x")) == {"written": []}
    finally:
        bench.close()


@pytest.fixture
def listeners() -> Iterator[list[str]]:
    """Servers on this machine: on loopback, on its address in the network, on an abstract socket."""
    addresses = ["127.0.0.1"]
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            addresses.append(probe.getsockname()[0])
        except OSError:
            pass
    with closing(socket.socket(socket.AF_UNIX)) as abstract:
        abstract.bind("\0idlehands-test")
        abstract.listen()
        opened = [socket.create_server((address, 0)) for address in addresses]
        yield [f"{address}:{one.getsockname()[1]}" for address, one in zip(addresses, opened, strict=True)]
        for one in opened:
            one.close()


def test_there_is_no_network_unless_it_is_asked_for(strict: Bench, listeners: list[str]) -> None:
    closed = attack(strict, CONNECT, *listeners, "192.0.2.1:443")
    assert closed == {"reached": [], "devices": ["lo"]}

    asked = attack(strict, CONNECT, *listeners, needs=Needs(isolation="strict", network=True))
    assert asked["reached"] == [*listeners, "abstract"]


def test_the_agent_and_other_processes_are_neither_seen_nor_reached(strict: Bench) -> None:
    source = (
        "import json, os, sys\npids = [int(name) for name in os.listdir('/proc') if name.isdigit()]\n"
        "killed = []\nfor pid in [int(sys.argv[1]), *range(3, 60000)]:\n"
        "    if pid == os.getpid(): continue\n"
        "    try: os.kill(pid, 9); killed.append(pid)\n    except OSError: pass\n"
        "try: os.kill(1, 9)\nexcept OSError: pass\n"
        "print(json.dumps({'seen': pids, 'me': os.getpid(), 'killed': killed,"
        " 'words': [open(f'/proc/{pid}/cmdline').read()[:30] for pid in pids if pid != os.getpid()]}))"
    )
    found = attack(strict, source, str(os.getpid()))
    assert (found["killed"], found["me"] < 10, len(found["seen"])) == ([], True, 2)


@pytest.mark.parametrize(
    "way",
    [
        "os.setsid()\n",
        "os.setsid()\n    if os.fork(): os._exit(0)\n    for fd in range(3): os.close(fd)\n",
        "for number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)\n",
    ],
)
def test_nothing_outlives_its_attempt(strict: Bench, way: str) -> None:
    word = f"outliver-{time.monotonic_ns()}"
    linger = (
        f"os.execve(sys.executable, [sys.executable, '-c', 'import time; time.sleep(300)', '{word}'], {{}})"
    )
    strict.run(f"import os, signal, sys\nif os.fork() == 0:\n    {way}    {linger}\nprint('over')")

    def left() -> list[bytes]:
        found = []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and word.encode() in (words := Path(f"/proc/{name}/cmdline").read_bytes()):
                    found.append(words)
            except OSError:
                continue
        return found

    eventually(lambda: not left(), "everything is gone")


@pytest.mark.parametrize("is_warm", [False, True], ids=["started", "forked"])
def test_nothing_outlives_an_agent_that_is_killed(tmp_path: Path, is_warm: bool) -> None:
    word = f"outliver-{time.monotonic_ns()}"
    script = "import os, time\nif os.fork() == 0: os.setsid()\nprint('ready', flush=True)\ntime.sleep(300)"
    agent = (
        "import time\nfrom pathlib import Path\nfrom agents.runner.isolation import find_isolations\n"
        "from tests.unit.agents.runner.attempts import Bench\n"
        f"bench = Bench(Path({str(tmp_path)!r}), isolations=find_isolations('strict'), is_warm={is_warm})\n"
        f"token = bench.start({script!r}, argv=({word!r},))\nbench.wait_line(token, 'ready')\n"
        "print('ready', flush=True)\ntime.sleep(300)"
    )
    process = subprocess.Popen([sys.executable, "-c", agent], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    def left() -> int:
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        return sum(word in line and "Bench" not in line for line in listed.splitlines())

    assert left() >= 2
    process.kill()
    process.wait()
    process.stdout.close()
    eventually(lambda: left() == 0, "everything died with the agent")


def test_nothing_is_written_outside_of_its_own_folder(strict: Bench, certificate: Path) -> None:
    paths = ["/x", "/dev/x", "/usr/x", "/etc/passwd", "/etc/x", "/opt/x", "/sys/x", "/run/x", "/var/x"]
    paths += ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"]
    paths += [str(certificate / "x"), str(strict.home / "x"), str(strict.home / "attempts" / "x")]
    paths += [str(strict.scripts / "x"), str(Path(json.__file__).parent / "x"), __file__]
    before = {path: os.path.getmtime(path) for path in paths if os.path.exists(path)}

    # Below /tmp everything is its own, the way to its folder too.
    written = attack(strict, WRITE, *paths)["written"]
    assert [path for path in written if not path.startswith("/tmp/")] == []
    assert [path for path in written if os.path.exists(path)] == []
    assert {path: os.path.getmtime(path) for path in before} == before

    name = f"mine-{time.monotonic_ns()}"
    own = [f"/tmp/{name}", f"/var/tmp/{name}", f"/dev/shm/{name}", name]
    assert attack(strict, WRITE, *own)["written"] == own
    assert [path for path in own if os.path.exists(path)] == []


def test_no_rights_are_gained(strict: Bench) -> None:
    source = (
        "import ctypes, json, os\nlines = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "mounted = libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)\n"
        "made = os.system('mknod /tmp/disk b 8 0 2>/dev/null')\n"
        "print(json.dumps({'caps': lines['CapEff'].strip() + lines['CapBnd'].strip(),"
        " 'new': lines['NoNewPrivs'].strip(), 'mount': mounted, 'mknod': made != 0}))"
    )
    assert attack(strict, source) == {"caps": "0" * 32, "new": "1", "mount": -1, "mknod": True}


# --- links, at both levels -------------------------------------------------------------


def test_a_link_among_the_saved_files_is_not_followed(
    either: Bench, rest: BlobServer, tmp_path: Path
) -> None:
    target = tmp_path / "key.pem"
    target.write_text("TOP SECRET")
    result = either.run(
        f"import os\nsaved = os.environ['IDLEHANDS_SAVED']; os.makedirs(saved)\n"
        f"os.symlink({str(target)!r}, saved + '/model.pt')\nos.mkfifo(saved + '/pipe')\n"
        "os.mkdir(saved + '/folder')\nopen(saved + '/honest', 'w').write('fine')\n"
        "open(saved + '/-rf; x', 'w').write('name')"
    )
    notes = {note.split(":")[0]: note for note in result.notes}
    assert "saved honest" in notes
    assert all("is no plain file" in notes[f"saved {name!r}"] for name in ("model.pt", "pipe", "folder"))
    assert "letters, digits" in notes["saved '-rf; x'"]
    assert [content for content in rest.blobs.values() if b"SECRET" in content] == []


@pytest.mark.parametrize("swapped", [".idlehands/saved", ".idlehands"])
def test_a_folder_that_became_a_link_is_not_followed(
    either: Bench, rest: BlobServer, tmp_path: Path, swapped: str
) -> None:
    target = tmp_path / "certificate"
    (target / "saved").mkdir(parents=True)
    for folder in (target, target / "saved"):
        (folder / "key.pem").write_text("TOP SECRET")
    token = either.start(
        f"import os, time\nif os.path.lexists({swapped!r}): os.rename({swapped!r}, 'aside')\n"
        f"os.symlink({str(target)!r}, {swapped!r})\nprint('ready', flush=True)\n"
        "while not (os.path.exists('aside/stop') or os.path.exists('.idlehands/stop')): time.sleep(0.01)\n"
        "print('{\"pad\": \"' + 'x' * 300_000 + '\"}')"
    )
    either.wait_line(token, "ready")
    either.runner.wind_down("jaaaaaaaaaaaa", token)
    result: AttemptResult = either.wait_result(token)

    assert result.result_blob is not None
    assert [content for content in rest.blobs.values() if b"SECRET" in content] == []
    assert sorted(os.listdir(target)) == ["key.pem", "saved"]
    assert os.listdir(target / "saved") == ["key.pem"]
    assert (target / "key.pem").read_text() == "TOP SECRET"


def test_a_file_that_the_agent_writes_is_no_link_of_the_scripts(either: Bench, tmp_path: Path) -> None:
    target = tmp_path / "authorized_keys"
    target.write_text("mine")
    for name in ("result.json", "_result.json", "stop", "stdin.json"):
        either.run(
            f"import os\npath = '.idlehands/{name}'\nif os.path.lexists(path): os.unlink(path)\n"
            f"os.symlink({str(target)!r}, path)\nprint('{{\"pad\": \"' + 'x' * 300_000 + '\"}}')",
            params={"a": 1},
            arguments="stdin",
        )
    assert target.read_text() == "mine"


def test_links_exchanged_while_the_agent_looks_lead_nowhere(
    either: Bench, rest: BlobServer, tmp_path: Path
) -> None:
    target = tmp_path / "certificate"
    target.mkdir()
    (target / "stop-me").write_text("TOP SECRET")
    token = either.start(
        "import os, time\nos.makedirs('.idlehands/saved')\nprint('ready', flush=True)\n"
        "end = time.time() + 1.5\nwhile time.time() < end:\n    for link in ('stop', 'saved/model'):\n"
        "        path = '.idlehands/' + link\n"
        f"        try: os.symlink({str(target)!r} + '/' + link.rpartition('/')[2] + '-me', path)\n"
        "        except OSError: pass\n        try: os.unlink(path)\n        except OSError: pass\n"
    )
    either.wait_line(token, "ready")
    stirring = threading.Event()

    def stir() -> None:
        while not stirring.is_set():
            either.runner.wind_down("jaaaaaaaaaaaa", token)

    thread = threading.Thread(target=stir)
    thread.start()
    try:
        either.wait_result(token)
    finally:
        stirring.set()
        thread.join()
    assert os.listdir(target) == ["stop-me"]
    assert (target / "stop-me").read_text() == "TOP SECRET"
    assert [content for content in rest.blobs.values() if b"SECRET" in content] == []
