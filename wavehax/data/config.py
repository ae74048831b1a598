"""Which segments training draws, and from where."""

from __future__ import annotations

from dataclasses import dataclass

from wavehax.config import ConfigError
from wavehax.config.fields import check_count, check_number


@dataclass(frozen=True)
class DataConfig:
    """Which prepared arrays, and how segments are drawn from them."""

    path: str  # prepared folder (wavehax.data.prepare), relative to where the command runs
    batch_size: int = 16  # segments of one step, over all processes and accumulated parts
    segment_frames: int = 32  # frames of one segment
    # a speaker's share is frames ** exponent; 1: as recorded, 0: all alike
    speaker_exponent: float = 0.5
    # segments are scaled by a gain drawn from [-gain_db, gain_db / 2], and half are inverted
    gain_db: float = 6.0
    # of segments that are played at another speed: pitch and formants of another voice
    speed_share: float = 0.0
    speed_min: float = 0.7  # slowest such speed, 1: as recorded
    speed_max: float = 1.9  # fastest; speeds are drawn uniformly on a logarithmic scale
    # of those at their own speed whose mel is of the voice at another pitch (data.shifted)
    shifted_share: float = 0.0
    # of the others whose mel has lost its harmonics (wavehax.mel.harmonics), as where F0 is scaled
    flat_share: float = 0.0
    # of the others, too, whose mel shows an offset, rumble or hum that the audio lacks
    disturbed_share: float = 0.0
    # the losses hear a segment from a sample drawn up to this one on: no frame grid to rest on
    shift_samples: int = 0
    # recordings lie in the memory of the GPU, where segments and mels are made (data.resident)
    resident: bool = False
    # processes that draw batches ahead of time; 0: the training process draws its own
    workers: int = 0

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
