"""Speed, measured in one run: every case in turn, again and again, so that a noisy machine disturbs all of them alike.

A published shape is run with random weights: speed does not depend on their values.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.checkpoint import Model
from wavehax.config import FEATURES, GENERATORS, GeneratorConfig, parameter_shapes
from wavehax.errors import optional_module
from wavehax.files import replacing
from wavehax.vocoder import Vocoder


@dataclass(frozen=True)
class Case:
    """Something to time: `run` synthesises `seconds` of sound on one thread."""

    model: str
    what: str  # "whole", "f0", "stream 4", "PyTorch", ...
    isa: str
    seconds: float
    run: Callable[[], Any]


def shape_model(name: str) -> Model:
    """A model of one of the published shapes (`GENERATORS`) with small random weights."""
    config = GENERATORS[name]
    rng = np.random.default_rng(0)
    weights = {
        key: np.ones(shape, np.float32)
        if key.endswith(("scale", "running_var"))
        else rng.normal(0, 0.05, shape).astype(np.float32)
        for key, shape in parameter_shapes(config).items()
    }
    features = FEATURES["wavehax-48k" if config.sample_rate == 48000 else "wavehax-24k"]
    return Model(config, features, weights, {})


def model_cases(name: str, model: Model, isas: Sequence[str], chunks: Sequence[int], seconds: float) -> list[Case]:
    """The engine on every instruction set: the whole utterance, its F0 alone, streams of chunks of so many frames."""
    mel, f0 = _inputs(model.generator, seconds)
    length = len(f0) * model.generator.hop_length / model.generator.sample_rate
    cases = []
    for isa in isas:
        voc = Vocoder(model, isa=isa)
        cases.append(Case(name, "whole", voc.isa, length, lambda voc=voc: voc(mel, f0)))
        if voc.predicts_f0:
            cases.append(Case(name, "f0", voc.isa, length, lambda voc=voc: voc.f0(mel)))
        if not model.generator.streamable:
            continue
        for chunk in chunks:
            run = lambda voc=voc, chunk=chunk: _stream(voc, mel, f0, chunk)  # noqa: E731
            cases.append(Case(name, f"stream {chunk}", voc.isa, length, run))
    return cases


def pytorch_case(name: str, model: Model, seconds: float) -> Case:
    """The same model in the project's own PyTorch generator, on one thread.

    Raises:
        ModuleNotFoundError: PyTorch is not installed.
    """
    torch = optional_module("torch", "the PyTorch generator", "wavehax[train]")
    from wavehax.nn import build_generator

    torch.set_num_threads(1)
    generator = build_generator(model.generator).eval()
    generator.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in model.weights.items()})
    mel, f0 = (torch.from_numpy(x) for x in _inputs(model.generator, seconds))

    def run() -> None:
        with torch.inference_mode():
            generator(mel[None], f0[None, None])

    return Case(name, "PyTorch", "", len(f0) * model.generator.hop_length / model.generator.sample_rate, run)


def measure(cases: Sequence[Case], repeats: int) -> list[dict[str, Any]]:
    """Real-time factors: one round to warm up, then `repeats` rounds in which every case runs once.

    Returns:
        for each case, its names and `rtf` with the median, minimum and maximum of time over the length of the sound.
    """
    factors: list[list[float]] = [[] for _ in cases]
    for round_ in range(repeats + 1):
        for case, measured in zip(cases, factors, strict=True):
            start = time.perf_counter()
            case.run()
            if round_ > 0:
                measured.append((time.perf_counter() - start) / case.seconds)
    return [
        {
            "model": case.model,
            "what": case.what,
            "isa": case.isa,
            "rtf": {"median": statistics.median(measured), "min": min(measured), "max": max(measured)},
        }
        for case, measured in zip(cases, factors, strict=True)
    ]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The measurements as text; the last column compares with the first row of the same model."""
    lines = [f"{'model':<24}{'what':<12}{'isa':<10}{'rtf':>9}{'min':>9}{'max':>9}{'x real time':>13}{'time':>8}"]
    first: dict[str, float] = {}
    for row in rows:
        rtf = row["rtf"]
        ratio = rtf["median"] / first.setdefault(row["model"], rtf["median"])
        lines.append(
            f"{row['model']:<24}{row['what']:<12}{row['isa']:<10}{rtf['median']:>9.4f}{rtf['min']:>9.4f}{rtf['max']:>9.4f}"
            f"{1 / rtf['median']:>13.1f}{ratio:>7.2f}x"
        )
    return "\n".join(lines)


def write_json(path: Path, rows: Sequence[dict[str, Any]], overwrite: bool) -> None:
    """The measurements and the machine they are of; FileExistsError where the file is not to be replaced."""
    machine = {"processor": processor_name(), "platform": platform.platform(), "python": platform.python_version()}
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps({"machine": machine, "rows": list(rows)}, indent=1) + "\n")


def processor_name() -> str:
    """The processor as the operating system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _inputs(config: GeneratorConfig, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    frames = max(1, round(seconds * config.sample_rate / config.hop_length))
    mel = np.random.default_rng(1).standard_normal((config.n_mels, frames), np.float32)
    return mel, np.full(frames, 150.0, np.float32)


def _stream(voc: Vocoder, mel: np.ndarray, f0: np.ndarray, chunk: int) -> None:
    stream = voc.stream()
    for start in range(0, mel.shape[1], chunk):
        stream.push(mel[:, start : start + chunk], f0[start : start + chunk])
    stream.flush()
