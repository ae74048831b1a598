"""Fuzz target: model files. Refused with one line and in little memory, or loaded, and then they
speak."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
from mutations import damaged, damaged_json, hostile
from tiny_models import tiny_model, with_f0

from wavehax.checkpoint import F0Model, Model, load_model, save_model
from wavehax.config import (
    F0Config,
    GeneratorConfig,
    f0_parameter_shapes,
    from_dict,
    parameter_shapes,
    to_dict,
)
from wavehax.errors import ModelError
from wavehax.vocoder import Vocoder

MEMORY = 6_000_000
"""Bytes that refusing a file may take besides twice its size: what Python's objects of the largest
header take."""
_SPEAKING = 512 << 20  # bytes that a voice of a small file may take
_SMALL = 4 << 20  # bytes of the weights of a made-up model


class ModelFiles:
    """Model files changed byte by byte, in the header, in the configuration, in the tensors, or
    made up whole."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "m.safetensors"
        self.models = [
            with_f0(tiny_model("tiny_wavehax_frame")),
            tiny_model("tiny_mswavehax"),
            tiny_model("tiny_wavehax"),
        ]
        self.contents = []
        for model in self.models:
            save_model(self.path, model)
            self.contents.append(self.path.read_bytes())

    def __call__(self, rng: np.random.Generator) -> str:
        ways = (
            self._bytes,
            self._header_bytes,
            self._header,
            self._config,
            self._tensors,
            self._json,
            self._made_up,
        )
        self.path.write_bytes(ways[rng.integers(len(ways))](rng))
        traced = rng.random() < 0.2  # which takes longer
        if traced:
            tracemalloc.start()
        try:
            model = load_model(self.path)
        except ModelError as error:
            assert str(error).startswith(f"{self.path}: ") and "\n" not in str(error), str(error)
            peak = tracemalloc.get_traced_memory()[1]  # 0 where it is not traced
            assert peak < 2 * self.path.stat().st_size + MEMORY, peak
            return "refused"
        finally:
            tracemalloc.stop()
        return _speak(model)

    def _content(self, rng: np.random.Generator) -> tuple[bytes, dict[str, Any], bytes]:
        content = self.contents[rng.integers(len(self.contents))]
        length = int.from_bytes(content[:8], "little")
        return content, json.loads(content[8 : 8 + length]), content[8 + length :]

    def _bytes(self, rng: np.random.Generator) -> bytes:
        return damaged(rng, self._content(rng)[0])

    def _header_bytes(self, rng: np.random.Generator) -> bytes:
        _, header, data = self._content(rng)
        return _joined(damaged(rng, json.dumps(header).encode()), data)

    def _header(self, rng: np.random.Generator) -> bytes:
        _, header, data = self._content(rng)
        return _joined(json.dumps(damaged_json(rng, header)).encode(), data)

    def _config(self, rng: np.random.Generator) -> bytes:
        _, header, data = self._content(rng)
        config = damaged_json(rng, json.loads(header["__metadata__"]["wavehax"]))
        header["__metadata__"]["wavehax"] = json.dumps(config)
        return _joined(json.dumps(header).encode(), data)

    def _tensors(self, rng: np.random.Generator) -> bytes:
        """Values that are no numbers, and tensors twice, swapped or over one another."""
        _, header, data = self._content(rng)
        names = [
            str(name) for name in rng.choice([name for name in header if name != "__metadata__"], 2)
        ]
        way = rng.integers(4)
        if way == 0:
            values = np.frombuffer(data, "<f4").copy()
            values[rng.integers(len(values))] = rng.choice(
                [np.nan, np.inf, -np.inf, 3e38, 1e-45, -0.0]
            )
            data = values.tobytes()
        elif way == 1:
            header[names[0]], header[names[1]] = header[names[1]], header[names[0]]
        elif way == 2:
            header[names[0]] = header[names[1]]
        text = json.dumps(header)
        if way == 3:
            text = f"{text[:-1]}, {json.dumps(names[0])}: {json.dumps(header[names[0]])}}}"
        return _joined(text.encode(), data)

    def _json(self, rng: np.random.Generator) -> bytes:
        """JSON of great depth or many values: as the header, as the configuration or as the
        provenance."""
        _, header, data = self._content(rng)
        unit = str(
            rng.choice(
                [
                    "[",
                    '{"a":',
                    "[],",
                    "{},",
                    '{"a":0},',
                    '"ab",',
                    "1,",
                    "1.5,",
                    "1" * 99,
                    '"\\ud83c\\udfa4",',
                ]
            )
        )
        text = unit * int(2 ** rng.uniform(0, 18))
        if rng.random() < 0.1:  # one value alone
            return _joined(json.dumps(hostile(rng)).encode(), data)
        opening, closing = ("", "") if unit in ("[", '{"a":') else ("[", "0]")
        if unit in ("[", '{"a":'):
            text += "0" + ("]" if unit == "[" else "}") * (len(text) // len(unit))
        text = opening + text + closing
        if rng.random() < 0.3:
            return _joined(text.encode(), data)
        config = header["__metadata__"]["wavehax"]
        config = (
            text
            if rng.random() < 0.3
            else config.replace('"provenance": {', f'"provenance": {{"x": {text}, ')
        )
        header["__metadata__"]["wavehax"] = config
        return _joined(json.dumps(header, ensure_ascii=bool(rng.integers(2))).encode(), data)

    def _made_up(self, rng: np.random.Generator) -> bytes:
        """A whole model whose tensors fit its configuration, strange as that may be, in a small
        file."""
        model = self.models[rng.integers(len(self.models))]
        try:
            model = _strange(rng, model)
            save_model(self.path, model)
        except ValueError:  # no model at all: a case as good as any other
            return damaged(rng, self._content(rng)[0])
        return self.path.read_bytes()


def _joined(header: bytes, data: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def _strange(rng: np.random.Generator, model: Model) -> Model:
    sizes = {
        "n_mels": 3e5,
        "channels": 600,
        "mult_channels": 600,
        "num_blocks": 40,
        "num_streams": 500,
        "sample_rate": 1e9,
    }
    fields = to_dict(model.generator)
    for name in rng.choice(list(sizes), rng.integers(0, 3), replace=False):
        fields[str(name)] = int(sizes[str(name)] ** rng.random())
    if rng.random() < 0.5:
        hop = 2 * fields["num_streams"] * int(1e4 ** rng.random())
        fields.update(
            hop_length=hop, n_fft=2 * (hop // fields["num_streams"] + int(rng.integers(9)))
        )
    if rng.random() < 0.5:
        fields["kernel_size"] = [2 * int(1e4 ** rng.random()) + 1, 2 * int(2e5 ** rng.random()) + 1]
    fields.update(
        norm=str(rng.choice(["frame", "batch"])),
        outer_norm="",
        prior=str(rng.choice(["pcph", "sawtooth"])),
    )
    generator = from_dict(GeneratorConfig, fields)
    same = {name: getattr(generator, name) for name in ("sample_rate", "hop_length", "n_mels")}
    n_fft = generator.hop_length + 2 * int(1e5 ** rng.random())
    features = dataclasses.replace(
        model.features, **same, n_fft=n_fft, f_max=generator.sample_rate / 2
    )
    f0 = _strange_f0(rng, generator.n_mels) if rng.random() < 0.3 else None
    return Model(generator, features, _weights(rng, parameter_shapes(generator)), {}, f0)


def _strange_f0(rng: np.random.Generator, n_mels: int) -> F0Model:
    sizes = {"channels": 4096, "num_blocks": 10, "kernel_size": 64, "num_bins": 100}
    config = F0Config(**{name: int(size ** rng.random()) for name, size in sizes.items()})
    return F0Model(config, _weights(rng, f0_parameter_shapes(config, n_mels)))


def _weights(rng: np.random.Generator, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    if 4 * sum(float(np.prod(shape, dtype=float)) for shape in shapes.values()) > _SMALL:
        raise ValueError("not a small file")
    return {
        name: np.full(shape, rng.choice([0.1, 1, 1e38]), np.float32)
        for name, shape in shapes.items()
    }


def _speak(model: Model) -> str:
    """A few frames, whole and streamed: the same, where they are numbers, from a voice of bounded
    memory."""
    voc = Vocoder(model)
    mel, f0 = np.zeros((voc.features.n_mels, 3), np.float32), np.array([0, 100, 5000], np.float32)
    wave = voc(mel, f0)
    assert wave.shape == (3 * voc.hop_length,)
    if voc.predicts_f0:
        voc.f0(mel)
    if not voc.config.streamable:
        return "spoke"
    stream = voc.stream()
    assert stream.memory < _SPEAKING, stream.memory
    assert np.array_equal(
        np.concatenate([stream.push(mel, f0), stream.flush()]), wave, equal_nan=True
    )
    return "spoke and streamed"
