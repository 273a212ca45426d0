"""The checkpoint folder of one attempt: taken up from where the job stands, and stored while it grows.

    restore --> the script runs: looked at now and then, stored when it changed and is quiet --> finish

The folder stays on this machine between attempts. Beside it lies the token of
the last attempt here: what HQ names is fetched only when it is of a later
one, as a machine that was killed may have come further than it could tell.
"""

import contextlib
import errno
import os
import secrets
import shutil
import threading
import time
from pathlib import Path

from agents.blobs import BlobBroken, BlobRefused, BlobUnavailable
from agents.bundles import BundleUnreachable
from agents.pack import Packed, PackTooBig, Signature, pack, read_signature
from agents.runner.port import RunCheckpoint
from agents.runner.site import Site
from agents.runner.watch import StopRequest
from agents.runner.workspace import Workspace
from agents.unpack import BundleBroken, Rules, unpack
from schemas.facts import Checkpoint
from schemas.messages import Grant

BYTES_AT_MOST = 2 * 1024**3
FILES_AT_MOST = 10_000
_RULES = Rules(FILES_AT_MOST, BYTES_AT_MOST + 64 * 1024**2, is_zipped=False, is_a_scripts_own=True)
#: A file that was written to this recently may be half written.
_QUIET_SECONDS = 1.0
_QUIET_TRIES = 5
#: Storing takes at most one part in so many of the time, and of the network.
_SHARE = 20
_BYTES_PER_SECOND = 2 * 1024**2
_FETCH_SECONDS = 15.0
#: The machine is wanted back, or the job waits to be tried again.
_LAST_PATIENCE_SECONDS = 15.0


class Checkpoints:
    """One attempt's. `glance` and `finish` are called from the attempt's own thread."""

    def __init__(self, grant: Grant, site: Site, workspace: Workspace, stop: StopRequest) -> None:
        self._grant, self._site, self._workspace, self._stop = grant, site, workspace, stop
        self._folder = workspace.checkpoints
        #: What of the folder is stored; None while nothing is known of it.
        self._stored: Signature | None = ()
        #: What was fetched, until something else is stored.
        self._fetched: Checkpoint | None = None
        self._over = threading.Event()
        self._given_up = threading.Event()
        self._thread: threading.Thread | None = None
        self._cost_seconds = 0.0
        self._bytes = 0
        #: For people: what could not be stored or restored, and why.
        self.notes: list[str] = []

    def restore(self) -> None:
        """Put the job's newest checkpoint into the folder; nothing when the one that is there is as new.

        One that is broken or gone is noted, and the script begins anew.

        Raises:
            BundleUnreachable: If REST does not answer now.
            OSError: If the disk does not take it.
        """
        wanted = self._grant.checkpoint
        is_here = _has_entries(self._folder)
        if wanted is not None and (not is_here or wanted.token > self._read_marker()):
            self._fetch(wanted)
        elif is_here:
            self._stored = None
        if self._grant.checkpoint is not None or is_here:
            self._note_token()

    def glance(self) -> None:
        """Begin to store, in a thread of its own, once there is something in the folder. Cheap."""
        if self._thread is None and _has_entries(self._folder):
            self._note_token()
            self._thread = threading.Thread(target=self._run, name=f"checkpoints-{self._grant.job}")
            self._thread.daemon = True
            self._thread.start()

    def finish(self, *, store: bool) -> None:
        """Store what is new, if that is wanted, and return when nothing goes on. The script is gone.

        Gives up soon when REST is away, and at once when the agent ends.
        """
        self._over.set()
        if not store:
            self._given_up.set()
        if self._thread is not None:
            self._thread.join()
        if store:
            if _has_entries(self._folder):
                with contextlib.suppress(OSError):
                    self._note_token()
            patience = min(_LAST_PATIENCE_SECONDS, self._site.upload_patience_seconds)
            self._store(patience_seconds=patience, quiet_seconds=0.0)
            self._leave_as_found()

    def _leave_as_found(self) -> None:
        """Say that a population's trial leaves what it began with: one that was interrupted had done all."""
        found = self._fetched
        if found is not None and self._grant.spec.lineage is not None and self._read() == self._stored:
            left = Checkpoint(self._grant.token, found.sha256, found.bytes)
            self._site.report(RunCheckpoint(self._grant.job, left))

    # --- taking up ---------------------------------------------------------------

    def _fetch(self, wanted: Checkpoint) -> None:
        folder = self._folder
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = folder.parent / f"{folder.name}.{secrets.token_hex(4)}.partial"
        archive = partial.with_suffix(".tar")
        try:
            self._site.blobs.download(
                wanted.sha256,
                archive,
                max_bytes=_RULES.bytes,
                patience_seconds=_FETCH_SECONDS,
                wait=self._stop.event.wait,
            )
            partial.mkdir(mode=0o700)
            unpack(archive, partial, _RULES)
            _remove(folder)
            partial.rename(folder)
            self._stored, self._fetched = self._read(), wanted
        except (BlobRefused, BlobBroken, BundleBroken) as error:
            # Better to begin anew than never.
            self._note(f"the checkpoint {wanted.sha256} could not be used: {error}")
            self._stored = None
        except BlobUnavailable as error:
            raise BundleUnreachable(f"the checkpoint {wanted.sha256} could not be fetched: {error}") from None
        finally:
            archive.unlink(missing_ok=True)
            shutil.rmtree(partial, ignore_errors=True)

    def _read_marker(self) -> int:
        try:
            return int(self._workspace.checkpoint_token.read_text())
        except (OSError, ValueError):
            return 0

    def _note_token(self) -> None:
        marker = self._workspace.checkpoint_token
        partial = marker.with_name(f"{marker.name}.{secrets.token_hex(4)}")
        partial.write_text(str(self._grant.token))
        partial.replace(marker)

    # --- storing -----------------------------------------------------------------

    def _run(self) -> None:
        # The first one soon: a script that writes one at all has something to lose.
        pause = min(self._site.checkpoint_seconds, _QUIET_SECONDS)
        in_vain = 0
        while not self._over.wait(pause):
            quiet = min(_QUIET_SECONDS, self._site.checkpoint_seconds / 2)
            in_vain += 1
            if self._store(
                patience_seconds=self._site.upload_patience_seconds,
                # One that writes all the time has to be taken in the middle of it, as a kill would.
                quiet_seconds=quiet if in_vain <= _QUIET_TRIES else 0.0,
            ):
                in_vain = 0
                pause = max(
                    self._site.checkpoint_seconds,
                    _SHARE * self._cost_seconds,
                    self._bytes / _BYTES_PER_SECOND,
                )
            else:
                pause = min(self._site.checkpoint_seconds, _QUIET_SECONDS)

    def _store(self, *, patience_seconds: float, quiet_seconds: float) -> bool:
        """Store the folder if it changed; tell whether it was, or need not be."""
        began = time.monotonic()
        archive = self._workspace.outgoing / f"_checkpoint.{secrets.token_hex(4)}.tar"
        try:
            seen = self._read()
            if not seen or seen == self._stored:
                return True
            if quiet_seconds and time.time_ns() - max(entry[3] for entry in seen) < quiet_seconds * 1e9:
                return False
            packed = self._pack(archive)
            if self._read() != seen:
                return False
            self._site.blobs.upload(
                packed.sha256,
                archive,
                patience_seconds=patience_seconds,
                wait=self._wait,
                as_checkpoint=True,
            )
        except (PackTooBig, BlobUnavailable, OSError) as error:
            self._note(f"the checkpoint was not stored and stays on this machine only: {error}")
            # Worth trying again soon, when it was only in the middle of being written or REST is away.
            return isinstance(error, PackTooBig | BlobRefused) or _is_full(error)
        finally:
            archive.unlink(missing_ok=True)
            self._cost_seconds = time.monotonic() - began
        self._stored, self._bytes, self._fetched = seen, packed.bytes, None
        self._site.report(
            RunCheckpoint(self._grant.job, Checkpoint(self._grant.token, packed.sha256, packed.bytes))
        )
        return True

    def _pack(self, archive: Path) -> Packed:
        archive.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return pack(self._folder, archive, bytes_at_most=BYTES_AT_MOST, entries_at_most=FILES_AT_MOST)

    def _read(self) -> Signature:
        return read_signature(self._folder, FILES_AT_MOST)

    def _wait(self, seconds: float) -> bool:
        return self._given_up.wait(seconds) or self._stop.at_once

    def _note(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < 10:
            self.notes.append(text[:2000])


def _has_entries(folder: Path) -> bool:
    if folder.is_symlink():
        return False
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
