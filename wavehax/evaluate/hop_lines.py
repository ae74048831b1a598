"""Finds lines at the multiples of the hop rate, which a network can leave in noise and silence.

Its frames are all made alike, so what it adds to each is a tone at multiples of
sample_rate / hop_length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wavehax.evaluate.frames import Voicing
from wavehax.mel.features import hann_window

# Hops of a window. The main lobe of a Hann window is then a third of the hop rate wide to either
# side, and the middle between two lines is half the hop rate away.
_HOPS = 6
_BAND = (200.0, 11500.0)  # Hz; below it lie mains hum and rumble
_LEAST_WINDOWS = 4  # windows for a figure
_LEAST_POWER = 1e-12  # mean power of a window that counts; less is digital silence


@dataclass(frozen=True)
class HopLines:
    """How far the multiples of the hop rate stand out of their neighbours, in dB.

    It is 0 for sound that ignores the frames, on average, and may be negative.
    """

    hz: list[float]  # the multiples
    output: list[float]  # of each, in the output
    recording: list[float]  # the same in the recording


def hop_lines(
    natural: np.ndarray, generated: np.ndarray, rate: int, hop: float, classes: Voicing
) -> dict[str, HopLines]:
    """Find lines in the noise and in the silence of a sound, and in those of its recording.

    Windows of 6 hops lie within one stretch of noise (unvoiced sound) or of silence. Their powers
    are averaged, so that each window counts alike. A multiple of the hop rate is then compared with
    the geometric mean of the places half a hop rate below and above it.

    Args:
        natural: the recording, [N].
        generated: the sound made from it, [N].
        rate: Hz.
        hop: samples between the frames that the vocoder takes, perhaps not a whole number.
        classes: the unvoiced and the silent samples of the recording.

    Returns:
        the lines of "noise" and "silence", without those that have fewer than 4 windows. Windows in
        which either sound has less than -120 dBFS do not count.
    """
    found = {}
    for kind, mask in (("noise", classes.unvoiced), ("silence", classes.silent)):
        starts = [
            start
            for start in _starts(mask, hop)
            if min(_power(wave, start, hop) for wave in (natural, generated)) > _LEAST_POWER
        ]
        if len(starts) >= _LEAST_WINDOWS:
            numbers = np.arange(
                np.ceil(_BAND[0] * hop / rate + 0.5),
                np.floor(min(_BAND[1], 0.48 * rate) * hop / rate - 0.5) + 1,
            ).astype(int)
            output, recording = (
                _excess(wave, starts, hop, numbers) for wave in (generated, natural)
            )
            found[kind] = HopLines((numbers * rate / hop).tolist(), output, recording)
    return found


def _starts(mask: np.ndarray, hop: float) -> Iterator[int]:
    """The first samples of windows that lie within one stretch of a mask, half a window apart."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(int)))
    size = round(_HOPS * hop)
    for first, end in edges.reshape(-1, 2):
        yield from range(first, end - size + 1, size // 2)


def _power(wave: np.ndarray, start: int, hop: float) -> float:
    return float(np.mean(wave[start : start + round(_HOPS * hop)].astype(np.float64) ** 2))


def _excess(wave: np.ndarray, starts: list[int], hop: float, numbers: np.ndarray) -> list[float]:
    """The level of multiples `numbers` of the hop rate over their neighbours, in dB."""
    size = round(_HOPS * hop)
    windows = np.stack([wave[start : start + size] for start in starts]).astype(np.float64)
    windows /= np.sqrt((windows**2).mean(axis=1, keepdims=True))
    power = (np.abs(np.fft.rfft(windows * hann_window(size), axis=1)) ** 2).mean(axis=0)
    level = 10 * np.log10(np.maximum(power, 1e-30))
    middle = _HOPS // 2
    places = _HOPS * numbers
    return (level[places] - (level[places - middle] + level[places + middle]) / 2).tolist()
