"""Rows of a Parquet file, as the readers of question files take them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uait.records.errors import DataError

MAX_COLUMNS = 64
ROWS_AT_ONCE = 100  # a small file can hold few, very large cells: they are seen before many are in memory


def parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row number (from 1) and cells of every row; empty cells are left out. Raises DataError when it is no Parquet."""
    import pyarrow.parquet as pq  # half a second to load, for a format that few files have

    try:
        with pq.ParquetFile(path) as file:
            n_columns = file.metadata.num_columns
            if n_columns > MAX_COLUMNS:
                raise DataError(f"{path.name} has {n_columns:,} columns; at most {MAX_COLUMNS} are read.")
            rows = (row for batch in file.iter_batches(batch_size=ROWS_AT_ONCE) for row in batch.to_pylist())
            for number, row in enumerate(rows, start=1):
                yield number, {column: cell for column, cell in row.items() if cell is not None}
    except DataError:
        raise
    except Exception as err:  # a damaged file raises many kinds
        reason = " ".join(str(err).split())[:120]
        raise DataError(f"{path} can't be read as Parquet ({reason}); save it anew, or as .csv or .jsonl.") from err
