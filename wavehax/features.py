"""Mel and F0 of recordings: the public names of
`wavehax.mel.features` and `wavehax.mel.contour`."""

from wavehax.mel.contour import f0_at_hop, f0_in_hz
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
    "f0_at_hop",
    "f0_from_audio",
    "f0_in_hz",
    "frame_count",
    "hann_window",
    "log_mel",
    "mel_filterbank",
    "mel_frequencies",
]
