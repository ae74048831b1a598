"""Configurations of a model, and the tensors that follow from them.

They are frozen dataclasses with a unit on every field. The engine's Python side, the trainer and
the tools all read them, so these files import the standard library alone, except `written.py`,
which needs numpy. Section numbers are those of the Wavehax paper (arXiv 2411.06807), or of
MS-Wavehax (arXiv 2506.03554) where named.
"""

from wavehax.config.f0 import F0_PEAK_BINS, F0Config
from wavehax.config.features import FEATURES, FLOOR_TOLERANCE, LOGS, FeatureConfig
from wavehax.config.fields import ConfigError, from_dict, to_dict
from wavehax.config.generator import (
    FILTER_TAPS,
    FRAME_ALIGNMENTS,
    GENERATORS,
    MAX_EXPANDED,
    MAX_MAGNITUDE,
    MAX_PROJECTION_TAPS,
    MAX_VOICE,
    MIN_POWER,
    NOISE_STD,
    NORM_EPSILON,
    NORMS,
    OUTPUTS,
    PRIOR_RMS,
    PRIORS,
    STREAM_FILTERS,
    TIME_PADDINGS,
    GeneratorConfig,
)
from wavehax.config.tensors import f0_parameter_shapes, parameter_shapes

__all__ = [
    "F0_PEAK_BINS",
    "FEATURES",
    "FILTER_TAPS",
    "FLOOR_TOLERANCE",
    "FRAME_ALIGNMENTS",
    "GENERATORS",
    "LOGS",
    "MAX_EXPANDED",
    "MAX_MAGNITUDE",
    "MAX_PROJECTION_TAPS",
    "MAX_VOICE",
    "MIN_POWER",
    "NOISE_STD",
    "NORMS",
    "NORM_EPSILON",
    "OUTPUTS",
    "PRIORS",
    "PRIOR_RMS",
    "STREAM_FILTERS",
    "TIME_PADDINGS",
    "ConfigError",
    "F0Config",
    "FeatureConfig",
    "GeneratorConfig",
    "f0_parameter_shapes",
    "from_dict",
    "parameter_shapes",
    "to_dict",
]
