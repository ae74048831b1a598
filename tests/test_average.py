"""`wavehax average`: the mean of models, what cannot be averaged, and what the file says of
itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from processes import run_python
from random_models import random_weights
from tiny_models import with_f0

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import FeatureConfig, GeneratorConfig
from wavehax.models.locate import model_path
from wavehax.train.average import average, mean_model

CONFIG = GeneratorConfig(
    n_mels=8,
    channels=4,
    kernel_size=(3, 3),
    num_blocks=2,
    n_fft=64,
    hop_length=32,
    norm="batch",
    time_padding="causal",
)
FEATURES = FeatureConfig(
    "small", 24000, 32, 64, 8, 0.0, 8000.0, "slaney", "slaney", "same", log_floor=1e-5
)
Command = Callable[..., tuple[int, str, str]]


def small(seed: int, config: GeneratorConfig = CONFIG, features: FeatureConfig = FEATURES) -> Model:
    """A model of random weights and of one normalisation whatever the seed, with batch norms."""
    weights = random_weights(config, seed)
    weights |= {name: random_weights(config, 0)[name] for name in ("mel_mean", "mel_scale")}
    return Model(config, features, weights, {"licence": f"number {seed}"})


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three models that can be averaged; the second alone predicts F0."""
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for seed, path in enumerate(paths):
        save_model(path, with_f0(small(seed)) if seed == 1 else small(seed))
    return paths


def exact_mean(models: Sequence[Model], weights: Sequence[float]) -> dict[str, np.ndarray]:
    """The weighted mean of every tensor in extended precision."""
    shares = np.array(weights, np.longdouble)
    return {
        name: np.tensordot(
            shares, np.stack([m.weights[name] for m in models]).astype(shares.dtype), 1
        )
        for name in models[0].weights
    }


@pytest.mark.parametrize("weights", [(0.4, 0.6, 0.0), (0.2, 0.3, 0.5), (1 / 3, 1 / 3, 1 / 3)])
def test_every_tensor_is_the_weighted_mean_rounded_once(weights: tuple[float, ...]) -> None:
    models = [small(seed) for seed in range(3)]
    mean, expected = mean_model("abc", models, weights).weights, exact_mean(models, weights)
    assert mean.keys() == expected.keys()
    for name, value in expected.items():
        assert mean[name].dtype == np.float32
        largest = max(np.abs(model.weights[name]).max() for model in models)
        np.testing.assert_array_less(np.abs(mean[name] - value), 6.0e-8 * largest)


def test_a_mean_of_means_is_the_mean_of_all() -> None:
    a, b, c = models = [small(seed) for seed in range(3)]
    inner = mean_model("ab", [a, b], [0.25, 0.75])
    outer, at_once = (
        mean_model("mc", [inner, c], [0.6, 0.4]),
        mean_model("abc", models, [0.15, 0.45, 0.4]),
    )
    for name, value in at_once.weights.items():
        np.testing.assert_allclose(outer.weights[name], value, rtol=0, atol=2e-7)


@pytest.mark.parametrize("weights", [(0.3, 0.7), (0.5, 0.5), (0.1, 0.2, 0.7), (0.4000004, 0.6)])
def test_the_mean_of_a_model_with_itself_is_the_model_bit_for_bit(
    weights: tuple[float, ...], tmp_path: Path
) -> None:
    average(["vocos-24k"] * len(weights), weights, tmp_path / "same.safetensors")
    model, same = load_model(model_path("vocos-24k")), load_model(tmp_path / "same.safetensors")
    assert (same.generator, same.features, same.f0.config) == (
        model.generator,
        model.features,
        model.f0.config,
    )
    for ours, theirs in ((same.weights, model.weights), (same.f0.weights, model.f0.weights)):
        assert ours.keys() == theirs.keys()
        assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)


def test_a_weight_of_one_gives_that_model(files: list[Path], tmp_path: Path) -> None:
    model = average(files, [0, 0, 1], tmp_path / "out.safetensors")
    for name, value in small(2).weights.items():
        np.testing.assert_array_equal(model.weights[name], value)


def test_the_predictor_of_f0_is_that_of_the_first_model_that_has_one(tmp_path: Path) -> None:
    plain, first = small(0), with_f0(small(1))
    second = dataclasses.replace(
        first,
        f0=dataclasses.replace(first.f0, weights={k: v * 2 for k, v in first.f0.weights.items()}),
    )
    mean = mean_model("abc", [plain, first, second], [0.2, 0.2, 0.6])
    assert mean.f0 is first.f0
    assert mean_model("ab", [plain, small(2)], [0.5, 0.5]).f0 is None


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([0.4, 0.5], "the sum of the weights is 0.9: expected 1"),
        ([0.4, 0.600002], "the sum of the weights is 1.000002: expected 1"),
        ([-0.5, 1.5], r"weights\[0\]=-0.5: expected 0 to 1"),
        ([0.5, float("nan")], r"weights\[1\]=nan: expected 0 to 1"),
        ([float("inf"), 0.5], r"weights\[0\]=inf: expected 0 to 1"),
        ([1.0], "1 weights for 2 models: expected one of each"),
        ([0.3, 0.3, 0.4], "3 weights for 2 models: expected one of each"),
    ],
)
def test_weights_that_make_no_mean_are_refused(
    weights: list[float], said: str, files: list[Path], tmp_path: Path, command: Command
) -> None:
    with pytest.raises(ValueError, match=said):
        mean_model("ab", [small(0), small(1)], weights)
    out = tmp_path / "out.safetensors"
    with pytest.raises(ValueError, match=said):
        average(files[:2], weights, out)
    code, _, err = command("average", *files[:2], "--weights", *weights, "-o", out)
    assert code == 2 and err.count("\n") == 1
    assert not out.exists()


def test_one_model_is_refused(files: list[Path], tmp_path: Path, command: Command) -> None:
    code, _, err = command("average", files[0], "--weights", 1, "-o", tmp_path / "out.safetensors")
    assert (code, err) == (2, "wavehax: 1 model: expected two or more to average\n")


def changed_mel(name: str) -> Model:
    model = small(1)
    model.weights[name] = model.weights[name] + np.float32([0, 0, 1, 0, 0, 0, 2, 0])
    return model


MEAN, SCALE = (random_weights(CONFIG, 0)[name][2] for name in ("mel_mean", "mel_scale"))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (small(1, dataclasses.replace(CONFIG, channels=8)), "generator.channels=8: expected 4"),
        (
            small(1, dataclasses.replace(CONFIG, frame_alignment="centre")),
            "generator.frame_alignment=centre: expected same",
        ),
        (
            small(1, dataclasses.replace(CONFIG, kernel_size=(3, 5))),
            "generator.kernel_size=[3, 5]: expected [3, 3]",
        ),
        (
            small(1, features=dataclasses.replace(FEATURES, f_max=7600.0)),
            "features.f_max=7600.0: expected 8000.0",
        ),
        (changed_mel("mel_mean"), f"mel_mean[2]={MEAN + np.float32(1):.9g}: expected {MEAN:.9g}"),
        (
            changed_mel("mel_scale"),
            f"mel_scale[2]={SCALE + np.float32(1):.9g}: expected {SCALE:.9g}",
        ),
    ],
)
def test_models_that_differ_in_more_than_weights_are_refused_by_name(
    model: Model, said: str, files: list[Path], tmp_path: Path, command: Command
) -> None:
    other, out = tmp_path / "other.safetensors", tmp_path / "out.safetensors"
    save_model(other, model)
    code, _, err = command("average", files[0], other, "--weights", 0.5, 0.5, "-o", out)
    assert code == 1
    assert err == f"wavehax: {other}: {said}, as {files[0]} has\n"
    assert not out.exists()


def test_the_command_writes_what_the_function_does_and_vocodes(
    files: list[Path], tmp_path: Path, command: Command
) -> None:
    out, same = tmp_path / "out.safetensors", tmp_path / "same.safetensors"
    done = command("average", *files, "--weights", 0.2, 0.3, 0.5, "-o", out)
    assert done == (0, "", "")
    average(files, [0.2, 0.3, 0.5], same)
    assert out.read_bytes() == same.read_bytes()
    np.save(
        tmp_path / "mel.npy", np.random.default_rng(0).standard_normal((8, 40)).astype(np.float32)
    )
    done = command("vocode", tmp_path / "mel.npy", "--model", out, "-o", tmp_path / "out.wav")
    assert done == (0, "", "")
    assert (tmp_path / "out.wav").stat().st_size == 44 + 2 * 40 * 32


def test_the_file_names_its_parts_their_weights_and_where_they_are_from(
    files: list[Path], tmp_path: Path, command: Command
) -> None:
    (tmp_path / "card.yaml").write_text("licence: CC0-1.0\nscores: {dev: {pesq_wb: 3.5}}\n")
    out, again = tmp_path / "out.safetensors", tmp_path / "again.safetensors"
    card = ("--card", tmp_path / "card.yaml")
    assert command("average", *files[:2], "--weights", 0.4, 0.6, *card, "-o", out) == (0, "", "")
    provenance = load_model(out).provenance
    assert provenance == {
        "licence": "CC0-1.0",
        "scores": {"dev": {"pesq_wb": 3.5}},
        "average": {
            "models": {
                "1": {
                    "name": "a.safetensors",
                    "weight": 0.4,
                    "provenance": {"licence": "number 0"},
                },
                "2": {
                    "name": "b.safetensors",
                    "weight": 0.6,
                    "provenance": {"licence": "number 1"},
                },
            },
            "batch_norm": "averaged",
        },
    }
    average([out, files[2]], [0.9, 0.1], again)
    inner = load_model(again).provenance["average"]["models"]
    assert (inner["1"]["provenance"], inner["2"]["weight"]) == (provenance, 0.1)
    assert str(tmp_path) not in str(load_model(again).provenance)
    code, said, _ = command("info", again)
    assert code == 0
    assert (
        "average models 1 provenance average models 2  " in said
        and "name b.safetensors, weight 0.6" in said
    )


def test_a_shipped_model_is_called_by_its_name_and_its_predictor_keeps_its_provenance(
    tmp_path: Path,
) -> None:
    provenance = average(["vocos-24k"] * 2, [0.5, 0.5], tmp_path / "out.safetensors").provenance
    assert [part["name"] for part in provenance["average"]["models"].values()] == ["vocos-24k"] * 2
    assert provenance["f0"] == load_model(model_path("vocos-24k")).provenance["f0"]


def test_a_card_that_speaks_of_the_average_is_refused(
    files: list[Path], tmp_path: Path, command: Command
) -> None:
    card, out = tmp_path / "card.yaml", tmp_path / "out.safetensors"
    card.write_text("average: mine\n")
    code, _, err = command("average", *files[:2], "--weights", 1, 0, "--card", card, "-o", out)
    assert code == 1 and err.startswith(
        f"wavehax: {card}: average: is the models and their weights"
    )
    assert not out.exists()


def test_an_output_is_replaced_only_when_forced(
    files: list[Path], tmp_path: Path, command: Command
) -> None:
    arguments = ("average", *files[:2], "--weights", 0.5, 0.5, "-o", files[0])
    before = files[0].read_bytes()
    code, _, err = command(*arguments)
    assert code == 1 and "exists already" in err
    assert files[0].read_bytes() == before
    assert command(*arguments, "--force") == (0, "", "")
    assert load_model(files[0]).provenance["average"]["models"]["1"]["name"] == "a.safetensors"


def run_without_torch(folder: Path, *arguments: object) -> tuple[int, str]:
    """Exit code and standard error of a command line where the extra [train] is not installed."""
    words = [str(argument) for argument in arguments]
    code = (
        "import sys; sys.modules['torch'] = None; from wavehax.cli import main;"
        f" sys.exit(main({words}))"
    )
    done = run_python(code, folder)
    return done.returncode, done.stderr


def test_models_are_averaged_without_pytorch(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    arguments = ("average", *files[:2], "--weights", 0.5, 0.5, "-o", out)
    assert run_without_torch(tmp_path, *arguments) == (0, "")
    expected = exact_mean([load_model(path) for path in files[:2]], [0.5, 0.5])
    for name, value in load_model(out).weights.items():
        np.testing.assert_allclose(value, expected[name].astype(np.float32), rtol=1e-6, atol=1e-7)


def test_batch_norms_are_not_measured_without_pytorch(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    arguments = ("average", *files[:2], "--weights", 0.5, 0.5, "--data", tmp_path, "-o", out)
    said = "wavehax: measuring batch norms needs torch: pip install 'wavehax[train]'\n"
    assert run_without_torch(tmp_path, *arguments) == (1, said)
    assert not out.exists()


def test_a_mean_that_the_engine_cannot_run_is_not_written(tmp_path: Path) -> None:
    path, out = tmp_path / "loud.safetensors", tmp_path / "out.safetensors"
    loud = small(0)
    loud.weights["output_proj.weight"] = np.full_like(loud.weights["output_proj.weight"], 3e38)
    save_model(path, loud)
    code, said = run_without_torch(
        tmp_path, "average", path, path, "--weights", 0.5, 0.5, "-o", out
    )
    assert code == 1 and re.fullmatch(r"wavehax: output sample \d+ is not finite\n", said)
    assert [p.name for p in tmp_path.iterdir()] == ["loud.safetensors"]


def test_a_mean_that_the_engine_computes_otherwise_than_pytorch_is_not_written(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    import wavehax.nn.stft

    def ones(self: object, re: object, im: object) -> object:
        return re.new_ones(re.shape[0], 32 * re.shape[-1])

    monkeypatch.setattr(wavehax.nn.stft.STFT, "inverse", ones)
    out = tmp_path / "out.safetensors"
    with pytest.raises(ValueError, match="differs from PyTorch"):
        average(files[:2], [0.5, 0.5], out)
    assert not out.exists() and len(list(tmp_path.iterdir())) == len(files)


def test_the_average_is_in_the_lean_runtime() -> None:
    """It is imported without PyTorch, YAML or anything else that only some users install."""
    code = (
        "import sys, wavehax.train.average;print(sorted({'torch', 'yaml', 'scipy', 'soundfile'} &"
        " sys.modules.keys()))"
    )
    assert run_python(code, Path(__file__).parent).stdout == "[]\n"
