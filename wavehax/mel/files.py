"""Reads mel and F0 files: .npy, .npz, .h5 (as the authors' code writes) and .pt.

Nothing in a file is ever executed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.errors import one_line, optional_module, warn

SUFFIXES = (".npy", ".npz", ".h5", ".pt")

_F0_WORDS = ("f0", "pitch")  # in names such as F0, lf0, f0_hz and pitch
_MOST_BYTES = 1 << 28  # an array of a mel or F0: a mel of two hours takes this
_MOST_STATS_BYTES = 1 << 16  # the mean or scale of a mel: 8,000 bands of float64
# An array that is larger may take up to this many times the size of its file. No mel of speech can
# be compressed further, so an array beyond both limits is not a mel but an attack or an error.
_MOST_TIMES = 20


def read_mel(
    path: str | os.PathLike[str], n_mels: int, *, wants_f0: bool = True
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a mel-spectrogram, and its F0 where the file has one.

    A .npy or .pt holds the mel alone (.pt may be a mapping too); .npz and .h5 have `mel` and
    perhaps `f0`. The mel is [n_mels, T] or [T, n_mels], whichever fits, perhaps with a leading axis
    of 1. Where both fit (T = n_mels), .npz is read as [n_mels, T] and .h5 as [T, n_mels]. In a .h5,
    one F0 frame more than the mel has is dropped, as the authors' code writes it. Where there is no
    `f0`, a warning names arrays that seem to be F0, as they are not read.

    Args:
        path: the file.
        n_mels: bands that the model expects.
        wants_f0: whether F0 of the file is wanted; otherwise it is None.

    Returns:
        floating mel [n_mels, T], and F0 [T'] in Hz or None. Values and lengths are not checked
        here, nor is the number of bands; `Vocoder` does that.

    Raises:
        ValueError: there is no such file, it is truncated or of another type, or an array has
            another type or shape; the message begins with the path.
        ModuleNotFoundError: h5py or torch is needed and missing.
    """
    path = Path(path)
    arrays, names = _read_arrays(path, "mel")
    f0 = None
    if wants_f0 and "f0" in arrays:
        f0 = _flat(path, arrays["f0"])
    elif wants_f0:
        _warn_of_other_names(names)
    mel = _oriented(path, _numbers(path, "mel", arrays["mel"], "f", "floating point"), n_mels)
    if path.suffix.lower() == ".h5" and f0 is not None and len(f0) == mel.shape[1] + 1:
        f0 = f0[:-1]
    return mel, f0


def read_f0(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an F0 contour: a .npy or .pt of it alone, or `f0` of a .npz, .h5 or .pt.

    Args:
        path: the file.

    Returns:
        [T] in Hz, floating or integer; values are not checked here.

    Raises:
        ValueError, ModuleNotFoundError: as `read_mel`.
    """
    path = Path(path)
    arrays, _ = _read_arrays(path, "f0")
    return _flat(path, arrays["f0"])


def read_stats(path: str | os.PathLike[str], n_mels: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the statistics of a mel from an .npz.

    Args:
        path: the file; it holds the arrays `mean` and `scale`.
        n_mels: bands of the mel.

    Returns:
        mean and scale, float32 [n_mels] each; the mel is normalised as (mel - mean) / scale.

    Raises:
        ValueError: not such a file, or larger than statistics are; the message begins with the
            path.
    """
    try:
        arrays, _ = _read_npz(Path(path), ("mean", "scale"), _MOST_STATS_BYTES)
        mean, scale = (np.asarray(arrays[name], np.float32) for name in ("mean", "scale"))
    except Exception as error:
        # numpy and zipfile raise nearly anything for a file that is not theirs.
        raise ValueError(
            f"{path}: expected an .npz file with arrays mean and scale ({one_line(error)})"
        ) from error
    if mean.shape != (n_mels,) or scale.shape != (n_mels,):
        raise ValueError(
            f"{path}: mean {list(mean.shape)} and scale {list(scale.shape)}: expected [{n_mels}]"
            " each"
        )
    return mean, scale


_Arrays = tuple[dict[str, np.ndarray], list[str]]
"""The arrays that were asked for, and the names of all that a file has."""


def _warn_of_other_names(names: list[str]) -> None:
    """Warn of names, beside a mel without `f0`, that seem to be those of F0."""
    others = [name for name in names if any(word in name.lower() for word in _F0_WORDS)]
    if others:
        warn(f"the file has no array 'f0'; {', '.join(map(repr, others))} is not read as F0")


def _read_arrays(path: Path, wanted: str) -> _Arrays:
    """The arrays `mel` and `f0` of a file, where it has them; it has `wanted`.

    An array without a name is called `wanted`.
    """
    readers = {".npy": _read_npy, ".npz": _read_mel_npz, ".h5": _read_h5, ".pt": _read_pt}
    reader = readers.get(path.suffix.lower())
    if path.is_dir():
        raise ValueError(f"{path}: is a folder: expected a file, or a pattern such as {path}/*.npz")
    if reader is None:
        raise ValueError(
            f"{path}: unknown file type {path.suffix!r}; expected one of {', '.join(readers)}"
        )
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        arrays, names = reader(path, wanted)
    except (ModuleNotFoundError, PermissionError):
        raise
    except Exception as error:
        # The readers of these formats raise nearly anything for a file that is not theirs.
        raise ValueError(
            f"{path}: not a {path.suffix} file that can be read ({one_line(error)})"
        ) from error
    if wanted not in arrays:
        there = f", only {', '.join(map(repr, names))}" if names else ""
        raise ValueError(f"{path}: has no array {wanted!r}{there}")
    return arrays, names


def _read_npy(path: Path, bare: str) -> _Arrays:
    with open(path, "rb") as file:
        return {bare: np.lib.format.read_array(file, allow_pickle=False)}, [bare]


def _read_mel_npz(path: Path, bare: str) -> _Arrays:
    return _read_npz(path, ("mel", "f0"), _most_bytes(path))


def _read_npz(path: Path, names: Sequence[str], most: int) -> _Arrays:
    """The arrays of these names that the file has, each of at most `most` bytes."""
    import zipfile  # a slow import, which .npz files alone need

    if not zipfile.is_zipfile(path):
        raise ValueError("no zip archive" if path.is_file() else "no such file")
    arrays = {}
    with np.load(path, allow_pickle=False) as file:
        for name in names:
            if name in file.files:
                member = name if name in file.zip.namelist() else f"{name}.npy"
                _check_size(path, name, file.zip.getinfo(member).file_size, most)
                arrays[name] = np.asarray(file[name])
        return arrays, list(file.files)


def _read_h5(path: Path, bare: str) -> _Arrays:
    h5py = optional_module("h5py", "reading .h5", "h5py")
    arrays = {}
    with h5py.File(path, "r") as file:
        for name in ("mel", "f0"):
            if name in file:
                link, dataset = file.get(name, getlink=True), file.get(name)
                if not isinstance(link, h5py.HardLink) or not isinstance(dataset, h5py.Dataset):
                    raise ValueError(f"{name} is no array")
                if dataset.external or dataset.is_virtual:
                    raise ValueError(f"{name} is in another file")
                _check_size(path, name, dataset.nbytes, _most_bytes(path))
                # A dataset of anything but numbers may point at more than it holds. It is not read:
                # an empty array of its type is refused as well.
                arrays[name] = (
                    np.asarray(dataset[()])
                    if dataset.dtype.kind in "fiu"
                    else np.empty(0, dataset.dtype)
                )
        return arrays, list(file)


def _read_pt(path: Path, bare: str) -> _Arrays:
    torch = optional_module("torch", "reading .pt", "wavehax[train]")
    loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    tensors = loaded if isinstance(loaded, dict) else {bare: loaded}
    arrays = {}
    for name in ("mel", "f0"):
        if name in tensors:
            tensor = tensors[name]
            if not isinstance(tensor, torch.Tensor):
                raise ValueError(
                    f"{name} is a {type(tensor).__name__}: expected a tensor, or a mapping with it"
                )
            tensor = tensor.detach()
            _check_size(path, name, 4 * tensor.numel(), _most_bytes(path))
            arrays[name] = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    return arrays, [str(name) for name in tensors]


def _most_bytes(path: Path) -> int:
    """The most bytes that a mel or F0 may take; one of far more than its file has is none."""
    return max(_MOST_BYTES, _MOST_TIMES * path.stat().st_size)


def _check_size(path: Path, name: str, size: int, most: int) -> None:
    if size > most:
        raise ValueError(
            f"{name} would take {size} bytes, in a file of {path.stat().st_size}: expected at most"
            f" {most}"
        )


def _numbers(path: Path, name: str, array: np.ndarray, kinds: str, expected: str) -> np.ndarray:
    if array.dtype.kind not in kinds:
        raise ValueError(f"{path}: {name} is of type {array.dtype}: expected {expected}")
    return array


def _oriented(path: Path, mel: np.ndarray, n_mels: int) -> np.ndarray:
    """`mel` as [n_mels, T]; a view."""
    shape = list(mel.shape)
    if mel.ndim == 3 and shape[0] == 1:
        mel = mel[0]
    if mel.ndim != 2:
        advice = ""
        if 1 in shape:
            advice = f"; leave out axis {shape.index(1)} of length 1"
        elif mel.ndim == 3 and n_mels in shape[1:]:
            advice = f"; axis 0 holds {shape[0]} utterances, save each to a file"
        raise ValueError(f"{path}: mel has shape {shape}: expected [{n_mels}, T]{advice}")
    if n_mels not in mel.shape:
        return mel  # Vocoder refuses it, and names the definition that it expects
    if mel.shape == (n_mels, n_mels) and path.suffix.lower() not in (".npz", ".h5"):
        raise ValueError(
            f"{path}: mel has shape {shape}, bands and frames cannot be told apart: save [n_mels,"
            " T] as 'mel' in a .npz"
        )
    bands_last = mel.shape[0] != n_mels or (mel.shape[1] == n_mels and path.suffix.lower() == ".h5")
    return mel.T if bands_last else mel


def _flat(path: Path, f0: np.ndarray) -> np.ndarray:
    """`f0` as [T], without axes of length 1 such as that of the authors' [T, 1]."""
    f0 = _numbers(path, "f0", f0, "fiu", "numbers in Hz")
    if f0.size != max(f0.shape, default=0):
        raise ValueError(f"{path}: f0 has shape {list(f0.shape)}: expected [T]")
    return f0.reshape(-1)
