"""Fuzz target: mel and F0 files of every type, read alone and through `wavehax vocode`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from command_line import run_command
from mutations import damaged
from tiny_models import tiny_model

from wavehax.checkpoint import save_model
from wavehax.mel.files import SUFFIXES, read_f0, read_mel

_SHAPES = (
    (10, 12),
    (12, 10),
    (1, 10, 12),
    (10, 10),
    (10,),
    (),
    (0, 10),
    (10, 0),
    (9, 12),
    (2, 3, 4),
    (12,),
    (12, 1),
    (1, 12),
)
_TYPES = (
    "<f4",
    ">f4",
    "<f8",
    "<f2",
    "<i4",
    "<u8",
    "?",
    "<c8",
    "S3",
    "<U2",
    "<M8[s]",
    "V5",
    "f,i",
    "O",
)
_HUGE = (
    (10, 10**5),
    (10, 10**8),
    (10**10, 10),
    (10, 2**61),
    (2**40, 2**40),
    (10, -1),
    (10, True),
    (10.0,),
    (1,) * 40,
)


class MelFiles:
    """Mels and F0 of odd shapes, types and values in files of every type, whole or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        save_model(folder / "m.safetensors", tiny_model("tiny_wavehax_frame"))

    def __call__(self, rng: np.random.Generator) -> str:
        names = {}
        for role in ("mel", "f0"):
            suffix = str(rng.choice(SUFFIXES))
            names[role] = f"{role}{suffix}"
            content = _file(rng, suffix, role)
            (self.folder / names[role]).write_bytes(
                damaged(rng, content) if rng.random() < 0.5 else content
            )
        return self._read(names) if rng.random() < 0.95 else self._vocode(rng, names)

    def _read(self, names: dict[str, str]) -> str:
        outcome = "read"
        for name, read in (
            (names["mel"], lambda path: read_mel(path, 10)[0]),
            (names["f0"], read_f0),
        ):
            path = self.folder / name
            try:
                assert read(path).dtype.kind in "fiu"
            except ValueError as error:
                outcome = "refused"
                assert str(error).startswith(f"{path}: ") and "\n" not in str(error), str(error)
        return f"{names['mel'][3:]} {outcome}"

    def _vocode(self, rng: np.random.Generator, names: dict[str, str]) -> str:
        arguments = ["vocode", names["mel"], "-o", "out.wav", "--model", "m.safetensors"]
        if rng.random() < 0.7:
            arguments += ["--f0", names["f0"]] if rng.random() < 0.7 else ["--f0", "100"]
        arguments += ["--stream", "5"] if rng.random() < 0.3 else []
        code, _, _ = run_command(arguments, self.folder)
        output = self.folder / "out.wav"
        assert output.exists() == (code == 0)
        output.unlink(missing_ok=True)
        return f"{names['mel'][3:]} {'vocoded' if code == 0 else 'refused'}"


def _file(rng: np.random.Generator, suffix: str, role: str) -> bytes:
    arrays = {role: _array(rng)}
    if rng.random() < 0.5:
        arrays["f0" if role == "mel" else "mel"] = _array(rng)
    if rng.random() < 0.5:  # as it should be
        arrays = {
            "mel": rng.standard_normal((10, 12)).astype(np.float32),
            "f0": np.full(12, 100, np.float32),
        }
        if suffix == ".npy":
            arrays = {role: arrays[role]}
    return _WRITERS[suffix](rng, arrays)


def _array(rng: np.random.Generator) -> np.ndarray:
    shape = _SHAPES[rng.integers(len(_SHAPES))]
    if rng.random() < 0.5:
        values = rng.choice(
            [0.0, 1.0, -1.0, 100.0, np.nan, np.inf, 1e300, 1e-310],
            shape,
            p=[0.3, 0.3, 0.2, 0.1, *[0.025] * 4],
        )
    else:
        values = rng.standard_normal(shape)
    kind = np.dtype(_TYPES[rng.integers(len(_TYPES))] if rng.random() < 0.4 else "<f4")
    with np.errstate(all="ignore"):
        values = np.zeros(shape, kind) if kind.kind in "MVSU" else np.asarray(values).astype(kind)
    return np.asarray(values, order=str(rng.choice(["C", "F"])))


def _npy(rng: np.random.Generator, arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    array = next(iter(arrays.values()))
    if rng.random() < 0.2:  # a header that claims what it likes
        shape = _HUGE[rng.integers(len(_HUGE))]
        header = {
            "descr": str(rng.choice(["<f4", "<f8", "|O", "<f16", "|V8"])),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_2_0(file, header)
        file.write(rng.bytes(400))
    else:
        np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def _npz(rng: np.random.Generator, arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    if rng.random() < 0.2:
        how = zipfile.ZIP_DEFLATED if rng.random() < 0.5 else zipfile.ZIP_STORED
        with zipfile.ZipFile(file, "w", how) as archive:
            for name, array in arrays.items():
                archive.writestr(f"{name}.npy", _npy(rng, {name: array}))
    else:
        (np.savez if rng.random() < 0.5 else np.savez_compressed)(file, **arrays)
    return file.getvalue()


def _h5(rng: np.random.Generator, arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        for name, array in arrays.items():
            way = rng.integers(8)
            if array.dtype.kind in "OMUV" or way == 0:
                h5.create_group(name)
            elif way == 1:  # values that no file holds
                h5.create_dataset(name, _HUGE[rng.integers(3)], "f4", chunks=(10, 10), fillvalue=1)
            elif way == 2:
                h5[name] = h5py.SoftLink(f"/{name}")
            elif way == 3:
                h5[name] = h5py.ExternalLink("mel.h5", name)
            elif way == 4 and array.ndim:
                h5.create_dataset(
                    name, data=array, compression="gzip", chunks=True
                ) if array.size else h5.create_group(name)
            else:
                h5[name] = array
    return file.getvalue()


def _pt(rng: np.random.Generator, arrays: dict[str, np.ndarray]) -> bytes:
    content: Any = {name: _tensor(rng, array) for name, array in arrays.items()}
    if rng.random() < 0.2:
        content = next(iter(content.values()))
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=bool(rng.integers(2)))
    return file.getvalue()


def _tensor(rng: np.random.Generator, array: np.ndarray) -> Any:
    if array.dtype.kind in "OMUVS" or array.dtype.byteorder == ">" or array.dtype.kind == "u":
        return [1, 2, 3] if rng.random() < 0.5 else "text"
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    changes: list[Callable[[torch.Tensor], Any]] = [
        lambda t: t.to(torch.bfloat16),
        lambda t: t.to_sparse(),
        lambda t: t.to("meta"),
        # one value that claims to be many
        lambda t: torch.zeros(1).expand(10, int(10 ** rng.uniform(1, 13))),
        lambda t: torch.nn.Parameter(t.float()),
        lambda t: torch.quantize_per_tensor(t.float(), 0.1, 0, torch.qint8),
    ]
    return changes[rng.integers(len(changes))](tensor) if rng.random() < 0.3 else tensor


_WRITERS = {".npy": _npy, ".npz": _npz, ".h5": _h5, ".pt": _pt}
