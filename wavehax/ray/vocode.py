"""`Vocode`: mels or recordings in, sound out, for `ray.data.Dataset.map_batches`."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import wavehax
from wavehax.errors import naming, one_line, optional_module, printable
from wavehax.files.levels import Clipping, without_offset
from wavehax.files.sound import nearest_int16, read_audio
from wavehax.mel.contour import UNITS, UNVOICED, f0_of_frames
from wavehax.mel.features import F0_MAX, F0_MIN, f0_from_audio, log_mel, whole_frames
from wavehax.mel.files import read_mel
from wavehax.mel.pitch import METHODS
from wavehax.ray.results import Result
from wavehax.ray.rows import Row

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC = {b"PK": ".npz", b"\x93NUMPY": ".npy", b"\x89HDF": ".h5"}
_TYPES = {"flac": "FLAC", "wav": "WAV"}


def row_seed(row_id: str, seed: int = 0) -> int:
    """The seed of a row's noise, which depends on its id and the seed of the corpus alone.

    Args:
        row_id: the id.
        seed: of the whole corpus; another one gives every row other noise.

    Returns:
        64 bits of the BLAKE2b hash of both, as `Vocoder.__call__` takes it.
    """
    text = f"{seed}\0{row_id}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


class Vocode:
    """Synthesises the rows of a batch; give the class itself to `map_batches`, with `num_cpus=1`.

    A batch is a pyarrow Table or a dict of columns (`batch_format` "pyarrow" or "numpy"):

    - `id`: text, unique. It decides the noise, see `row_seed`.
    - `path` or `bytes`: a file, or what it would contain. With `resynth` a recording in any type
      that libsndfile reads; otherwise a mel in .npy, .npz or .h5 (a path may also be .pt).
    - `start`, `duration`, `channel`: optional, the part of a recording as `read_audio` takes it.

    Batches come back as pyarrow Tables of `wavehax.ray.results.SCHEMA`. A row that cannot be
    synthesised has its error in the column `error`, and never stops the others.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        resynth: bool = False,
        f0: float | str | None = None,
        f0_unit: str = UNITS[0],
        f0_unvoiced: str = UNVOICED[0],
        f0_hop: float | None = None,
        f0_scale: float = 1.0,
        formant_scale: float = 1.0,
        seed: int = 0,
        audio: str = "flac",
        isa: str = "auto",
        precision: str = "fp32",
        f0_min: float = F0_MIN,
        f0_max: float = F0_MAX,
        f0_method: str = METHODS[0],
        force_definition: bool = False,
    ) -> None:
        """Load the model: once for every actor.

        Args:
            model: as `wavehax.load`; a file must be there on every machine of the cluster.
            resynth: rows are recordings, and their F0 is measured.
            f0: a number for all rows, or "mel" for what the model predicts; None takes the F0 of a
                mel's file, or measures that of a recording.
            f0_unit: unit of `f0` and of F0 in files, as `unit` of `f0_in_hz`.
            f0_unvoiced: what is unvoiced in files, as `unvoiced` of `f0_in_hz`.
            f0_hop: seconds from one F0 of a file to the next; None for those of its mel.
            f0_scale: F0 is multiplied by it.
            formant_scale: frequencies of formants are multiplied by it, as `Vocoder.__call__`.
            seed: of the whole corpus, see `row_seed`.
            audio: type of the sound, "flac" or "wav"; both hold the same 16-bit samples.
            isa: as `wavehax.load`. Instruction sets round differently: in a cluster of unlike
                machines, name one that all of them have where the bits are to be the same.
            precision: as `wavehax.load`.
            f0_min: lowest F0 sought in recordings, Hz.
            f0_max: highest F0 sought in recordings, Hz.
            f0_method: how it is sought, as `method` of `f0_from_audio`; "refined" refines what the
                model predicts.
            force_definition: take mels that look like those of another definition. A mel that is
                made of a recording is always of the model's.

        Raises:
            ModelError, ValueError: as `wavehax.load`; `audio` is of another type.
            ModuleNotFoundError: F0 is to be measured, and pyworld (extra `f0`) is not installed.
        """
        if audio not in _TYPES:
            raise ValueError(f"audio={audio!r}: expected one of {', '.join(_TYPES)}")
        if resynth and f0 is None and f0_method != "refined":
            optional_module("pyworld", "F0 from audio", "wavehax[f0]")
        self.vocoder = wavehax.load(model, isa=isa, precision=precision)
        self.resynth, self.f0, self.f0_scale = resynth, f0, f0_scale
        self._f0_writing = f0_unit, f0_unvoiced, f0_hop
        self.formant_scale, self.force_definition = formant_scale, force_definition
        self.seed, self.audio = seed, audio
        self.f0_min, self.f0_max, self.f0_method = f0_min, f0_max, f0_method

    def __call__(self, batch: pa.Table | Mapping[str, Any]) -> pa.Table:
        """Synthesise all rows of a batch."""
        from wavehax.ray.results import table

        if not isinstance(batch, Mapping):
            batch = batch.to_pydict()
        if "id" not in batch or not {"path", "bytes"} & set(batch):
            raise ValueError(f"batch has columns {list(batch)}: expected id, and path or bytes")
        columns = {name: list(batch[name]) for name in _COLUMNS if name in batch}
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        return table([self.row(**row) for row in rows])

    def of(self, row: Row) -> Result:
        """Synthesise a row of a list; see `row`."""
        try:
            content = row.content()
        except Exception as error:
            return Result(row.id, error=_message(error, row.path))
        path = row.path if content is None else None
        return self.row(row.id, path, content, row.start, row.duration, row.channel)

    def row(
        self,
        id: str,
        path: str | None = None,
        bytes: bytes | None = None,
        start: float | None = None,
        duration: float | None = None,
        channel: int | None = None,
    ) -> Result:
        """Synthesise one row; what goes wrong with it is in the `error` of the result."""
        try:
            with naming(printable(id)), _as_file(path, bytes) as file:
                if self.resynth:
                    wave, f0 = self._resynthesised(id, file, start, duration, channel)
                else:
                    wave, f0 = self._synthesised(id, file, (start, duration, channel))
            return self._result(id, wave, f0)
        except Exception as error:  # a row can hold anything, and must not stop the rest
            return Result(id, error=_message(error, path))

    def _synthesised(self, row_id: str, path: Path, part: tuple) -> tuple[np.ndarray, np.ndarray]:
        if any(value is not None for value in part):
            raise ValueError(
                "start, duration and channel are those of a recording, and this is a mel"
            )
        features = self.vocoder.features
        mel, f0 = read_mel(path, features.n_mels, wants_f0=self.f0 is None)
        if f0 is not None:
            f0 = f0_of_frames(f0, mel.shape[-1], features, *self._f0_writing)
        return self._vocoded(row_id, mel, f0)

    def _resynthesised(
        self,
        row_id: str,
        path: Path,
        start: float | None,
        duration: float | None,
        channel: int | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        features = self.vocoder.features
        recording, rate = read_audio(
            path, features.sample_rate, start=start or 0.0, duration=duration, channel=channel
        )
        audio = whole_frames(without_offset(recording, rate)[0], features)
        mel = log_mel(audio, features)
        measured = None
        if self.f0 is None:
            predicted = self.vocoder.f0(mel) if self.f0_method == "refined" else None
            search = (self.f0_min, self.f0_max, self.f0_method)
            measured = f0_from_audio(audio, features, *search, predicted=predicted)
        wave, f0 = self._vocoded(row_id, mel, measured, computed=True)
        return wave[: len(recording)], f0

    def _vocoded(
        self, row_id: str, mel: np.ndarray, f0: np.ndarray | None, *, computed: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Samples, and the F0 [T] in Hz that they were made with.

        A mel that was `computed` here is surely of the model's definition.
        """
        if self.f0 == "mel":
            f0 = None
        elif self.f0 is not None:
            f0 = f0_of_frames(self.f0, mel.shape[1], self.vocoder.features, *self._f0_writing)
        scales = self.f0_scale, self.formant_scale
        force = {"force_definition": computed or self.force_definition}
        prepared, scaled = self.vocoder.prepare(mel, f0, *scales, **force)
        wave = self.vocoder.synthesise(prepared, scaled, seed=row_seed(row_id, self.seed))
        return wave, scaled

    def _result(self, row_id: str, wave: np.ndarray, f0: np.ndarray) -> Result:
        import soundfile

        if not np.isfinite(wave).all():
            raise ValueError("the output is not finite: is this a log-mel-spectrogram?")
        clipping = Clipping()
        list(clipping.watch([wave]))
        sound, rate = io.BytesIO(), self.vocoder.sample_rate
        soundfile.write(
            sound, nearest_int16(wave), rate, subtype="PCM_16", format=_TYPES[self.audio]
        )
        return Result(
            row_id,
            audio=sound.getvalue(),
            sample_rate=rate,
            seconds=len(wave) / rate,
            peak=clipping.peak,
            clipped=clipping.clipped,
            f0=f0,
        )


_COLUMNS = ("id", "path", "bytes", "start", "duration", "channel")


@contextmanager
def _as_file(path: str | None, content: bytes | None) -> Iterator[Path]:
    """The file of a row; bytes are written to a temporary one, of the type that they show."""
    if content is None:
        if path is None:
            raise ValueError("neither path nor bytes is given")
        yield Path(path)
        return
    suffix = next((suffix for magic, suffix in _MAGIC.items() if content.startswith(magic)), "")
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(content)
        file.flush()
        try:
            yield Path(file.name)
        except Exception as error:
            if file.name not in str(error):
                raise
            raise type(error)(str(error).replace(file.name, "bytes")) from error


def _message(error: Exception, path: str | None) -> str:
    message = one_line(error)
    return message if path is None or path in message else f"{path}: {message}"
