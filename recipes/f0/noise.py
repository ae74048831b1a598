"""Measures how many V/UV errors even perfect noise makes.

python recipes/f0/noise.py MANIFEST.tsv

A vocoder draws the noise of unvoiced frames anew, so that Harvest finds a voice at other places in
it. Here the recording is kept, and in its unvoiced windows alone the phases are drawn anew (and,
for the second number, the magnitudes too, with the power of 5 bins around). What is left is no
error of a model. The third number is the error when the recording begins 7 samples later.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from wavehax.evaluate.items import Item, manifest_items
from wavehax.evaluate.pitch import FRAMES, f0_scores, harvest
from wavehax.files.sound import read_audio

N_FFT, HOP = 512, 128  # samples of a window of noise, and from one to the next
NEARBY = 5  # bins over which power is averaged
LATER = 7  # samples, 0.3 ms
SPLITS = ("dev", "unseen")


def noisy(
    wave: np.ndarray, f0: np.ndarray, rng: np.random.Generator, magnitudes: bool
) -> np.ndarray:
    """Draw the unvoiced windows of a wave [N] anew.

    Args:
        wave: 24 kHz.
        f0: of the wave on `FRAMES`, 0 where unvoiced.
        rng: draws.
        magnitudes: whether magnitudes are drawn too.
    """
    window = np.sqrt(np.hanning(N_FFT + 1)[:-1])
    padded = np.pad(wave.astype(np.float64), N_FFT)
    out = np.zeros_like(padded)
    for start in range(0, len(padded) - N_FFT, HOP):
        spectrum = np.fft.rfft(window * padded[start : start + N_FFT])
        first, last = ((start + end - N_FFT) // FRAMES.hop_length for end in (0, N_FFT))
        if not (f0[max(0, first) : max(0, last) + 1] > 0).any():
            normal = rng.standard_normal((2, len(spectrum)))
            drawn = normal[0] + 1j * normal[1]
            if magnitudes:
                power = np.pad(np.abs(spectrum) ** 2, NEARBY // 2, mode="edge")
                level = np.sqrt(np.convolve(power, np.full(NEARBY, 0.5 / NEARBY), "valid"))
                spectrum = level * drawn
            else:
                spectrum = np.abs(spectrum) * drawn / np.abs(drawn)
            spectrum *= np.sqrt(N_FFT / HOP)  # windows of independent phases add up by their power
        out[start : start + N_FFT] += window * np.fft.irfft(spectrum) * (2 * HOP / N_FFT)
    return out[N_FFT : N_FFT + len(wave)].astype(np.float32)


def errors(item: Item) -> tuple[float, ...]:
    """V/UV errors of a recording: phases drawn, magnitudes too, and moved."""
    wave, _ = read_audio(item.natural, FRAMES.sample_rate)
    f0 = harvest(wave, FRAMES.sample_rate, item.f0_range, "harvest")
    rng = np.random.default_rng(0)
    made = [noisy(wave, f0, rng, magnitudes) for magnitudes in (False, True)]
    made.append(np.pad(wave, (LATER, 0))[: len(wave)])
    return tuple(
        f0_scores(f0, harvest(one, FRAMES.sample_rate, item.f0_range, "harvest")).voicing_error
        for one in made
    )


def main(manifest: Path) -> None:
    """Print the means of each split in percent."""
    print(f"{'split':<8}{'files':>6}{'phases':>9}{'magnitudes too':>16}{'moved':>8}")
    for split in SPLITS:
        items = manifest_items(manifest, [split])
        means = 100 * np.mean([errors(item) for item in items], axis=0)
        print(f"{split:<8}{len(items):>6}{means[0]:>9.1f}{means[1]:>16.1f}{means[2]:>8.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
