"""`python -m dash_app.parquet_child`: Parquet on stdin, its first rows as JSON on stdout.

A process of its own, with little memory and time: the file is whatever a script wrote, and what reads it is
a large library in C++. Knows nothing of the house.
"""

import io
import json
import sys

_ROWS = 51
_COLUMNS = 41
_MEMORY = 2 * 1024**3
_CPU_SECONDS = 10


def main() -> None:
    """Read, and write one JSON object: `rows`, of which the first is the names, and `count`."""
    _bound()
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(io.BytesIO(sys.stdin.buffer.read()), memory_map=False)
    names = [str(name) for name in file.schema_arrow.names[:_COLUMNS]]
    rows: list[list[object]] = []
    for batch in file.iter_batches(batch_size=_ROWS, columns=names, use_threads=False):
        columns = [[_said(value) for value in column.to_pylist()] for column in batch.columns]
        rows = [list(row) for row in zip(*columns, strict=True)]
        break
    json.dump({"rows": [names, *rows], "count": file.metadata.num_rows}, sys.stdout)


def _said(value: object) -> object:
    return value if value is None or isinstance(value, int | float | str) else str(value)[:500]


def _bound() -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    main()
