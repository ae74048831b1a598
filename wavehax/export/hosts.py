"""What other programs expect of a vocoder: sherpa-onnx, and OpenUtau with its DiffSinger.

Both call a graph of whole utterances without noise and phase, so these are made inside, those of
seed 0.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, TypeAlias
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from wavehax.checkpoint import Model
from wavehax.config import FeatureConfig
from wavehax.export.graph import Graph, Tensor, integers
from wavehax.export.transforms import analysis_weight

Host: TypeAlias = Literal["sherpa", "openutau"]

SUFFIXES: dict[Host | None, str] = {None: ".onnx", "sherpa": ".onnx", "openutau": ".oudep"}
"""The ending of the file by host; None is a graph for no host in particular."""

SEED = 0

_MAX_BANDS = 255  # of a vocoder in OpenUtau
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def check(model: Model, out: Path, host: Host) -> None:
    """Raise ValueError where a host could not use the model, or the name of the file."""
    if host == "openutau":
        _check_openutau(model.features)
        if not _NAME.fullmatch(out.stem):
            raise ValueError(
                f"{out}: its name becomes that of the vocoder: expected lower-case letters, digits,"
                " '-', '_' and '.'"
            )


def _check_openutau(features: FeatureConfig) -> None:
    """Raise ValueError for a mel that a vocoder.yaml cannot describe."""
    for name, value, expected in (
        ("mel_norm", features.mel_norm, "slaney"),
        ("padding", features.padding, "same"),
    ):
        if value != expected:
            raise ValueError(
                f"openutau: the mel of this model has {name} {value!r}; expected {expected!r}, as"
                " all mels of DiffSinger have"
            )
    if features.n_mels > _MAX_BANDS:
        raise ValueError(
            f"openutau: the mel of this model has {features.n_mels} bands; expected at most"
            f" {_MAX_BANDS}"
        )


def add_spectrum(graph: Graph, wave: Tensor, hop: int) -> None:
    """Declare the outputs that sherpa-onnx reads, from which it makes the waveform.

    It multiplies the first output, a magnitude, with the second and the third, a cosine and a sine,
    and applies an inverse STFT of centred frames. Here the magnitude is 1, and the others are the
    STFT of the waveform, so that the inverse gives the waveform back.

    Args:
        graph: the graph.
        wave: waveform [B, T * hop].
        hop: samples.
    """
    n_fft = spectrum_size(hop)
    padded = wave.unsqueeze(1).op("Pad", integers(n_fft // 2, n_fft // 2), 0, integers(2))
    both = padded.op("Conv", analysis_weight(n_fft), strides=[hop])
    parts = both.slice(1, 0, n_fft // 2 + 1), both.slice(1, n_fft // 2 + 1)
    ones = graph.op("Expand", np.float32(1), parts[0].op("Shape"))
    shape: list[int | str] = ["batch", n_fft // 2 + 1, "spectra"]
    for name, part, text in zip(
        ("mag", "x", "y"), (ones, *parts), ("1", "real part", "imaginary part"), strict=True
    ):
        graph.output(name, part, shape, text)


def spectrum_size(hop: int) -> int:
    """Samples of the Fourier transform of `add_spectrum`: a power of 2, at least two hops."""
    return 2 << (hop - 1).bit_length()


def sherpa_metadata(model: Model) -> dict[str, str]:
    """What sherpa-onnx reads of the metadata, beside `sample_rate` and `hop_length`."""
    n_fft = str(spectrum_size(model.generator.hop_length))
    return {
        "model_type": "vocos",  # an inverse STFT follows; ZipVoice takes no other type
        "n_fft": n_fft,
        "win_length": n_fft,
        "window_type": "hann",
        "center": "1",
        "normalized": "0",
    }


def write_oudep(path: Path, name: str, graph: bytes, features: FeatureConfig) -> None:
    """Write a package that OpenUtau installs: the graph, `vocoder.yaml` and `oudep.yaml`.

    Args:
        path: the file to write, a zip archive.
        name: name of the vocoder.
        graph: the ONNX file.
        features: definition of the mel.
    """
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for member, content in (
            ("oudep.yaml", _oudep_yaml(name).encode()),
            ("vocoder.yaml", _vocoder_yaml(name, features).encode()),
            (f"{name}.onnx", graph),
        ):
            archive.writestr(ZipInfo(member), content)  # without the time: same model, same bytes


def _oudep_yaml(name: str) -> str:
    """What OpenUtau reads of a package: `name` in older versions, `id` and `version` in newer."""
    identity = name.replace("_", "-")  # an id has no underscores
    return f"name: '{name}'\nid: '{identity}'\nversion: '1.0'\ndescription: 'Vocoder of wavehax'\n"


def _vocoder_yaml(name: str, features: FeatureConfig) -> str:
    """What OpenUtau reads of a vocoder. `mel_base` e says that the mel has natural logarithms."""
    fields = {
        "name": f"'{name}'",
        "model": f"'{name}.onnx'",
        "sample_rate": features.sample_rate,
        "hop_size": features.hop_length,
        "win_size": features.n_fft,
        "fft_size": features.n_fft,
        "num_mel_bins": features.n_mels,
        "mel_fmin": features.f_min,
        "mel_fmax": features.f_max,
        "mel_base": "e",
        "mel_scale": features.mel_scale,
        # A model follows the harmonics that the mel shows, so the mel must be that of the F0.
        "pitch_controllable": "false",
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items())
