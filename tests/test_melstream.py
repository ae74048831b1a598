"""Mel of sound in pieces against `log_mel` of the whole."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from voices import voice

from wavehax.config import FEATURES
from wavehax.mel.features import log_mel
from wavehax.mel.stream import MelStream

ODD = {  # hops of half a window and of all of it
    "half": dataclasses.replace(FEATURES["vocos-24k"], n_fft=512),
    "whole": dataclasses.replace(FEATURES["vocos-24k"], n_fft=256, n_mels=20),
    "same": dataclasses.replace(FEATURES["wavehax-24k"], n_fft=240, n_mels=20),
}
ALL = FEATURES | ODD


def in_pieces(stream: MelStream, audio: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """What each push gives, and flush; sizes are repeated until the audio is used up."""
    mels, start = [], 0
    for size in itertools.cycle(sizes):
        if start >= len(audio):
            return [*mels, stream.flush()]
        mels.append(stream.push(audio[start : start + size]))
        start += size
    raise AssertionError


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("sizes", [[256], [1, 0, 700], [97, 511], [512, 1], [9999]])
def test_frames_in_pieces_are_those_of_the_whole(name, sizes):
    features, audio = ALL[name], voice(0.15, 150, seed=1)
    stream = MelStream(features)
    for _ in range(2):
        mel = np.concatenate(in_pieces(stream, audio, sizes), axis=1)
        assert mel.dtype == np.float32
        np.testing.assert_allclose(mel, log_mel(audio, features), rtol=0, atol=1e-5)
        stream.reset()


@pytest.mark.parametrize("name", ALL)
def test_frames_come_with_the_delay_that_is_stated_and_not_later(name):
    features, stream = ALL[name], MelStream(ALL[name])
    frames = 0
    for samples in range(1, 3 * features.n_fft):
        frames += stream.push(np.ones(1)).shape[1]
        assert frames == max(0, samples - stream.delay) // features.hop_length


@pytest.mark.parametrize("samples", [0, 1, 2, 255, 511, 512, 513, 514, 1023])
def test_recordings_shorter_than_a_window_end_as_log_mel_has_it(samples):
    features, audio = FEATURES["vocos-24k"], voice(0.1, 150, seed=2)[:samples]
    mel = np.concatenate(in_pieces(MelStream(features), audio, [100]), axis=1)
    expected = log_mel(audio, features) if samples else np.empty((100, 0))
    np.testing.assert_allclose(mel, expected, rtol=0, atol=1e-5)


def test_less_than_a_hop_without_centring_is_no_frame():
    stream = MelStream(FEATURES["wavehax-24k"])
    assert stream.push(np.ones(239)).shape == stream.flush().shape == (100, 0)


def test_refused_samples_are_named_and_leave_the_stream_as_it_was():
    features, audio = FEATURES["vocos-24k"], voice(0.1, 150, seed=3)
    stream = MelStream(features)
    mel = [stream.push(audio[:1000])]
    for bad, words in (
        (np.array([0, np.nan]), r"audio\[1001\] is not finite"),
        (np.ones((1, 9)), r"shape \(1, 9\)"),
    ):
        with pytest.raises(ValueError, match=words):
            stream.push(bad)
    mel += [stream.push(audio[1000:]), stream.flush()]
    np.testing.assert_allclose(
        np.concatenate(mel, axis=1), log_mel(audio, features), rtol=0, atol=1e-5
    )


def test_nothing_but_a_reset_may_follow_a_flush() -> None:
    stream = MelStream(FEATURES["vocos-24k"])
    stream.flush()
    for call in (lambda: stream.push(np.zeros(300)), stream.flush):
        with pytest.raises(RuntimeError, match="only reset"):
            call()
    stream.reset()
    assert stream.push(np.zeros(1024)).shape[1] > 0
