"""Work for other processes, which import it from here by name."""

from __future__ import annotations

import numpy as np

import wavehax

FRAMES = 4000


def wave_of(model_file) -> bytes:
    """A long utterance, on two threads and streamed."""
    voc = wavehax.load(model_file)
    mel, f0 = np.zeros((10, FRAMES), np.float32), np.full(FRAMES, 100, np.float32)
    wave, stream = voc(mel, f0, threads=2), voc.stream()
    assert np.array_equal(np.concatenate([stream.push(mel, f0), stream.flush()]), wave)
    return wave.tobytes()


def write_wave(model_file, path) -> None:
    path.write_bytes(wave_of(model_file))
