"""What a model is: frozen dataclasses with a unit on every field, and the tensors that follow from
them.

Standard library only: the engine's Python side, the trainer and the tools all read these files and
need nothing for it. Section numbers refer to the Wavehax paper (arXiv 2411.06807) and MS-Wavehax
(arXiv 2506.03554) where named.
"""

from wavehax.config.f0 import F0_PEAK_BINS, F0Config
from wavehax.config.features import FEATURES, FLOOR_TOLERANCE, FeatureConfig
from wavehax.config.fields import ConfigError, from_dict, to_dict
from wavehax.config.generator import (
    FILTER_TAPS,
    FRAME_ALIGNMENTS,
    GENERATORS,
    MAX_EXPANDED,
    MAX_MAGNITUDE,
    MAX_VOICE,
    MIN_POWER,
    NOISE_STD,
    NORM_EPSILON,
    NORMS,
    OUTPUTS,
    PRIOR_RMS,
    PRIORS,
    PROJECTION_TAPS,
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
    "MAX_EXPANDED",
    "MAX_MAGNITUDE",
    "MAX_VOICE",
    "MIN_POWER",
    "NOISE_STD",
    "NORMS",
    "NORM_EPSILON",
    "OUTPUTS",
    "PRIORS",
    "PRIOR_RMS",
    "PROJECTION_TAPS",
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
