"""Measures speed in rounds; in each round every case runs once.

A noisy machine then disturbs all cases alike. Cases are compared round by round, because a
processor that changes its clock changes it for a whole round.

A case of one thread is timed in processor time, which leaves out the other work of the machine. One
of several threads is timed by the wall clock. Published shapes run with random weights: speed does
not depend on their values.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavehax import _engine
from wavehax.checkpoint import Model, load_model
from wavehax.config import FEATURES, GENERATORS, GeneratorConfig, parameter_shapes
from wavehax.files.outputs import replacing
from wavehax.models.locate import model_path
from wavehax.vocoder import Vocoder

_PEAK_SECONDS = 0.02  # length of a measurement of the peak, at 200 GFLOP/s
_PERCENTILES = (50, 99, 99.9)


@dataclass(frozen=True)
class Case:
    """Work to time: `run` synthesises `seconds` of sound.

    The `run` of a stream returns the seconds that each push took.
    """

    model: str
    what: str  # "whole", "f0", "stream 4", "PyTorch", ...
    seconds: float
    run: Callable[[], Any]
    isa: str = ""
    precision: str = ""
    threads: int = 1
    operations: float = 0.0  # floating-point operations of products in `seconds` of sound


def named_model(name: str) -> Model:
    """A model file, a shipped model, or a published shape with small random weights."""
    if name not in GENERATORS:
        return load_model(model_path(name))
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


def operations_per_frame(config: GeneratorConfig) -> float:
    """Floating-point operations of all products for a frame, two for a multiply-add.

    GELU, norms and transforms are not counted.
    """
    bins, channels, mels = config.num_bins, config.channels, config.n_mels
    planes = config.planes + 2 * config.num_streams
    projections = config.projection_taps * (
        bins * mels * config.num_streams + (2 * bins * bins if config.has_prior_proj else 0)
    )
    projections += bins * mels if config.output == "excitation" else 0
    depthwise = config.kernel_size[0] * config.kernel_size[1]
    block = bins * channels * (depthwise + 2 * channels * config.mult_channels)
    return 2.0 * (projections + bins * channels * planes + config.num_blocks * block)


def model_cases(
    name: str,
    voc: Vocoder,
    chunks: Sequence[int],
    threads: Sequence[int],
    seconds: float,
    voices: Sequence[int] = (),
) -> list[Case]:
    """Cases of the engine.

    They are the whole utterance, once for each number of `threads`; its F0 alone; a stream for each
    chunk size of `chunks`, in frames; and for each number of `voices` that many streams on one
    thread, a frame of each in turn. The seconds of sound of voices are those of all together.
    """
    config = voc.config
    mel, f0 = inputs(config, seconds)
    length = len(f0) * config.hop_length / config.sample_rate
    operations = len(f0) * operations_per_frame(config)

    def case(
        what: str, run: Callable[..., Any], *arguments: Any, threads: int = 1, voices: int = 1
    ) -> Case:
        work = functools.partial(run, *arguments)
        return Case(
            name, what, voices * length, work, voc.isa, voc.precision, threads, voices * operations
        )

    whole = functools.partial(voc, mel, f0, force_definition=True)
    cases = [case("whole", functools.partial(whole, threads=n), threads=n) for n in threads]
    if voc.predicts_f0:
        predictor = case("f0", voc.f0, mel)
        cases.append(dataclasses.replace(predictor, precision="fp32", operations=0.0))
    if config.streamable:
        cases += [case(f"stream {chunk}", _stream, voc, mel, f0, chunk) for chunk in chunks]
        cases += [case(f"voices {n}", _voices, voc, mel, f0, n, voices=n) for n in voices]
    return cases


def inputs(config: GeneratorConfig, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Mel [n_mels, T] and F0 [T] to synthesise; T >= 1."""
    frames = max(1, round(seconds * config.sample_rate / config.hop_length))
    mel = np.random.default_rng(1).standard_normal((config.n_mels, frames), np.float32)
    return mel, np.full(frames, 150.0, np.float32)


def _stream(voc: Vocoder, mel: np.ndarray, f0: np.ndarray, chunk: int) -> list[float]:
    stream = voc.stream()
    times = []
    for start in range(0, mel.shape[1], chunk):
        begin = time.thread_time()
        stream.push(mel[:, start : start + chunk], f0[start : start + chunk])
        times.append(time.thread_time() - begin)
    stream.flush()
    return times


def _voices(voc: Vocoder, mel: np.ndarray, f0: np.ndarray, count: int) -> None:
    streams = [voc.stream(seed=seed) for seed in range(count)]
    for t in range(mel.shape[1]):
        for stream in streams:
            stream.push(mel[:, t : t + 1], f0[t : t + 1])
    for stream in streams:
        stream.flush()


def measure(cases: Sequence[Case], repeats: int) -> list[dict[str, Any]]:
    """Time all cases, in a round to warm up and then `repeats` rounds.

    Each round also times multiply-adds alone, for the peak of the processor.

    Returns:
        a row for each case, with `model`, `what`, `isa`, `precision` and `threads`. `rtf` is the
        median, minimum and maximum of time over the length of the sound. `ratio` compares the time
        with that of the first case of the same model, as a median over rounds. Cases of the engine
        also have `gflops`, billions of operations a second in products, and `peak_share`, their
        share of the multiply-adds that the round reached, as medians. Streams have `push_ms`,
        percentiles of the milliseconds of a push.
    """
    factors: list[list[float]] = [[] for _ in cases]
    pushes: list[list[float]] = [[] for _ in cases]
    peaks: dict[str, list[float]] = {case.isa: [] for case in cases if case.isa}
    for round_ in range(repeats + 1):
        for isa, measured in peaks.items():
            measured.append(_peak(isa))
        for i, case in enumerate(cases):
            clock = time.process_time if case.threads == 1 else time.perf_counter
            start = clock()
            times = case.run()
            if round_ > 0:
                factors[i].append((clock() - start) / case.seconds)
                pushes[i] += times if isinstance(times, list) else []
    first: dict[str, list[float]] = {}
    rows = []
    for case, of_case, of_pushes in zip(cases, factors, pushes, strict=True):
        reference = first.setdefault(case.model, of_case)
        rows.append(
            _row(case, of_case, reference, peaks[case.isa][1:] if case.isa else [], of_pushes)
        )
    return rows


def _peak(isa: str) -> float:
    """Floating-point operations a second that one thread reaches with multiply-adds alone."""
    rounds = int(_PEAK_SECONDS * 200e9 / _engine.multiply_adds(isa, 1))
    start = time.thread_time()
    operations = _engine.multiply_adds(isa, rounds)
    return operations / (time.thread_time() - start)


def _row(
    case: Case,
    factors: list[float],
    reference: list[float],
    peaks: list[float],
    pushes: list[float],
) -> dict[str, Any]:
    """The row of a case.

    `factors`, the `reference` that they are compared with, and `peaks` have a value for each round.
    """
    row = {name: getattr(case, name) for name in ("model", "what", "isa", "precision", "threads")}
    median = statistics.median(factors)
    row["rtf"] = {"median": median, "min": min(factors), "max": max(factors)}
    row["ratio"] = statistics.median(a / b for a, b in zip(factors, reference, strict=True))
    if case.operations:
        speeds = [case.operations / (factor * case.seconds) for factor in factors]
        row["gflops"] = statistics.median(speeds) / 1e9
        row["peak_share"] = (
            statistics.median(a / b for a, b in zip(speeds, peaks, strict=True)) / case.threads
        )
    if pushes:
        milliseconds = 1000 * np.percentile(pushes, _PERCENTILES)
        row["push_ms"] = {
            f"p{p:g}": float(value) for p, value in zip(_PERCENTILES, milliseconds, strict=True)
        }
    return row


def stages(name: str, voc: Vocoder, repeats: int, seconds: float) -> dict[str, Any]:
    """The share of each stage in the time of a whole utterance, from medians of `repeats` runs."""
    mel, f0 = inputs(voc.config, seconds)
    runs = [voc._engine.profile(mel, f0) for _ in range(repeats)]
    medians = {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}
    shares = {stage: value / sum(medians.values()) for stage, value in medians.items()}
    return {"model": name, "isa": voc.isa, "precision": voc.precision, "shares": shares}


def table(rows: Sequence[dict[str, Any]], profiles: Sequence[dict[str, Any]]) -> str:
    """The measurements as text.

    The column `time` compares with the first row of the same model.
    """
    lines = [
        f"{'model':<18}{'what':<14}{'isa':<9}{'weights':<8}{'threads':>7}"
        f"{'rtf':>9}{'min':>9}{'max':>9}{'x real time':>12}{'time':>8}{'GFLOP/s':>9}{'of peak':>9}"
        "  push ms p50 p99 p99.9"
    ]
    for row in rows:
        rtf = row["rtf"]
        speed = (
            f"{row['gflops']:>9.1f}{100 * row['peak_share']:>8.0f}%"
            if "gflops" in row
            else " " * 18
        )
        pushes = "".join(f"{value:>8.3f}" for value in row.get("push_ms", {}).values())
        lines.append(
            f"{row['model']:<18}{row['what']:<14}{row['isa']:<9}{row['precision']:<8}"
            f"{row['threads']:>7}{rtf['median']:>9.4f}{rtf['min']:>9.4f}{rtf['max']:>9.4f}"
            f"{1 / rtf['median']:>12.1f}{row['ratio']:>7.2f}x"
            f"{speed}{pushes}"
        )
    for profile in profiles:
        shares = ", ".join(
            f"{stage} {100 * share:.0f} %" for stage, share in profile["shares"].items()
        )
        lines.append(f"{profile['model']} {profile['isa']} {profile['precision']}: {shares}")
    return "\n".join(lines)


def write_json(path: Path, rows: Sequence[dict], profiles: Sequence[dict], overwrite: bool) -> None:
    """Write the measurements, and the machine that they are from, as JSON.

    Raises:
        FileExistsError: `path` exists and `overwrite` is not set.
    """
    machine = {
        "processor": processor_name(),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }
    result = {"machine": machine, "rows": list(rows), "stages": list(profiles)}
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")


def processor_name() -> str:
    """The processor as the operating system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
