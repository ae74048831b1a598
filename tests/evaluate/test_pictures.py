"""Pictures without a plotting library: what a decoder, and the eye, would find in them."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree
import zlib

import numpy as np
from evaluate_signals import RATE

from wavehax.evaluate import pictures


def test_a_png_holds_its_levels_and_checks_out() -> None:
    levels = np.arange(6 * 5, dtype=np.uint8).reshape(6, 5)
    data = pictures.png(levels)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(
            kind + body
        )
        chunks[kind], at = body, at + 12 + size
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (5, 6)
    assert len(chunks[b"PLTE"]) == 3 * 256
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(6, 6)
    assert (rows[:, 0] == 0).all() and (rows[:, 1:] == levels).all()


def test_a_tone_is_brightest_at_its_frequency_and_as_loud_as_it_is() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 3000 * np.arange(RATE) / RATE)
    level = pictures.spectrogram(tone, RATE)
    row = level[:, level.shape[1] // 2].argmax()
    expected = pictures.SPECTROGRAM_HEIGHT * (1 - pictures.mel_height(3000, RATE))
    assert abs(row - expected) <= 1
    assert abs(level.max() - 20 * np.log10(0.5)) < 0.5


def test_f0_is_drawn_where_it_is_voiced_at_its_height() -> None:
    level = np.full((pictures.SPECTROGRAM_HEIGHT, 40), -100.0)
    f0 = np.array([0.0, 200, 200, 0, 400, 400, 400, 0])
    svg = pictures.spectrogram_figure(level, 0, f0, RATE, "a < b")
    lines = [line.get("points").split() for line in ElementTree.fromstring(svg).iter("polyline")]
    assert [len(points) for points in lines] == [2, 3]
    x, y = map(float, lines[0][0].split(","))
    assert x == 1.5 / 8 * 520  # the middle of the second of eight frames
    assert abs(y - pictures.SPECTROGRAM_HEIGHT * (1 - pictures.mel_height(200, RATE))) < 0.1
