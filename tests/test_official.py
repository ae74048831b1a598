from __future__ import annotations

import collections
import itertools
import math
import sys
import tracemalloc
import types
import typing
from pathlib import Path

import numpy as np
import pytest
from tiny_models import TINY, read_fixture

from wavehax.checkpoint import load_model
from wavehax.cli import main
from wavehax.config import FEATURES, to_dict
from wavehax.official.convert import convert_official, haar_packet
from wavehax.vocoder import Vocoder

torch = pytest.importorskip("torch", reason="the extra [train] brings torch")
yaml = pytest.importorskip("yaml", reason="the extra [train] brings PyYAML")

OFFICIAL = ("official_wavehax_v1", "official_wavehax_v1_framewise", "official_mswavehax")
TINY_FEATURES = {
    "name": "tiny",
    "sample_rate": 24000,
    "n_fft": 128,
    "n_mels": 10,
    "f_min": 0,
    "f_max": 8000.0,
}
TINY_FEATURES |= {"mel_scale": "slaney", "mel_norm": "slaney", "padding": "same", "log_floor": 1e-5}


class Checkpoint:
    """A checkpoint of the authors' kind in a folder, and the command that imports it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.config, weights, self.arrays = read_fixture(name)
        self.state = {key: torch.from_numpy(value) for key, value in weights.items()}
        self.output = folder / "model.safetensors"
        hop = self.config["hop_length"]
        (folder / "tiny.yaml").write_text(yaml.safe_dump({**TINY_FEATURES, "hop_length": hop}))
        self.features = [] if name in OFFICIAL else ["--features", str(folder / "tiny.yaml")]

    def run(self, *arguments: str, whole=None) -> int:
        pickled = {
            "model": {"generator": self.state, "discriminator": {}},
            "steps": 7,
            "epochs": 1,
            "optimizer": {},
        }
        torch.save(pickled if whole is None else whole, self.folder / "checkpoint-7steps.pkl")
        (self.folder / "generator.yaml").write_text(yaml.safe_dump(self.config))
        paths = ["--config", str(self.folder / "generator.yaml"), "-o", str(self.output)]
        return main(
            [
                "import-official",
                str(self.folder / "checkpoint-7steps.pkl"),
                *paths,
                *self.features,
                *arguments,
            ]
        )


@pytest.fixture
def tiny_checkpoint(tmp_path):
    return Checkpoint(tmp_path, "tiny_wavehax")


@pytest.fixture
def refused(capsys):
    """Checks that an import failed with one line that holds certain words, and left no file."""

    def check(checkpoint: Checkpoint, words: str, *arguments: str, whole=None) -> None:
        assert checkpoint.run(*arguments, whole=whole) == 1
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1 and "Traceback" not in error
        assert not list(checkpoint.folder.glob("*model*"))

    return check


@pytest.mark.parametrize("name", [*TINY, *OFFICIAL])
def test_an_imported_checkpoint_sounds_as_the_authors_implementation(tmp_path, name):
    checkpoint = Checkpoint(tmp_path, name)
    assert checkpoint.run() == 0
    model = load_model(checkpoint.output)
    if name in OFFICIAL:
        assert model.features == FEATURES["wavehax-24k"]
    arrays = checkpoint.arrays
    wave = Vocoder(model)(arrays["cond"][0], arrays["f0"][0, 0], prior=arrays["prior"][0, 0])
    assert np.abs(wave - arrays["wave"][0, 0]).max() <= 1e-4 * np.abs(arrays["wave"]).max()


def test_every_official_weight_is_used_unchanged(tmp_path):
    config, weights, _ = read_fixture("tiny_mswavehax")
    converted = convert_official(config, weights)[1]
    ours = sorted(
        value.tobytes() for name, value in converted.items() if not name.startswith("mel_")
    )
    theirs = sorted(
        v.tobytes()
        for k, v in weights.items()
        if not k.startswith("stft.") and k != "decomposer.updown_filter"
    )
    assert ours == theirs


def test_the_config_of_the_whole_training_serves_too(tiny_checkpoint):
    tiny_checkpoint.config = {"generator": tiny_checkpoint.config, "train": {"train_max_steps": 7}}
    assert tiny_checkpoint.run() == 0


def test_stats_normalise_the_mel_inside_the_model(tiny_checkpoint, tmp_path):
    mean, scale = np.linspace(-6, -4, 10), np.linspace(1, 2, 10)
    np.savez(tmp_path / "stats.npz", mean=mean, scale=scale)
    assert tiny_checkpoint.run("--stats", str(tmp_path / "stats.npz")) == 0
    arrays = tiny_checkpoint.arrays
    mel = (arrays["cond"][0] * scale[:, None] + mean[:, None]).astype(np.float32)
    wave = Vocoder(load_model(tiny_checkpoint.output))(
        mel, arrays["f0"][0, 0], prior=arrays["prior"][0, 0]
    )
    assert np.abs(wave - arrays["wave"][0, 0]).max() <= 1e-4 * np.abs(arrays["wave"]).max()


@pytest.mark.parametrize(("layer", "framewise"), list(itertools.product((True, False), repeat=2)))
def test_norms_are_those_of_the_two_flags(layer, framewise):
    config, weights, _ = read_fixture("tiny_wavehax")
    config.update(use_layer_norm=layer, framewise_norm=framewise)
    if not layer:
        statistics = {
            "running_mean": np.zeros((1, 8, 1, 1), "f"),
            "running_var": np.ones((1, 8, 1, 1), "f"),
        }
        statistics["num_batches_tracked"] = np.array(3)
        weights.update(
            {f"blocks.{i}.norm.{key}": value for i in range(2) for key, value in statistics.items()}
        )
    generator, converted = convert_official(config, weights)
    outer = "frame" if framewise else "utterance"
    assert (generator.norm, generator.outer_norm) == (outer if layer else "batch", outer)
    assert ("blocks.1.norm.running_var" in converted) == (not layer)
    assert "input_norm.running_var" not in converted


def test_arguments_left_out_take_the_defaults_of_the_authors():
    for name, norm in (("tiny_wavehax", "utterance"), ("tiny_mswavehax", "frame")):
        config, weights, _ = read_fixture(name)
        for key in ("drop_prob", "framewise_norm", "use_logmag_phase"):
            config.pop(key, None)
        assert convert_official(config, weights)[0].norm == norm


@pytest.mark.parametrize("prior", ["noise", "sine", "sawtooth", "pcph", "pcph_linear_decay"])
def test_every_prior_and_the_log_magnitude_variant_are_taken_over(prior):
    config, weights, _ = read_fixture("tiny_wavehax")
    generator, _ = convert_official(
        {**config, "prior_type": prior, "use_logmag_phase": True}, weights
    )
    assert to_dict(generator)["prior"] == prior and generator.use_logmag_phase


def test_pqmf_filters_are_taken_from_the_checkpoint():
    config, weights, _ = read_fixture("tiny_mswavehax")
    weights["decomposer.analysis_filter"] = weights.pop("decomposer.conv_analysis.weight")
    weights["decomposer.synthesis_filter"] = weights.pop("decomposer.conv_synthesis.weight")
    generator, converted = convert_official({**config, "decomposer": "PQMF"}, weights)
    assert generator.stream_filter == "pqmf"
    np.testing.assert_array_equal(
        converted["filter_bank.analysis.weight"], weights["decomposer.analysis_filter"]
    )


def test_wavelet_filters_follow_from_the_number_of_streams():
    config, weights, _ = read_fixture("tiny_mswavehax")
    for name in ("conv_analysis.weight", "conv_synthesis.weight", "updown_filter"):
        del weights[f"decomposer.{name}"]
    weights["decomposer.lpf"] = np.full((1, 1, 2), math.sqrt(0.5), "f")
    weights["decomposer.hpf"] = np.array([[[1, -1]]], "f") * np.float32(math.sqrt(0.5))
    generator, converted = convert_official({**config, "decomposer": "DWT1d"}, weights)
    assert generator.stream_filter == "dwt"
    assert converted["filter_bank.analysis.weight"].shape == (4, 1, 4)
    assert converted["filter_bank.synthesis.weight"].shape == (1, 4, 4)


@pytest.mark.parametrize("num_streams", [2, 4, 8])
def test_the_haar_packet_splits_every_band_into_low_and_high(num_streams):
    wave = np.random.default_rng(0).standard_normal(num_streams * 5)

    def split(bands):
        if len(bands) == num_streams:
            return bands
        pairs = [(band[::2] + s * band[1::2]) / math.sqrt(2) for band in bands for s in (1, -1)]
        return split(pairs)

    packet = haar_packet(num_streams)
    np.testing.assert_allclose(
        packet @ wave.reshape(-1, num_streams).T, np.stack(split([wave])), atol=1e-6
    )
    np.testing.assert_allclose(packet @ packet.T, np.eye(num_streams), atol=1e-6)


BAD_CONFIGS = {
    "the complex generator": (
        {"_target_": "wavehax.generators.ComplexWavehaxGenerator"},
        "ComplexWavehaxGenerator",
    ),
    "another class": ({"_target_": "os.system"}, "_target_='os.system'"),
    "no namespace": ({"_target_": "WavehaxGenerator"}, "_target_='WavehaxGenerator'"),
    "no class": ({"_target_": None}, "_target_=None"),
    "an unknown argument": ({"chanels": 8}, "chanels=8"),
    "an unknown prior": ({"prior_type": "square"}, "prior='square'"),
    "a flag that is none": ({"framewise_norm": "yes"}, "framewise_norm='yes'"),
    "a number that is none": ({"channels": "8"}, "channels='8'"),
    "an even kernel": ({"kernel_size": 4}, "kernel_size"),
    "many blocks": ({"num_blocks": 10**12}, "num_blocks=1000000000000"),
    "more blocks": ({"num_blocks": 3}, "nothing for blocks.2"),
    "fewer blocks": ({"num_blocks": 1}, "blocks.1."),
    "other channels": ({"channels": 9}, "expected float [9, 5]"),
    "other bands": ({"in_channels": 11}, "cond_proj.weight"),
    "batch norm": ({"use_layer_norm": False}, "nothing for blocks.0.norm.running_mean"),
}


@pytest.mark.parametrize(("change", "words"), BAD_CONFIGS.values(), ids=BAD_CONFIGS)
def test_a_config_that_does_not_fit_is_refused_in_one_line(tiny_checkpoint, refused, change, words):
    tiny_checkpoint.config.update(change)
    refused(tiny_checkpoint, words)


@pytest.mark.parametrize("key", ["_target_", "channels", "n_fft", "prior_type"])
def test_a_config_without_an_argument_is_refused(tiny_checkpoint, refused, key):
    del tiny_checkpoint.config[key]
    refused(tiny_checkpoint, key)


def test_tensors_that_do_not_fit_are_refused_by_name(tiny_checkpoint, refused):
    state = tiny_checkpoint.state
    tiny_checkpoint.state = {**state, "extra.weight": torch.zeros(3)}
    refused(tiny_checkpoint, "extra.weight")
    tiny_checkpoint.state = {key: value for key, value in state.items() if key != "blocks.0.gamma"}
    refused(tiny_checkpoint, "blocks.0.gamma")
    tiny_checkpoint.state = {**state, "output_proj.bias": torch.tensor([0.0, math.nan])}
    refused(tiny_checkpoint, "output_proj.bias is not finite at [1]")
    tiny_checkpoint.state = {**state, "output_proj.bias": torch.tensor([0, 1])}
    refused(tiny_checkpoint, "output_proj.bias")


def test_bfloat16_weights_are_taken_over_as_float32(tiny_checkpoint):
    tiny_checkpoint.state = {key: value.bfloat16() for key, value in tiny_checkpoint.state.items()}
    assert tiny_checkpoint.run() == 0
    expected = tiny_checkpoint.state["output_proj.bias"].float().numpy()
    np.testing.assert_array_equal(
        load_model(tiny_checkpoint.output).weights["output_proj.bias"], expected, strict=True
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.to_sparse(), "is torch.float32, torch.sparse_coo on cpu"),
        (lambda x: x.bfloat16().to_sparse(), "is torch.bfloat16, torch.sparse_coo on cpu"),
        (lambda x: x.to("meta"), "is torch.float32, torch.strided on meta"),
        (lambda x: x.to(torch.complex64).conj(), "is torch.complex64"),
    ],
    ids=["sparse", "sparse bfloat16", "meta", "conjugate"],
)
def test_tensors_without_plain_values_are_refused_by_name(tiny_checkpoint, refused, change, words):
    tiny_checkpoint.state["output_proj.bias"] = change(tiny_checkpoint.state["output_proj.bias"])
    refused(tiny_checkpoint, f"checkpoint-7steps.pkl: tensor output_proj.bias {words}")


@pytest.mark.parametrize(
    "content", [b"a: caf\xe9", b"\x93NUMPY", b"a: \0", b'a: !!int ""', b"a: !!timestamp x", b"- 1"]
)
def test_a_file_that_is_no_yaml_of_a_configuration_is_refused_by_name(
    tiny_checkpoint, capsys, tmp_path, content
):
    (tmp_path / "bad.yaml").write_bytes(content)
    for option in ("--config", "--features"):
        assert tiny_checkpoint.run(option, str(tmp_path / "bad.yaml")) == 1
        error = capsys.readouterr().err
        assert f"{tmp_path / 'bad.yaml'}: " in error and error.count("\n") == 1


def test_a_name_of_features_that_no_file_can_hold_is_refused(tiny_checkpoint, refused, tmp_path):
    values = {**TINY_FEATURES, "hop_length": 32, "name": "NAME"}
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(values).replace("NAME", r'"\ud800"'))
    refused(
        tiny_checkpoint,
        "bad.yaml: 'utf-8' codec can't encode",
        "--features",
        str(tmp_path / "bad.yaml"),
    )


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_none(
    tiny_checkpoint, refused, tmp_path
):
    refused(tiny_checkpoint, "safely", whole={"model": Malicious(tmp_path / "ran")})
    assert not (tmp_path / "ran").exists()


def test_settings_of_the_optimiser_kept_as_omegaconf_lists_do_not_hinder(
    tiny_checkpoint, monkeypatch
):
    package = types.ModuleType("omegaconf.listconfig")
    package.ListConfig = type("ListConfig", (), {"__module__": "omegaconf.listconfig"})
    monkeypatch.setitem(sys.modules, "omegaconf", types.ModuleType("omegaconf"))
    monkeypatch.setitem(sys.modules, "omegaconf.listconfig", package)
    betas = package.ListConfig()
    metadata = {
        "ref_type": typing.Any,
        "object_type": list,
        "resolver_cache": collections.defaultdict(dict),
    }
    betas.__dict__.update(_content=[0.8, 0.9], _metadata=metadata)
    whole = {
        "model": {"generator": tiny_checkpoint.state},
        "optimizer": {"generator": {"param_groups": [{"betas": betas}]}},
    }
    assert tiny_checkpoint.run(whole=whole) == 0


@pytest.mark.parametrize(
    "whole",
    [{}, {"model": {}}, {"model": {"generator": 3}}, {"model": {"generator": {"a": 1}}}, [1]],
)
def test_a_checkpoint_of_another_layout_is_refused(tiny_checkpoint, refused, whole):
    refused(tiny_checkpoint, "['model']['generator']", whole=whole)


def test_stats_that_do_not_fit_are_refused(tiny_checkpoint, refused, tmp_path):
    path = tmp_path / "stats.npz"
    for arrays, words in (
        ({"mean": np.zeros(10)}, "scale"),
        ({"mean": np.zeros(9), "scale": np.ones(9)}, "expected [10]"),
        ({"mean": np.zeros(10), "scale": np.zeros(10)}, "mel_scale"),
        ({"mean": np.full(10, np.nan), "scale": np.ones(10)}, "mel_mean"),
    ):
        np.savez(path, **arrays)
        refused(tiny_checkpoint, words, "--stats", str(path))
    np.savez_compressed(path, mean=np.zeros(1 << 24), scale=np.ones(10))  # 130 KB
    tracemalloc.start()
    refused(tiny_checkpoint, "mean would take 134217856 bytes, in a file of", "--stats", str(path))
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
    path.write_bytes(b"PK nonsense")
    refused(tiny_checkpoint, "stats.npz", "--stats", str(path))


def test_a_mel_of_no_preset_must_be_named(tiny_checkpoint, refused):
    tiny_checkpoint.features = []
    refused(tiny_checkpoint, "--features")
    refused(
        tiny_checkpoint,
        "hop_length is 32 in generator and 240 in features",
        "--features",
        "wavehax-24k",
    )
    refused(tiny_checkpoint, "no-such-preset", "--features", "no-such-preset")


def test_an_existing_model_is_not_replaced_without_force(tiny_checkpoint, capsys):
    tiny_checkpoint.output.write_text("mine")
    assert tiny_checkpoint.run() == 1
    assert "exists already" in capsys.readouterr().err
    assert tiny_checkpoint.output.read_text() == "mine"
    assert tiny_checkpoint.run("--force") == 0
    load_model(tiny_checkpoint.output)
