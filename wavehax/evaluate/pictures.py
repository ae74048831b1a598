"""Spectrograms as PNG, curves as SVG: what a report shows, without a plotting library."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wavehax.mel.features import hann_window

SPECTROGRAM_HEIGHT = 200  # pixels
_N_FFT = 1024
_RANGE_DB = 80.0  # from the brightest colour to black
_MAX_WIDTH = 900  # pixels
_FIGURE_WIDTH = 520  # to which these are stretched, in units of which the height has 200
_ROWS_PER_PIXEL = 4  # of which the loudest is shown: at 12 kHz a pixel is 8 bins high
_TICKS_HZ = (200, 500, 1000, 2000, 4000, 8000)
_CURVE_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e")
_COLOURS = np.array(
    [(0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164)]
)


def png(levels: np.ndarray) -> bytes:
    """A PNG with a palette from black through violet and orange to yellow.

    Args:
        levels: uint8 [height, width], the first row on top.
    """
    height, width = levels.shape
    position = np.linspace(0, len(_COLOURS) - 1, 256)
    palette = np.stack(
        [np.interp(position, range(len(_COLOURS)), channel) for channel in _COLOURS.T], axis=1
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)  # 8 bits, palette, no interlace
    rows = np.pad(levels, ((0, 0), (1, 0)))  # each row begins with its filter: none
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette.astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def mel_height(hz: np.ndarray, sample_rate: int) -> np.ndarray:
    """0 at 0 Hz to 1 at half the sample rate, evenly in mel (HTK): the vertical axis of the
    spectrograms."""
    return np.log1p(np.asarray(hz) / 700) / np.log1p(sample_rate / 2 / 700)


def spectrogram(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Levels in dB, [SPECTROGRAM_HEIGHT, width], frequency from half the sample rate on top down to
    0, time over width.

    0 dB is a sine of amplitude 1.
    """
    width = min(_MAX_WIDTH, max(1, len(wave) // (_N_FFT // 8)))
    padded = np.pad(wave.astype(np.float32), _N_FFT // 2)
    starts = np.linspace(0, len(padded) - _N_FFT, width).astype(int)
    frames = sliding_window_view(padded, _N_FFT)[starts] * hann_window(_N_FFT).astype(np.float32)
    level = 20 * np.log10(np.maximum(np.abs(np.fft.rfft(frames)) / (_N_FFT / 4), 1e-8))
    rows = SPECTROGRAM_HEIGHT * _ROWS_PER_PIXEL
    # of mel_height
    hz = 700 * np.expm1((1 - (np.arange(rows) + 0.5) / rows) * np.log1p(sample_rate / 2 / 700))
    bins = np.fft.rfftfreq(_N_FFT, 1 / sample_rate)
    fine = np.stack([np.interp(hz, bins, frame) for frame in level], axis=1)
    return fine.reshape(SPECTROGRAM_HEIGHT, _ROWS_PER_PIXEL, width).max(axis=1)


def spectrogram_figure(
    level: np.ndarray, top_db: float, f0: np.ndarray, sample_rate: int, title: str
) -> str:
    """SVG of a spectrogram with F0 drawn over it.

    Args:
        level: as `spectrogram` gives it.
        top_db: level of the brightest colour.
        f0: [T] in Hz, 0 where unvoiced, over the whole width.
        sample_rate: Hz.
        title: shown above.
    """
    height, width = len(level), _FIGURE_WIDTH
    levels = np.clip(255 * (1 + (level - top_db) / _RANGE_DB), 0, 255).astype(np.uint8)
    x = (np.arange(len(f0)) + 0.5) * width / max(1, len(f0))
    y = height * (1 - mel_height(f0, sample_rate))
    lines = "".join(f'<polyline points="{_points(x[run], y[run])}"/>' for run in _runs(f0 > 0))
    ticks = ""
    for hz in (hz for hz in _TICKS_HZ if hz < sample_rate / 2):
        at = height * (1 - float(mel_height(hz, sample_rate)))
        ticks += f'<text x="{width + 4}" y="{at + 4:.1f}">{hz / 1000:g} kHz</text>'
    size = f'width="{width}" height="{height}" preserveAspectRatio="none"'
    picture = f'<image {size} href="{data_uri(png(levels), "image/png")}"/>'
    box = f"0 -16 {width + 60} {height + 16}"
    return (
        f'<svg class="spectrogram" viewBox="{box}" role="img"><text y="-4">{escape(title)}</text>'
        f"{picture}{lines}{ticks}</svg>"
    )


def plot(
    curves: dict[str, tuple[Sequence[float], Sequence[float]]], low: float, high: float, title: str
) -> str:
    """SVG of curves against F0 on a logarithmic axis.

    Args:
        curves: by label, F0 in Hz and values; those that are not finite are left out, others
            outside the range drawn on its border.
        low, high: range of the values, dB.
        title: shown above.
    """
    width, height = 520, 260
    hz = [x for xs, _ in curves.values() for x in xs]
    octaves = np.log2(max(hz) / min(hz))
    parts = [
        f'<text y="-4">{escape(title)}</text><rect width="{width}" height="{height}" fill="none"'
        ' stroke="#888"/>'
    ]
    for level in range(int(low), int(high) + 1, 20):
        y = height * (high - level) / (high - low)
        parts.append(
            f'<path d="M0 {y:.1f}H{width}" stroke="#ddd"/><text x="{width + 4}"'
            f' y="{y + 4:.1f}">{level} dB</text>'
        )
    for tick in (tick for tick in (100, 200, 500, 1000, 2000) if min(hz) <= tick <= max(hz)):
        x = width * np.log2(tick / min(hz)) / octaves
        parts.append(
            f'<path d="M{x:.1f} 0V{height}" stroke="#ddd"/><text x="{x:.1f}"'
            f' y="{height + 14}">{tick} Hz</text>'
        )
    for i, (label, (xs, values)) in enumerate(curves.items()):
        colour = _CURVE_COLOURS[i % len(_CURVE_COLOURS)]
        y = height * (high - np.clip(values, low, high)) / (high - low)
        x = width * np.log2(np.asarray(xs) / min(hz)) / octaves
        for run in _runs(np.isfinite(values)):
            points = _points(x[run], y[run])
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
            )
        parts.append(
            f'<text x="8" y="{height + 32 + 14 * i}" style="fill:{colour}">{escape(label)}</text>'
        )
    box = f"-4 -16 {width + 60} {height + 40 + 14 * len(curves)}"
    return f'<svg class="plot" viewBox="{box}" role="img">{"".join(parts)}</svg>'


def _runs(mask: np.ndarray) -> list[slice]:
    """Slices of consecutive true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(int), [0]))))
    return [slice(start, stop) for start, stop in edges.reshape(-1, 2)]


def _points(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def data_uri(data: bytes, kind: str) -> str:
    """Bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
