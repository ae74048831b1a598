from __future__ import annotations

import dataclasses
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import run_python
from tiny_models import with_f0

from wavehax import ModelError
from wavehax.checkpoint import F0Model, Model, load_model, save_model
from wavehax.config import GENERATORS, from_dict, parameter_shapes, to_dict
from wavehax.models.locate import model_path

safetensors_numpy = pytest.importorskip(
    "safetensors.numpy", reason="the extra [dev] brings safetensors"
)


def header_and_data(path):
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def rewrite(path, change, data=None):
    """Apply `change` to the header of a model file."""
    header, old_data = header_and_data(path)
    text = change(header)
    text = (text if isinstance(text, str) else json.dumps(header)).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + (old_data if data is None else data))


def rewrite_config(path, change):
    def in_header(header):
        config = json.loads(header["__metadata__"]["wavehax"])
        text = change(config)
        header["__metadata__"]["wavehax"] = text if isinstance(text, str) else json.dumps(config)

    rewrite(path, in_header)


def refused(path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message


def test_a_model_comes_back_as_it_was_saved(tiny, model_file):
    loaded = load_model(model_file)
    assert (loaded.generator, loaded.features, loaded.provenance) == (
        tiny.generator,
        tiny.features,
        tiny.provenance,
    )
    assert loaded.weights.keys() == tiny.weights.keys()
    for name, value in tiny.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], value, strict=True)


def test_the_safetensors_library_reads_what_we_write(tiny, model_file):
    loaded = safetensors_numpy.load_file(model_file)
    assert loaded.keys() == tiny.weights.keys()
    for name, value in tiny.weights.items():
        np.testing.assert_array_equal(loaded[name], value, strict=True)


def test_we_read_what_the_safetensors_library_writes(tiny, model_file):
    metadata = header_and_data(model_file)[0]["__metadata__"]
    safetensors_numpy.save_file(tiny.weights, model_file, metadata=metadata)
    loaded = load_model(model_file)
    for name, value in tiny.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], value, strict=True)


def test_the_same_model_gives_the_same_bytes_with_an_aligned_header(tiny, model_file, tmp_path):
    shuffled = Model(
        tiny.generator, tiny.features, dict(reversed(tiny.weights.items())), tiny.provenance
    )
    save_model(tmp_path / "again.safetensors", shuffled)
    content = model_file.read_bytes()
    assert (tmp_path / "again.safetensors").read_bytes() == content
    assert int.from_bytes(content[:8], "little") % 8 == 0


def test_a_predictor_of_f0_comes_back_and_leaves_the_generator_as_it_was(tiny, model_file):
    model = with_f0(tiny)
    save_model(model_file, model)
    loaded = load_model(model_file)
    assert loaded.f0.config == model.f0.config
    for found, expected in ((loaded.weights, tiny.weights), (loaded.f0.weights, model.f0.weights)):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, strict=True)
    names = safetensors_numpy.load_file(model_file).keys()
    assert names == tiny.weights.keys() | {f"f0.{name}" for name in model.f0.weights}


F0_DAMAGES = {
    "no such field": (lambda f0: f0.update(layers=3), "unknown field 'layers'"),
    "another size": (lambda f0: f0.update(channels=13), "f0.input_proj.weight has shape"),
    "a size of 0": (lambda f0: f0.update(num_bins=0), "num_bins=0: expected an integer, 1 to 4096"),
    "a hostile size": (lambda f0: f0.update(num_blocks=10**9), "num_blocks=1000000000"),
    "a dilation of any length": (
        lambda f0: f0.update(num_blocks=11),
        "num_blocks=11: expected an integer, 1 to 10",
    ),
    "bins beyond all pitch": (
        lambda f0: f0.update(bin_cents=1000.0),
        "num_bins=40: expected bins up to 10000 Hz",
    ),
    "no pitch": (lambda f0: f0.update(f0_min=0.0), "f0_min=0.0: expected 1 to 1000"),
}


@pytest.mark.parametrize(("change", "words"), F0_DAMAGES.values(), ids=F0_DAMAGES)
def test_a_predictor_that_its_config_does_not_describe_is_refused(tiny, model_file, change, words):
    save_model(model_file, with_f0(tiny))
    rewrite_config(model_file, lambda config: change(config["f0"]))
    assert words in refused(model_file)


def test_a_predictor_without_config_or_without_tensors_is_refused(tiny, model_file):
    save_model(model_file, with_f0(tiny))
    rewrite_config(model_file, lambda config: config.pop("f0") and None)
    assert "unexpected tensor f0." in refused(model_file)
    save_model(model_file, tiny)
    rewrite_config(model_file, lambda config: config.update(f0={}))
    assert "missing tensor f0." in refused(model_file)
    rewrite_config(model_file, lambda config: config.update(f0=None))
    assert "no f0, or not as a dict" in refused(model_file)


def test_bad_values_of_a_predictor_are_refused(tiny, model_file):
    model = with_f0(tiny)
    for name, value, words in (
        ("mel_scale", 0.0, "f0.mel_scale is 0.0"),
        ("output_proj.bias", np.nan, "f0.output_proj"),
    ):
        weights = {**model.f0.weights, name: np.full_like(model.f0.weights[name], value)}
        with pytest.raises(ModelError, match=words):
            save_model(model_file, dataclasses.replace(model, f0=F0Model(model.f0.config, weights)))


@pytest.mark.parametrize("name", GENERATORS)
def test_every_published_configuration_survives_json(name):
    config = GENERATORS[name]
    assert from_dict(type(config), json.loads(json.dumps(to_dict(config)))) == config


def test_a_file_cut_anywhere_is_refused(model_file):
    content = model_file.read_bytes()
    for length in [*range(0, 200, 7), *range(200, len(content), 997), len(content) - 1]:
        model_file.write_bytes(content[:length])
        refused(model_file)


def test_bytes_behind_the_end_are_refused(model_file):
    model_file.write_bytes(model_file.read_bytes() + b"\0\0\0\0")
    assert "4 bytes behind the last tensor" in refused(model_file)


def test_a_header_length_beyond_the_file_is_refused_without_reading_it(model_file):
    content = model_file.read_bytes()
    for length in (0, 1, len(content) - 7, 2**31, 2**63, 2**64 - 1):
        model_file.write_bytes(length.to_bytes(8, "little") + content[8:])
        refused(model_file)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_file_with_altered_bytes_is_refused_or_still_a_whole_model(model_file, tmp_path, data):
    content = bytearray(model_file.read_bytes())
    end_of_header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, end_of_header - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "altered.safetensors"
    path.write_bytes(content)
    try:
        model = load_model(path)
    except ModelError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    else:
        assert {name: value.shape for name, value in model.weights.items()} == parameter_shapes(
            model.generator
        )


MALFORMED_ENTRIES = {
    "another dtype": {"dtype": "F16", "shape": [10], "data_offsets": [0, 20]},
    "a shape that does not fill the bytes": {
        "dtype": "F32",
        "shape": [11],
        "data_offsets": [0, 40],
    },
    "a negative size": {"dtype": "F32", "shape": [-10], "data_offsets": [0, 40]},
    "a size that overflows": {"dtype": "F32", "shape": [2**62, 4, 10], "data_offsets": [0, 40]},
    "a boolean size": {"dtype": "F32", "shape": [True, 10], "data_offsets": [0, 40]},
    "a fractional size": {"dtype": "F32", "shape": [10.0], "data_offsets": [0, 40]},
    "reversed offsets": {"dtype": "F32", "shape": [10], "data_offsets": [40, 0]},
    "negative offsets": {"dtype": "F32", "shape": [10], "data_offsets": [-40, 0]},
    "one offset": {"dtype": "F32", "shape": [10], "data_offsets": [40]},
    "no offsets": {"dtype": "F32", "shape": [10]},
    "another key": {"dtype": "F32", "shape": [10], "data_offsets": [0, 40], "file": "/etc/passwd"},
    "many axes": {"dtype": "F32", "shape": [1] * 1000, "data_offsets": [0, 4]},
    "a list": [],
    "null": None,
}


@pytest.mark.parametrize("entry", MALFORMED_ENTRIES.values(), ids=MALFORMED_ENTRIES)
def test_a_malformed_tensor_entry_is_refused_by_name(model_file, entry):
    rewrite(model_file, lambda header: header.update(mel_mean=entry))
    assert "mel_mean" in refused(model_file)


def test_overlapping_tensors_are_refused(model_file):
    rewrite(model_file, lambda header: header.update(mel_scale=header["mel_mean"]))
    assert "begins at byte" in refused(model_file)


def test_a_gap_between_tensors_is_refused(model_file):
    def move(header):
        del header["mel_mean"]

    rewrite(model_file, move)
    assert "mel_scale begins at byte" in refused(model_file)


def test_tensors_beyond_the_end_are_refused(model_file):
    _, data = header_and_data(model_file)
    rewrite(model_file, lambda header: None, data[:-4])
    assert "truncated" in refused(model_file)


def test_repeated_keys_are_refused(model_file):
    header, _ = header_and_data(model_file)
    entry = json.dumps(header["mel_mean"])
    rewrite(model_file, lambda header: json.dumps(header)[:-1] + f', "mel_mean": {entry}}}')
    assert "repeats the key 'mel_mean'" in refused(model_file)


def test_repeated_keys_of_the_configuration_are_refused(model_file):
    rewrite_config(model_file, lambda config: json.dumps(config)[:-1] + ', "features": {}}')
    assert "repeats the key 'features'" in refused(model_file)


@pytest.mark.parametrize("text", ["12", '"text"', "null", "true", "[1, 2]", '["__metadata__"]'])
def test_a_header_that_is_no_mapping_is_refused(model_file, text):
    rewrite(model_file, lambda header: text)
    assert "not a model of this package" in refused(model_file)
    rewrite(model_file, lambda header: text[:-1])
    refused(model_file)


def test_deeply_nested_json_is_refused(model_file):
    rewrite_config(
        model_file, lambda config: config["provenance"].update(a=json.loads("[" * 40 + "]" * 40))
    )
    assert "nested more than 32 deep" in refused(model_file)
    rewrite(model_file, lambda header: "[" * 100_000)
    refused(model_file)


def test_provenance_as_deep_as_is_allowed_can_be_shown(model_file, command):
    deep = json.loads('{"a":' * 28 + "[]" + "}" * 28)
    rewrite_config(model_file, lambda config: config["provenance"].update(deep))
    assert command("info", model_file)[0] == 0


DENSE_JSON = {
    "lists": "[],",
    "mappings": '{"a":0},',
    "texts": '"ab",',
    "numbers": "1.5,",
    "wide texts": '"🎤🎤🎤🎤",',
}


@pytest.mark.parametrize("unit", DENSE_JSON.values(), ids=DENSE_JSON)
@pytest.mark.parametrize("size", [100_000, 20_000_000])
def test_refusing_a_header_of_dense_json_takes_little_memory(tmp_path, unit, size):
    path = tmp_path / "dense.safetensors"
    text = f"[{unit * (size // len(unit.encode()))}0]".encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    tracemalloc.start()
    try:
        refused(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * path.stat().st_size * (size < 1e6) + 6e6
    finally:
        tracemalloc.stop()


def nan_at_the_end(content: bytes) -> bytes:
    return content[:-4] + np.float32(np.nan).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        nan_at_the_end,
        lambda content: content[:-1],
        lambda content: content + b"0000",
        lambda content: content.replace(b"blocks.3.gamma", b"blocks.3.gemma"),
        lambda content: content.replace(b"lookahead", b"lookahaed"),
    ],
    ids=["NaN", "cut", "longer", "another name", "another field"],
)
def test_refusing_a_whole_model_takes_less_than_twice_its_size(tmp_path, change):
    pytest.importorskip("resource", reason="the peak of memory is not to be had here")
    path = tmp_path / "bad.safetensors"
    path.write_bytes(change(model_path().read_bytes()))
    code = (
        "import resource, wavehax\n"
        "from wavehax.checkpoint import load_model\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = peak()\n"
        f"try: load_model({str(path)!r})\n"
        "except wavehax.ModelError: print(peak() - before)"
    )
    assert 0 <= int(run_python(code, tmp_path).stdout) < 2 * path.stat().st_size


def test_a_file_larger_than_memory_is_refused(model_file, monkeypatch):
    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr("numpy.fromfile", fail)
    assert "MemoryError" in refused(model_file)


def test_a_model_whose_header_could_not_be_read_again_is_not_saved(tiny, model_file):
    tiny.provenance = {"notes": "x" * 200_000}
    before = model_file.read_bytes()
    with pytest.raises(
        ModelError, match=r"configuration and names take 2\d* bytes: expected at most 131072"
    ):
        save_model(model_file, tiny)
    assert model_file.read_bytes() == before


def test_few_weights_that_ask_for_a_huge_voice_are_refused(model_file):
    rewrite_config(
        model_file, lambda config: config["generator"].update(kernel_size=[1, 2**22 + 1])
    )
    assert "a voice would keep" in refused(model_file)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"wavehax": 3},
        {"wavehax": "{}"},
        {"wavehax": "[]"},
        {"wavehax": "nonsense"},
        "text",
    ],
)
def test_a_file_without_our_configuration_is_refused(model_file, metadata):
    rewrite(model_file, lambda header: header.update(__metadata__=metadata))
    refused(model_file)


HOSTILE_VALUES = [
    ("generator", "num_blocks", 10**12),
    ("generator", "num_blocks", -1),
    ("generator", "channels", 2.5),
    ("generator", "kernel_size", [5, 3, 1]),
    ("generator", "kernel_size", [10**9 + 1, 3]),
    ("generator", "num_streams", 10**12),
    ("generator", "prior", ["pcph"]),
    ("generator", "norm", {}),
    ("generator", "unknown_field", 1),
    ("features", "n_fft", 2**40),
    ("features", "sample_rate", 2**40),
    ("features", "hop_length", 16),
    ("features", "n_mels", 11),
    ("features", "log_floor", "1e-5"),
    ("features", "win_length", 2**40),
    ("features", "power", 3),
    ("features", "log", {}),
    ("features", "mean", [[1.0]]),
    ("features", "mean", 1.0),
    ("features", "scale", [10**400]),
    ("features", "clip", [1e308, 1.5e308]),
]
UNUSABLE_VALUES = [
    ("channels", 10**400),
    ("sample_rate", 10**400),
    ("kernel_size", None),
    ("kernel_size", 5.5),
    ("channels", np.nan),
]


@pytest.mark.parametrize(("part", "field", "value"), HOSTILE_VALUES)
def test_a_configuration_that_does_not_fit_is_refused_at_once(model_file, part, field, value):
    rewrite_config(model_file, lambda config: config[part].update({field: value}))
    assert field in refused(model_file)


@pytest.mark.parametrize(("field", "value"), UNUSABLE_VALUES)
def test_a_configuration_with_values_of_no_use_is_refused(model_file, field, value):
    rewrite_config(model_file, lambda config: config["generator"].update({field: value}))
    refused(model_file)


def without(name):
    def change(weights):
        del weights[name]

    return change


def value(name, index, number):
    def change(weights):
        weights[name] = weights[name].copy()
        weights[name][index] = number

    return change


def replaced(name, array):
    return lambda weights: weights.update({name: array})


CHANGED_WEIGHTS = {
    "missing": (without("blocks.1.gamma"), "missing tensor blocks.1.gamma"),
    "extra": (
        replaced("blocks.2.gamma", np.ones(8, np.float32)),
        "unexpected tensor blocks.2.gamma",
    ),
    "misshapen": (
        replaced("output_proj.bias", np.ones(3, np.float32)),
        "output_proj.bias has shape [3]: expected [2]",
    ),
    "transposed": (
        replaced("output_proj.weight", np.ones((8, 2), np.float32)),
        "[8, 2]: expected [2, 8]",
    ),
    "NaN": (
        value("input_proj.weight", (3, 2), np.nan),
        "input_proj.weight is not finite at [3, 2]",
    ),
    "infinite": (value("output_proj.bias", 1, -np.inf), "output_proj.bias is not finite at [1]"),
    "zero scale": (value("mel_scale", 4, 0), "mel_scale is 0.0 in band 4"),
}


@pytest.mark.parametrize(("change", "words"), CHANGED_WEIGHTS.values(), ids=CHANGED_WEIGHTS)
def test_weights_that_do_not_fit_are_refused_by_name(tiny, model_file, tmp_path, change, words):
    change(tiny.weights)
    metadata = header_and_data(model_file)[0]["__metadata__"]
    safetensors_numpy.save_file(tiny.weights, model_file, metadata=metadata)
    assert words in refused(model_file)
    with pytest.raises(ModelError, match="tensor"):
        save_model(tmp_path / "other.safetensors", tiny)
    assert not (tmp_path / "other.safetensors").exists()


def test_another_type_of_tensor_is_not_saved(tiny, tmp_path):
    tiny.weights["mel_mean"] = tiny.weights["mel_mean"].astype(np.float64)
    with pytest.raises(ModelError, match=r"mel_mean is float64: expected float32"):
        save_model(tmp_path / "other.safetensors", tiny)


def test_provenance_that_is_not_json_is_not_saved(tiny, tmp_path):
    for provenance in ({"score": float("nan")}, {"score": object()}):
        with pytest.raises(ModelError):
            save_model(
                tmp_path / "other.safetensors",
                Model(tiny.generator, tiny.features, tiny.weights, provenance),
            )
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tiny, model_file, monkeypatch):
    before = model_file.read_bytes()
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"):
        save_model(model_file, tiny)
    assert model_file.read_bytes() == before
    assert [path.name for path in model_file.parent.iterdir()] == [model_file.name]


@pytest.mark.parametrize("name", ["missing.safetensors", "."])
def test_what_is_no_file_is_refused(tmp_path, name):
    refused(tmp_path / name)
