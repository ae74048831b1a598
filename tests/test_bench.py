from __future__ import annotations

import json
import math

import pytest

import wavehax
from wavehax import bench
from wavehax.config import GENERATORS, parameter_shapes


def test_every_case_is_timed_and_compared_with_the_first_of_its_model(command, model_file, tmp_path):
    result = tmp_path / "speed.json"
    options = ["--seconds", 0.1, "--repeats", 3, "--stream", 1, 8, "--isa", "portable", "--json", result]
    code, out, err = command("bench", model_file, *options)
    assert (code, err) == (0, "")
    rows = json.loads(result.read_text())["rows"]
    assert [row["what"] for row in rows] == ["whole", "stream 1", "stream 8"]
    assert {row["isa"] for row in rows} == {"portable"}
    for row in rows:
        rtf = row["rtf"]
        assert 0 < rtf["min"] <= rtf["median"] <= rtf["max"]
    ratio = rows[1]["rtf"]["median"] / rows[0]["rtf"]["median"]
    assert math.isclose(float(out.splitlines()[3].split()[-1].rstrip("x")), ratio, abs_tol=0.006)


def test_pytorch_is_timed_on_the_same_length(tiny):
    pytest.importorskip("torch")
    engine = bench.model_cases("tiny", tiny, ["auto"], [], 0.2)
    assert bench.pytorch_case("tiny", tiny, 0.2).seconds == engine[0].seconds == 150 * 32 / 24000


@pytest.mark.parametrize("name", GENERATORS)
def test_published_shapes_have_exactly_their_weights(name):
    model = bench.shape_model(name)
    assert {key: value.shape for key, value in model.weights.items()} == parameter_shapes(model.generator)
    wavehax.Vocoder(model)
