"""The generator in PyTorch: the readable specification, and what is trained. Needs the extra [train]."""

from __future__ import annotations

from wavehax.config import GeneratorConfig
from wavehax.nn.generator import BaseGenerator, Generator, WaveGenerator
from wavehax.nn.multistream import MultiStreamGenerator

__all__ = ["BaseGenerator", "Generator", "MultiStreamGenerator", "WaveGenerator", "build_generator"]


def build_generator(config: GeneratorConfig) -> BaseGenerator:
    """A freshly initialised generator of the shape that `config` describes."""
    return Generator(config) if config.num_streams == 1 else MultiStreamGenerator(config)
