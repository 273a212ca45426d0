"""The folder of a machine that has joined: who it is, and what `idlehands agent` then needs no flags for.

    key.pem sign.key seal.key    made here; they never leave this machine
    ca.pem cert.pem token ...    what HQ gave
    joined.json                  name, role and broker; written last, so with it the folder is whole
    home/                        the state of the agent

It lies in the platform's data folder, or in IDLEHANDS_HOME, like a house.
"""

import re
from pathlib import Path

import msgspec

from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import HouseError, default_home_path
from idlehands.house.registry import check_name
from idlehands.pairing.messages import Admission

_FILE = "joined.json"
#: What HQ may write besides; no name from elsewhere becomes a path.
_EXTRA_FILE = re.compile(r"(?!joined\.)[a-z][a-z0-9-]{0,31}\.json")


class NotJoined(HouseError):
    """This machine belongs to no house."""


class Joined(msgspec.Struct, frozen=True):
    """What `joined.json` holds."""

    name: str
    role: str
    #: HOST:PORT.
    broker: str
    #: REST of that house is https; who owns its broker cannot say otherwise.
    https: bool = False


def joined_folder() -> Path:
    """Return where it is or would be."""
    return default_home_path() / "joined"


def has_joined(folder: Path | None = None) -> bool:
    """Tell whether this machine has joined a house, and has none of its own."""
    return ((folder or joined_folder()) / _FILE).is_file() and not (
        default_home_path() / "house.json"
    ).exists()


def read_joined(folder: Path | None = None) -> Joined:
    """Return who this machine is.

    Raises:
        NotJoined: If it has joined no house.
        HouseError: If the file cannot be understood.
    """
    file = (folder or joined_folder()) / _FILE
    try:
        joined = msgspec.json.decode(file.read_bytes(), type=Joined)
        check_name(joined.name)
    except FileNotFoundError:
        raise NotJoined(
            f"This machine has joined no house: {file} is missing. `idlehands pair` on the HQ host prints "
            "the line that lets it join."
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise HouseError(
            f"{file} cannot be understood: {error}. Remove its folder and join once more."
        ) from error
    return joined


def store_admission(folder: Path, admission: Admission) -> Joined:
    """Write what HQ gave beside the keys; `joined.json` last. Safe to repeat.

    Raises:
        HouseError: If HQ sent what cannot be stored, or it cannot be written.
    """
    joined = Joined(check_name(admission.name), admission.role, admission.broker, admission.https)
    if not all(map(_EXTRA_FILE.fullmatch, admission.files)):
        raise HouseError("HQ sent files that this version does not know. Are both of the same version?")
    try:
        make_private_folder(folder)
        files = {"ca.pem": admission.ca, "cert.pem": admission.certificate, "token": admission.token + "\n"}
        for name, content in (admission.files | files).items():
            write_private(folder / name, content)
        write_private(folder / _FILE, msgspec.json.format(msgspec.json.encode(joined)) + b"\n")
    except OSError as error:
        raise HouseError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return joined
