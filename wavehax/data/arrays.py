"""The arrays of a prepared folder, written one utterance after another; stopped in any way, they
can be taken up."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from wavehax.config import FeatureConfig, to_dict
from wavehax.files.outputs import replacing

Arrays = Mapping[str, np.ndarray]
"""Of an utterance of T frames: audio int16 [T * hop_length], f0 [T] Hz, mel float32 [T, n_mels];
perhaps the last two of the voice at another pitch as f0_shifted and mel_shifted."""

_DTYPES = {
    "audio": np.dtype("<i2"),
    **dict.fromkeys(("mel", "f0", "mel_shifted", "f0_shifted"), np.dtype("<f4")),
}
_BLOCK_FRAMES = 1 << 16  # of the mel that are summed at once: 26 MB


class Writer:
    """Appends to audio.npy, mel.npy ..., whose headers say 0 frames until `finish` says how many.

    An utterance counts once its line is in progress.jsonl, which is written after its arrays. What
    does not count is cut off when the folder is taken up. `finish` writes manifest.json, the sign
    that a folder is complete.
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
            planned: of each utterance what decides its arrays; `start` and `frames` are added to
                it.
            shifted: whether they have mel_shifted and f0_shifted.

        Raises:
            ValueError: `out` was begun with other features or utterances, or has lost what it held.
        """
        self.out, self.features, self.planned = out, features, planned
        self.names = [name for name in _DTYPES if shifted or not name.endswith("_shifted")]
        self.utterances = self._counted()
        self.num_frames = sum(utterance["frames"] for utterance in self.utterances)
        self.files = {name: self._open(name) for name in self.names}
        self.progress = open(out / "progress.jsonl", "a")  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (*self.files.values(), self.progress):
            file.close()

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
        """Complete the headers, then write manifest.json: features, mean and scale of the mel,
        utterances."""
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
        """The utterances that count already; progress.jsonl is begun, or cut to whole lines."""
        path, first = (
            self.out / "progress.jsonl",
            {"features": to_dict(self.features), "arrays": self.names},
        )
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
        """The file of an array, cut after the frames that count, and at its end."""
        path = self.out / f"{name}.npy"
        path.touch()
        header = self._header(name, 0)
        size = (
            len(header)
            + self.num_frames * int(np.prod(self._shape(name, 1))) * _DTYPES[name].itemsize
        )
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
        """As long for any number of frames: numpy leaves room in a header for the first axis to
        grow."""
        header = io.BytesIO()
        fields = {
            "descr": _DTYPES[name].str,
            "fortran_order": False,
            "shape": self._shape(name, frames),
        }
        np.lib.format.write_array_header_1_0(header, fields)
        return header.getvalue()


def _mean_and_scale(mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over frames, float64 [n_mels]; in blocks, as `mel` may be larger
    than memory."""
    blocks = [slice(start, start + _BLOCK_FRAMES) for start in range(0, len(mel), _BLOCK_FRAMES)]
    mean = sum(mel[block].sum(axis=0, dtype=np.float64) for block in blocks) / len(mel)
    variance = sum(np.square(mel[block] - mean).sum(axis=0) for block in blocks) / len(mel)
    return mean, np.sqrt(variance)
