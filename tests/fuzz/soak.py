"""Long runs, as fast as they go: `python tests/fuzz/soak.py phase|speech|voices [--frames N]`.

phase: the phase of a stream after 24 hours, against exact integers. speech: memory, level and cost
of the shipped model over 24 hours. voices: 200 voices of it, closed and replaced at random. A run
raises AssertionError where its claim fails.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import wavehax
from wavehax import Stream, Vocoder
from wavehax.checkpoint import Model
from wavehax.config import FeatureConfig, GeneratorConfig, parameter_shapes
from wavehax.files.sound import read_audio
from wavehax.mel.features import log_mel
from wavehax.official.convert import haar_packet

DAY = 8_100_000  # frames of 24 hours at hop 256 and 24 kHz
RECORDING = Path(__file__).parents[1] / "data" / "recording.wav"

_CHUNK = 1000  # frames pushed at once
_WINDOW = 24  # frames of constant F0 at both ends of a run, where the phase is measured
_MARGIN = 4  # frames left out at either end of them: more than a window of the transform
_PITCH = np.float32(171.3)  # Hz
_UNIT = 1 << 23  # float32 values of 1 and more are whole multiples of 1 / _UNIT


def echo() -> Vocoder:
    """A model that gives back its prior: Haar wavelets, which lose nothing, and a network that
    passes spectra on."""
    config = GeneratorConfig(
        n_mels=1, channels=4, mult_channels=1, kernel_size=(1, 1), num_blocks=1, n_fft=256,
        hop_length=256, norm="batch", time_padding="causal", num_streams=2, stream_filter="dwt",
    )  # fmt: skip
    weights = {
        name: np.zeros(shape, np.float32) for name, shape in parameter_shapes(config).items()
    }
    for name, value in weights.items():
        if name.endswith(("norm.weight", "running_var", "mel_scale")):
            value[...] = 1
    weights["filter_bank.analysis.weight"][:, 0] = weights["filter_bank.synthesis.weight"][0] = (
        haar_packet(2)
    )
    weights["input_proj.weight"][:, 2:] = weights["output_proj.weight"][...] = np.eye(4)
    features = FeatureConfig("none", 24000, 256, 512, 1, 0.0, 12000.0, "htk", "none", "same", 1e-5)
    return Vocoder(Model(config, features, weights))


def constant(frames: int) -> Iterator[np.ndarray]:
    """F0 [at most _CHUNK] of one pitch."""
    for first in range(0, frames, _CHUNK):
        yield np.full(min(_CHUNK, frames - first), _PITCH)


def varying(frames: int) -> Iterator[np.ndarray]:
    """F0 that glides over four octaves and stops, but for the windows at both ends."""
    for first in range(0, frames, _CHUNK):
        rng, t = np.random.default_rng(first), np.arange(first, min(first + _CHUNK, frames))
        f0 = 50 * 2 ** (2 + 2 * np.sin(t / rng.uniform(5, 500))) * (rng.random(len(t)) < 0.9)
        f0[(t < _WINDOW) | (t >= frames - _WINDOW)] = _PITCH
        yield f0.astype(np.float32)


def check_phase(frames: int) -> dict[str, object]:
    """Cycles by which the phase of a stream's harmonics goes astray between its first frames and
    its last.

    Below 1e-6, with F0 constant and varying, in memory that does not grow. The harmonics are a
    voice less another of the same seed without F0, which has the same noise, bit for bit.
    """
    voc, contours = echo(), (constant, varying)
    streams = [voc.stream(7) for _ in range(3)]
    tails = [np.zeros(0, np.float32)] * 3
    first, units, peaks = [], [0, 0], []  # units of 1 / (_UNIT * sample_rate) cycles: exact
    for pitches in zip(*(contour(frames) for contour in contours), strict=True):
        mel = np.zeros((1, len(pitches[0])), np.float32)
        for i, f0 in enumerate((*pitches, np.zeros_like(pitches[0]))):
            tails[i] = np.append(tails[i][-_WINDOW * voc.hop_length :], streams[i].push(mel, f0))
        first = first or [_phase(voc, tail - tails[2]) for tail in tails[:2]]
        units = [n + voc.hop_length * _exact(f0) for n, f0 in zip(units, pitches, strict=True)]
        peaks.append(_peak_kilobytes())
    tails = [
        np.append(a, b.flush())[-_WINDOW * voc.hop_length :]
        for a, b in zip(tails, streams, strict=True)
    ]
    errors = []
    for i in range(2):
        # from the first window to the last
        advance = units[i] - voc.hop_length * _exact(np.full(_WINDOW, _PITCH))
        cycles = advance % (_UNIT * voc.sample_rate) / (_UNIT * voc.sample_rate)
        errors.append((_phase(voc, tails[i] - tails[2]) - first[i] - cycles + 0.5) % 1 - 0.5)
    result = {
        "constant": errors[0],
        "varying": errors[1],
        "kilobytes": [peaks[len(peaks) // 10], peaks[-1]],
    }
    assert all(abs(error) < 1e-6 for error in errors), result
    assert peaks[-1] - peaks[len(peaks) // 10] < 1000, result
    return result


def _exact(f0: np.ndarray) -> int:
    """The sum of F0 in units of 1 / _UNIT Hz."""
    return int((f0.astype(float) * _UNIT).astype(np.int64).sum())


def _phase(voc: Vocoder, wave: np.ndarray) -> float:
    """Phase in cycles before frame _MARGIN of samples [n] of constant pitch: least squares on all
    harmonics."""
    begin, end = _MARGIN * voc.hop_length, (_WINDOW - _MARGIN) * voc.hop_length
    cycles = np.arange(1, end - begin + 1) * (float(_PITCH) / voc.sample_rate)
    angles = 2 * np.pi * np.outer(cycles, np.arange(1, int(voc.sample_rate / 2 / _PITCH) + 1))
    columns = np.hstack([np.sin(angles), np.cos(angles)])
    # all but orthogonal
    found = np.linalg.solve(columns.T @ columns, columns.T @ wave[begin:end].astype(float))
    return float(np.arctan2(found[angles.shape[1]], found[0]) / (2 * np.pi))


def check_speech(frames: int) -> dict[str, object]:
    """One stream of the shipped model that repeats a recording: its memory and level.

    The peak of memory must not rise after the first tenth, and the levels of the first tenth and
    the last must agree, to 0.1 % in a day: noise and phases differ, and N frames give a level to
    0.15 / sqrt(N), measured.
    """
    return _speak(frames)[1]


def check_cost(frames: int) -> dict[str, object]:
    """Check as `check_speech` does, and then that a frame costs no more than in a fresh stream.

    The two streams take turns, and may differ by 10 %."""
    stream, result = _speak(frames)
    fresh, mel = wavehax.load().stream(1), _mel()
    turns = np.array([[_push(voice, mel, 500)[0] for voice in (stream, fresh)] for _ in range(20)])
    result["cost of old to new"] = float(np.median(turns[:, 0] / turns[:, 1]))
    assert abs(result["cost of old to new"] - 1) < 0.1, result
    return result


def _mel() -> np.ndarray:
    features = wavehax.load().features
    return log_mel(read_audio(RECORDING, features.sample_rate)[0], features)


def _speak(frames: int) -> tuple[Stream, dict[str, object]]:
    stream, mel = wavehax.load().stream(1), _mel()
    part = mel.shape[1] * max(1, frames // 10 // mel.shape[1])
    levels, costs, peaks = [], [], []
    for _ in range(10):
        seconds, power = _push(stream, mel, part)
        costs.append(1e6 * seconds / part)
        levels.append(float(np.sqrt(power)))
        peaks.append(_peak_kilobytes())
        print(
            f"  {len(costs)}0 %: {costs[-1]:.1f} us a frame, level {levels[-1]:.6f}, {peaks[-1]}"
            " KB",
            flush=True,
        )
    result = {"microseconds": np.round(costs, 1).tolist(), "levels": levels, "kilobytes": peaks}
    assert peaks[-1] - peaks[0] < 1000, result
    assert abs(levels[-1] / levels[0] - 1) < 1 / np.sqrt(part), result
    return stream, result


def _push(stream: Stream, mel: np.ndarray, frames: int) -> tuple[float, float]:
    """Push `mel` again and again, `frames` in all: processor seconds, and the mean power of the
    samples."""
    start, energy, samples = time.thread_time(), 0.0, 0
    while frames > 0:
        wave = stream.push(mel[:, :frames])
        energy += float(wave @ wave)
        samples += len(wave)
        frames -= mel.shape[1]
    return time.thread_time() - start, energy / max(samples, 1)


class Voice:
    """A stream and the samples that it has given, in an array as large as they get: only the
    engine's memory varies."""

    def __init__(self, voc: Vocoder, frames: int) -> None:
        self.voc, self.wave = voc, np.zeros(frames * voc.hop_length, np.float32)
        self.wave[...] = np.inf  # touched, so that the system has given it

    def open(self, seed: int) -> None:
        """Begin another utterance, with a stream of its own."""
        self.seed, self.stream, self.frames, self.samples = seed, self.voc.stream(seed), 0, 0

    def push(self, mel: np.ndarray) -> None:
        self._keep(self.stream.push(mel))
        self.frames += mel.shape[1]

    def equals_the_whole(self, mel: np.ndarray) -> bool:
        """Whether the flushed stream gave the samples of one call with the same frames of `mel`."""
        self._keep(self.stream.flush())
        return np.array_equal(
            self.wave[: self.samples], self.voc(mel[:, : self.frames], seed=self.seed)
        )

    def _keep(self, wave: np.ndarray) -> None:
        self.wave[self.samples : self.samples + len(wave)] = wave
        self.samples += len(wave)


def check_voices(frames: int, most: int = 200) -> dict[str, object]:
    """Voices, each fed chunks of 1 to 8 frames and closed at random, when another is opened in its
    place.

    One of four that are closed is flushed and must equal the whole utterance. All are open before
    the first frame, and the peak of memory must not rise after the first half: of a million frames,
    2,600 voices are closed in the second.
    """
    voc, rng, mel = wavehax.load(), np.random.default_rng(0), _mel()[:, :200]
    voc(mel)  # what a whole utterance needs is in the first peak
    voices = [Voice(voc, mel.shape[1]) for _ in range(most)]
    for seed, voice in enumerate(voices):
        voice.open(seed)
    peaks, opened, compared, done = [], most, 0, 0
    while done < frames:
        voice = voices[rng.integers(most)]
        count = min(int(rng.integers(1, 9)), mel.shape[1] - voice.frames)
        voice.push(mel[:, voice.frames : voice.frames + count])
        if voice.frames == mel.shape[1] or rng.random() < 0.002:
            if voice.seed % 4 == 0:
                assert voice.equals_the_whole(mel), voice.seed
                compared += 1
            voice.open(opened)
            opened += 1
        done += count
        if done * 10 // frames > len(peaks):
            peaks.append(_peak_kilobytes())
    result = {"voices opened": opened, "compared": compared, "kilobytes": peaks}
    assert peaks[-1] - peaks[len(peaks) // 2] < 1000, result
    return result


def _peak_kilobytes() -> int:
    """Peak memory of this program. On Linux, ru_maxrss would begin with that of its parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.read_text().partition("VmHWM:")[2].split()[0])


def main() -> None:
    runs = {
        "phase": (check_phase, DAY),
        "speech": (check_cost, DAY),
        "voices": (check_voices, 1_000_000),
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", choices=runs)
    parser.add_argument("--frames", type=int, help=f"default {DAY:,}, 24 hours; voices: 1,000,000")
    arguments = parser.parse_args()
    run, frames = runs[arguments.run]
    start, used = time.monotonic(), time.process_time()
    result = run(arguments.frames or frames)
    print(f"{arguments.run}: {arguments.frames or frames:,} frames, {time.monotonic() - start:.0f}"
        " s,"
          f" {time.process_time() - used:.0f} s of processor")  # fmt: skip
    for name, value in result.items():
        print(f"  {name}: {value}")


if __name__ == "__main__":
    main()
