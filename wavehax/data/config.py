"""The configuration of the data: which segments training draws, and from where."""

from __future__ import annotations

from dataclasses import dataclass

from wavehax.config import ConfigError
from wavehax.config.fields import check_count, check_number


@dataclass(frozen=True)
class DataConfig:
    """A prepared folder, and how segments are drawn from it.

    Every `_share` is a probability, 0 to 1.
    """

    path: str  # prepared folder (wavehax.data.prepare), relative to where the command runs
    batch_size: int = 16  # segments of one step, over all processes and accumulated parts
    segment_frames: int = 32  # frames of one segment
    # A speaker's share is frames ** exponent; 1: as recorded, 0: all alike.
    speaker_exponent: float = 0.5
    # Segments are scaled by a gain drawn from [-gain_db, gain_db / 2] dB, and half are inverted.
    gain_db: float = 6.0
    # Share of segments played at another speed, with pitch and formants of another voice.
    speed_share: float = 0.0
    speed_min: float = 0.7  # slowest such speed; 1 is that of the recording
    speed_max: float = 1.9  # fastest such speed; they are drawn uniformly on a logarithmic scale
    # Share, among segments at the recording's speed, with the mel of the voice at another pitch
    # (wavehax.data.shifted).
    shifted_share: float = 0.0
    # Share, among the segments not shifted, whose mel has lost its harmonics, as it does in
    # synthesis with scaled F0 (wavehax.mel.harmonics).
    flat_share: float = 0.0
    # Share, among the segments not shifted, whose mel shows an offset, rumble or hum that the audio
    # lacks.
    disturbed_share: float = 0.0
    # Share of segments whose contour never reaches 0, as those of singing editors: the generator
    # must find in the mel what is unvoiced (wavehax.data.augment.fill_unvoiced).
    filled_share: float = 0.0
    # The losses hear a segment from a sample on that is drawn from 0 to this one, so that a
    # generator cannot rely on the grid of frames.
    shift_samples: int = 0
    # Whether recordings lie in the memory of the GPU, where segments and mels are made
    # (wavehax.data.resident).
    resident: bool = False
    workers: int = 0  # processes that draw batches ahead of time; 0: the training process does

    def __post_init__(self) -> None:
        check_count("data.batch_size", self.batch_size)
        check_count("data.segment_frames", self.segment_frames)
        check_number("data.speaker_exponent", self.speaker_exponent)
        check_number("data.gain_db", self.gain_db)
        check_count("data.workers", self.workers, 0)
        check_number("data.speed_share", self.speed_share, most=1)
        check_number("data.flat_share", self.flat_share, most=1)
        check_number("data.shifted_share", self.shifted_share, most=1)
        check_number("data.disturbed_share", self.disturbed_share, most=1)
        check_number("data.filled_share", self.filled_share, most=1)
        check_count("data.shift_samples", self.shift_samples, 0)
        check_number("data.speed_min", self.speed_min, positive=True)
        check_number("data.speed_max", self.speed_max, positive=True)
        if type(self.resident) is not bool:
            raise ConfigError(f"data.resident={repr(self.resident)[:40]}: expected true or false")
        for name in ("shifted_share", "disturbed_share"):
            if self.resident and getattr(self, name):
                raise ConfigError(f"data.resident=true: makes no such mels, expected {name}=0")
        if self.speed_min > self.speed_max:
            raise ConfigError(
                f"data.speed_min={self.speed_min}: expected at most speed_max={self.speed_max}"
            )
