"""Mel and F0 of recordings, for users; `wavehax.mel.features` computes them."""

from wavehax.mel.features import (
    F0_MAX,
    F0_MIN,
    f0_from_audio,
    frame_count,
    hann_window,
    log_mel,
    mel_filterbank,
    mel_frequencies,
)

__all__ = [
    "F0_MAX",
    "F0_MIN",
    "f0_from_audio",
    "frame_count",
    "hann_window",
    "log_mel",
    "mel_filterbank",
    "mel_frequencies",
]
