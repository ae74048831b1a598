"""The generator in PyTorch: the readable specification, which is also what training runs.

Needs the extra [train].
"""

from __future__ import annotations

from wavehax.config import GeneratorConfig
from wavehax.nn.generator import BaseGenerator, Generator, WaveGenerator
from wavehax.nn.multistream import MultiStreamGenerator

__all__ = ["BaseGenerator", "Generator", "MultiStreamGenerator", "WaveGenerator", "build_generator"]


def build_generator(config: GeneratorConfig, log_floor: float = 0.0) -> BaseGenerator:
    """Make a freshly initialised generator of the shape that `config` describes.

    `log_floor` is the least magnitude that its mel describes (`FeatureConfig.magnitude_floor`),
    or 0 where there is none.
    """
    kind = Generator if config.num_streams == 1 else MultiStreamGenerator
    return kind(config, log_floor)
