"""What a stored script would not take, read of its source for a sweep that is to vary something else.

Reads the bundle from the database, within bounds, and never runs any of it. What is not stored, is too
large or cannot be read is not called wrong.
"""

import io
import tarfile
import zlib
from typing import Any

import gridfs
from gridfs.errors import GridFSError
from pymongo.database import Database

from hq.past import BUCKET
from schemas.arguments.checking import find_untaken as find_problems
from schemas.arguments.reading import read_script
from schemas.arguments.tree import BYTES_AT_MOST
from schemas.spaces import Dimension
from schemas.specs import JobSpec

_PACKED_AT_MOST = 8 * 1024 * 1024
_UNPACKED_AT_MOST = 32 * 1024 * 1024
#: zlib: a header of gzip.
_GZIP = 31


def find_untaken(
    database: Database[dict[str, Any]], job: JobSpec, space: dict[str, Dimension]
) -> tuple[str, ...]:
    """Return a sentence for each parameter of the space that the job's script would not take.

    Raises:
        PyMongoError: If the database does not answer.
    """
    source = _read_entry(database, job.script.bundle, job.script.entry)
    if source is None:
        return ()
    script = read_script(source)
    return tuple(find_problems(script, source.decode("utf-8", "replace"), space, style=job.arguments))


def _read_entry(database: Database[dict[str, Any]], bundle: str, entry: str) -> bytes | None:
    try:
        with gridfs.GridFSBucket(database, BUCKET).open_download_stream_by_name(bundle) as stream:
            if stream.length > _PACKED_AT_MOST:
                return None
            packed = stream.read()
        content = zlib.decompressobj(_GZIP).decompress(packed, _UNPACKED_AT_MOST)
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            file = tar.extractfile(entry)
            return None if file is None else file.read(BYTES_AT_MOST + 1)
    except (GridFSError, zlib.error, KeyError, tarfile.TarError, OSError, EOFError):
        return None
