"""What comes out of a row: `Result`, the schema of tables of them, and the line of a manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclasses.dataclass
class Result:
    """A row that is done, or its error."""

    id: str
    audio: bytes | None = None
    """A whole .flac or .wav."""
    sample_rate: int | None = None
    """Hz."""
    seconds: float | None = None
    peak: float | None = None
    """Largest magnitude before it is cut off at 1."""
    clipped: int | None = None
    """Samples that were cut off."""
    f0: np.ndarray | None = None
    """float32 [T] in Hz, 0 where unvoiced: what the sound was made with."""
    error: str | None = None

    def made(self) -> tuple[bytes, np.ndarray]:
        """The sound and its F0; ValueError where there is none."""
        if self.audio is None or self.f0 is None:
            raise ValueError(f"row {self.id!r} has no sound: {self.error}")
        return self.audio, self.f0

    def line(self) -> dict[str, Any]:
        """The row in a manifest: without its sound, and with the median of its voiced F0."""
        voiced = self.f0[self.f0 > 0] if self.f0 is not None else ()
        return {
            "id": self.id,
            "sample_rate": self.sample_rate,
            "duration": self.seconds,
            "peak": self.peak,
            "clipped": self.clipped,
            "f0_median": float(np.median(voiced)) if len(voiced) else None,
            "error": self.error,
        }


def schema() -> pa.Schema:
    """The columns of tables of results: those of `Result`."""
    import pyarrow as pa

    return pa.schema(
        {
            "id": pa.string(),
            "audio": pa.binary(),
            "sample_rate": pa.int32(),
            "seconds": pa.float64(),
            "peak": pa.float32(),
            "clipped": pa.int64(),
            "f0": pa.list_(pa.float32()),
            "error": pa.string(),
        }
    )


def table(results: Sequence[Result]) -> pa.Table:
    """Results as a table of `schema()`."""
    import pyarrow as pa

    columns = {
        field.name: pa.array([getattr(result, field.name) for result in results], field.type)
        for field in schema()
    }
    return pa.table(columns, schema())
