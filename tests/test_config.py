from __future__ import annotations

import json
import math

import pytest

from wavehax.config import (
    FEATURES,
    GENERATORS,
    ConfigError,
    FeatureConfig,
    GeneratorConfig,
    from_dict,
    to_dict,
)
from wavehax.config import parameter_shapes as shapes_of

PUBLISHED = {
    "wavehax.v1": 622_951,
    "wavehax.v2": 600_759,
    "wavehax_fb": 2_018_727,
    "mswavehax": 332_324,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_shapes_have_the_published_number_of_parameters(name):
    shapes = shapes_of(GENERATORS[name])
    assert (
        sum(math.prod(shape) for key, shape in shapes.items() if not key.startswith("mel_"))
        == PUBLISHED[name]
    )


@pytest.mark.parametrize("config", [*FEATURES.values(), *GENERATORS.values()])
def test_a_configuration_survives_json(config):
    assert from_dict(type(config), json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"channel": 3}, "unknown field 'channel'"),
        ({"channels": "16"}, "channels='16'"),
        ({"channels": True}, "channels=True"),
        ({"channels": 0}, "channels=0"),
        ({"channels": 2**31}, "channels=2147483648"),
        ({"channels": 300, "mult_channels": 4}, "at most 1024"),
        ({"kernel_size": [7, 4]}, r"kernel_size=\(7, 4\)"),
        ({"kernel_size": [7]}, r"kernel_size=\(7,\)"),
        ({"kernel_size": None}, "kernel_size=None"),
        ({"kernel_size": [485, 7]}, r"kernel_size\[0\]=485"),
        ({"n_fft": 481}, "n_fft=481"),
        ({"n_fft": 240}, "n_fft=240"),
        ({"norm": "layer"}, "norm='layer'"),
        ({"lookahead": 2}, "lookahead=2: only with time_padding='causal'"),
        ({"lookahead": 7, "time_padding": "causal"}, "lookahead=7"),
        ({"num_streams": 7}, "hop_length=240: expected a multiple of num_streams=7"),
        ({"output": "excitation", "use_logmag_phase": True}, "excitation"),
        ({"num_streams": 4, "use_logmag_phase": True}, "one stream"),
        ({"num_streams": 6, "hop_length": 240, "stream_filter": "dwt"}, "power of two"),
        (["channels"], "expected a mapping"),
    ],
)
def test_what_names_no_generator_is_refused_with_field_and_value(values, words):
    with pytest.raises(ConfigError, match=words):
        from_dict(GeneratorConfig, values)


def test_a_missing_field_is_named():
    values = to_dict(FEATURES["vocos-24k"])
    del values["f_max"]
    with pytest.raises(ConfigError, match="missing field 'f_max'"):
        from_dict(FeatureConfig, values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("f_max", 13000.0),
        ("n_fft", 1023),
        ("log_floor", 0.0),
        ("padding", "valid"),
        ("f_min", -1.0),
    ],
)
def test_features_that_cannot_be_are_refused(field, value):
    with pytest.raises(ConfigError, match=field):
        from_dict(FeatureConfig, {**to_dict(FEATURES["vocos-24k"]), field: value})
