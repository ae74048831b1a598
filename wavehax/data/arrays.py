"""The arrays of a prepared folder, written one utterance after another.

However the writing was stopped, it can be taken up.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from wavehax.config import FeatureConfig, to_dict
from wavehax.files.outputs import replacing
from wavehax.files.progress import Progress

Arrays = Mapping[str, np.ndarray]
"""The arrays of an utterance of T frames.

They are audio int16 [T * hop_length], f0 float32 [T] in Hz and mel float32 [T, n_mels].
mel_shifted, which may be absent, is the mel of the voice at another pitch.
"""

_DTYPES: dict[str, np.dtype[Any]] = {
    "audio": np.dtype("<i2"),
    **dict.fromkeys(("mel", "f0", "mel_shifted"), np.dtype("<f4")),
}
_BLOCK_FRAMES = 1 << 16  # frames of the mel that are summed at once: 26 MB for 100 bands


class Writer:
    """Appends utterances to audio.npy, mel.npy and the other arrays of a folder.

    The headers say 0 frames until `finish` writes the number. An utterance counts once its line is
    in progress.jsonl, which is written after its arrays. When the folder is taken up, the arrays
    are cut after the last utterance that counts. `finish` writes manifest.json, the sign that a
    folder is complete.
    """

    def __init__(
        self,
        out: Path,
        features: FeatureConfig,
        planned: Sequence[dict[str, Any]],
        shifted: bool = False,
    ) -> None:
        """
        Args:
            out: the folder, which exists.
            features: the definition of mel and frames.
            planned: for each utterance, the values that decide its arrays. The manifest holds them,
                with `start` and `frames` added.
            shifted: whether the arrays include mel_shifted.

        Raises:
            ValueError: `out` was begun with other features or utterances, or an array is shorter
                than it was.
        """
        self.out, self.features, self.planned = out, features, planned
        self.names = [name for name in _DTYPES if shifted or name != "mel_shifted"]
        self.utterances = self._counted()
        self.num_frames = sum(utterance["frames"] for utterance in self.utterances)
        self.files = {name: self._open(name) for name in self.names}
        self.progress = open(out / "progress.jsonl", "a")  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()
        self.progress.close()

    def add(self, arrays: Arrays) -> None:
        """Append the arrays of the next planned utterance."""
        for name, file in self.files.items():
            file.write(arrays[name].astype(_DTYPES[name]).tobytes())
            file.flush()
        frames = len(arrays["f0"])
        utterance = {
            **self.planned[len(self.utterances)],
            "start": self.num_frames,
            "frames": frames,
        }
        self.progress.write(json.dumps(utterance) + "\n")
        self.progress.flush()
        self.utterances.append(utterance)
        self.num_frames += frames

    def finish(self) -> None:
        """Complete the headers, then write manifest.json.

        It holds the features, the mean and scale of the mel, and the utterances.
        """
        for name, file in self.files.items():
            file.seek(0)
            file.write(self._header(name, self.num_frames))
            file.flush()
        mean, scale = _mean_and_scale(np.load(self.out / "mel.npy", mmap_mode="r"))
        manifest = {
            "features": to_dict(self.features),
            "mel_mean": mean.tolist(),
            "mel_scale": scale.tolist(),
        }
        with replacing(self.out / "manifest.json") as temporary:
            temporary.write_text(json.dumps({**manifest, "utterances": self.utterances}, indent=1))
        (self.out / "progress.jsonl").unlink()

    def _counted(self) -> list[dict[str, Any]]:
        """Return the utterances that count already.

        progress.jsonl is begun, or cut to whole lines.
        """
        path = self.out / "progress.jsonl"
        first = {"features": to_dict(self.features), "arrays": self.names}
        whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
        if not whole:
            path.write_text(json.dumps(first) + "\n")
            return []
        found, *utterances = map(json.loads, whole.split("\n"))
        pairs = zip(utterances, self.planned, strict=False)
        same = found == first and all(
            utterance == {**utterance, **planned} for utterance, planned in pairs
        )
        if not same or len(utterances) > len(self.planned):
            raise ValueError(
                f"{self.out}: begun with other recordings or features; remove it, or choose another"
            )
        os.truncate(path, len(whole) + 1)
        return utterances

    def _open(self, name: str) -> IO[bytes]:
        """Open the file of an array for appending, cut after the frames that count."""
        path = self.out / f"{name}.npy"
        path.touch()
        header = self._header(name, 0)
        frame_bytes = int(np.prod(self._shape(name, 1))) * _DTYPES[name].itemsize
        size = len(header) + self.num_frames * frame_bytes
        if self.num_frames and path.stat().st_size < size:
            raise ValueError(
                f"{path}: shorter than the {self.num_frames} frames it held; remove {self.out}"
            )
        file = open(path, "r+b")  # noqa: SIM115 (closed by __exit__)
        file.write(header)
        file.truncate(size)
        file.seek(size)
        return file

    def _shape(self, name: str, frames: int) -> tuple[int, ...]:
        if name == "audio":
            return (frames * self.features.hop_length,)
        return (frames,) if name.startswith("f0") else (frames, self.features.n_mels)

    def _header(self, name: str, frames: int) -> bytes:
        """The header of an array's file.

        It is equally long for any number of frames: numpy leaves room in it for the first axis to
        grow.
        """
        header = io.BytesIO()
        fields = {
            "descr": _DTYPES[name].str,
            "fortran_order": False,
            "shape": self._shape(name, frames),
        }
        np.lib.format.write_array_header_1_0(header, fields)
        return header.getvalue()


def refuse_complete(out: Path) -> None:
    """Raise FileExistsError where `out` is a prepared folder that is complete."""
    if (out / "manifest.json").exists():
        raise FileExistsError(f"{out}/manifest.json: exists already, and the folder is complete")


def write_all(writer: Writer, made: Iterable[Arrays], progress: Progress) -> None:
    """Append the arrays of all utterances that are left, and complete the folder."""
    for arrays in made:
        writer.add(arrays)
        progress.show(len(writer.utterances))
    progress.end()
    writer.finish()


def _mean_and_scale(mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over frames, float64 [n_mels].

    They are computed in blocks, since `mel` may be larger than memory.
    """
    blocks = [slice(start, start + _BLOCK_FRAMES) for start in range(0, len(mel), _BLOCK_FRAMES)]
    mean = sum(mel[block].sum(axis=0, dtype=np.float64) for block in blocks) / len(mel)
    variance = sum(np.square(mel[block] - mean).sum(axis=0) for block in blocks) / len(mel)
    return mean, np.sqrt(variance)
