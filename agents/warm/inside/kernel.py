"""Calls to Linux that Python has no words for, by ctypes. Knows numbers and structs, no policy."""

import ctypes
import os

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWPID, NEWNET = 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND = 1, 2, 4, 8, 32, 4096
_OPEN_TREE, _MOVE_MOUNT = 428, 429
_CLONE, _CLOEXEC, _NO_FOLLOW, _EMPTY_PATH = 1, 0o2000000, 0x100, 4
_HERE = -100
_CAP_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(kinds: int) -> None:
    """Make namespaces of one's own. Raises OSError."""
    _check(libc.unshare(kinds), "unshare")


def enter(descriptor: int, kinds: int) -> None:
    """Enter namespaces, of a process by its pidfd or one by its own descriptor. Raises OSError."""
    _check(libc.setns(descriptor, kinds), "setns")


def mount(kind: str, place: str, flags: int, options: str = "") -> None:
    """Mount a new file system of a kind. Raises OSError."""
    _check(libc.mount(kind.encode(), os.fsencode(place), kind.encode(), flags, options.encode()), place)


def make_read_only(place: str, flags: int) -> None:
    """Make a mount read-only. Raises OSError."""
    _check(libc.mount(b"none", os.fsencode(place), None, REMOUNT | BIND | RDONLY | flags, None), place)


def pick_up(place: str) -> int:
    """Return a mount of a folder that has no place yet. Raises OSError."""
    flags = _CLONE | _CLOEXEC | _NO_FOLLOW
    return _check(libc.syscall(_OPEN_TREE, _HERE, os.fsencode(place), flags), place)


def put_down(tree: int, place: str) -> None:
    """Give a place to what was picked up, and close it. Raises OSError."""
    _check(libc.syscall(_MOVE_MOUNT, tree, b"", _HERE, os.fsencode(place), _EMPTY_PATH), place)
    os.close(tree)


def collapse(address: int, size: int) -> None:
    """Make one large page of many small ones. Raises OSError."""
    # 25 is MADV_COLLAPSE.
    _check(libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), 25), "madvise")


class Layout:
    """Where the kernel reads a process's command line and environment, and all else that it keeps of it."""

    def __init__(self) -> None:
        with open("/proc/self/stat", "rb") as file:
            line = file.read()
        fields = line[line.rindex(b")") + 2 :].split()
        #: Code, data, the heap's begin and end, stack, command line, environment: a `struct prctl_mm_map`.
        self._places = [int(fields[at]) for at in (23, 24, 42, 43, 44, 44, 25, 45, 46, 47, 48)]
        #: Addresses and lengths.
        self.arguments = (self._places[7], self._places[8] - self._places[7])
        self.environment = (self._places[9], self._places[10] - self._places[9])

    def cut(self, arguments: int, environment: int) -> None:
        """Let both end after so many bytes. A kernel that was built without that shows the rest too."""
        places = [*self._places]
        libc.sbrk.restype = ctypes.c_void_p
        places[5] = libc.sbrk(0)
        places[8] = places[7] + arguments
        places[10] = places[9] + environment
        told = (ctypes.c_uint64 * 13)(*places, 0, 0xFFFFFFFF << 32)
        # 35, 14 is PR_SET_MM, PR_SET_MM_MAP; no auxiliary vector, and no other program file.
        libc.prctl(35, 14, told, ctypes.sizeof(told), 0)


def drop_rights() -> None:
    """Give up every capability for good, in this process and in all it will start. Raises OSError."""
    for number in range(64):
        # 24 is PR_CAPBSET_DROP; past the last one the kernel refuses.
        if libc.prctl(24, number, 0, 0, 0) < 0:
            break
    # 47, 4 is PR_CAP_AMBIENT_CLEAR_ALL, 38 is PR_SET_NO_NEW_PRIVS.
    libc.prctl(47, 4, 0, 0, 0)
    _check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(libc.capset(header, nothing), "capset")


def raise_loopback() -> None:
    """Bring up the network device of a network that leads nowhere, if that is possible."""
    import fcntl
    import struct
    from _socket import AF_INET, SOCK_DGRAM, socket

    plug = socket(AF_INET, SOCK_DGRAM)
    try:
        # SIOCSIFFLAGS with IFF_UP and IFF_RUNNING.
        fcntl.ioctl(plug.fileno(), 0x8914, struct.pack("16sH14x", b"lo", 0x41))
    except OSError:
        pass
    finally:
        plug.close()
