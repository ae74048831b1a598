"""Graphs for other programs: sherpa-onnx, called by the real package, and OpenUtau, as it calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from random_models import small_model
from stand_ins import sherpa_says, write_matcha, write_zipvoice

import wavehax
from wavehax.checkpoint import Model, load_model, save_model
from wavehax.files.sound import read_audio
from wavehax.mel.features import log_mel
from wavehax.models.locate import model_path

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
onnx = pytest.importorskip("onnx", reason="needs the extra [onnx]")
yaml = pytest.importorskip("yaml", reason="needs PyYAML")

Command = Callable[..., tuple[int, str, str]]
RECORDING = Path(__file__).parents[1] / "data" / "recording.wav"


def session(content: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options)


def built(model: Model, host: str) -> Any:
    from wavehax.export.onnx import build

    graph = build(model, host=host)
    onnx.checker.check_model(graph, full_check=True)
    return session(graph.SerializeToString())


def mel_of_recording(model: Model, frames: int) -> np.ndarray:
    audio, _ = read_audio(RECORDING, model.features.sample_rate)
    return log_mel(audio, model.features)[:, 20 : 20 + frames]


def assert_close(wave: np.ndarray, expected: np.ndarray, tolerance: float = 1e-4) -> None:
    assert wave.shape == expected.shape
    assert np.abs(wave - expected).max() <= tolerance * np.abs(expected).max()


# The vectors are from the file kat_vectors of Random123, which the authors of Philox publish.
@pytest.mark.parametrize(
    ("counter", "seed", "words"),
    [
        ([0] * 4, 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (
            [0xFFFFFFFF] * 4,
            0xFFFFFFFFFFFFFFFF,
            [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
        ),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            0x299F31D0A4093822,
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_words_that_its_authors_publish(
    counter: list[int], seed: int, words: list[int]
) -> None:
    from wavehax.export.noise import philox

    assert philox(counter, seed) == words


@pytest.mark.parametrize("preset", ["vocos-24k", "hifigan-22k", "wavehax-24k"])
def test_a_graph_for_sherpa_needs_the_mel_alone_and_has_the_noise_of_seed_0(preset: str) -> None:
    model = small_model(preset, "spectrum")
    mel = np.random.default_rng(0).uniform(-9, -1, (model.features.n_mels, 23)).astype(np.float32)
    graph, voc = built(model, "sherpa"), wavehax.Vocoder(model)
    assert [node.name for node in graph.get_inputs()] == ["mel"]
    wave, f0 = graph.run(["waveform", "f0"], {"mel": mel[None]})
    assert 0 < np.count_nonzero(f0) < f0.size
    np.testing.assert_allclose(f0[0], voc.f0(mel), rtol=1e-5)
    assert_close(wave[0], voc(mel, f0[0], seed=0))
    other = voc(mel, f0[0], seed=1)
    assert np.abs(wave[0] - other).max() > 1e-2 * np.abs(other).max()
    (again,) = graph.run(["waveform"], {"mel": mel[None]})
    assert np.array_equal(wave, again)


@pytest.mark.parametrize("preset", ["vocos-24k", "hifigan-22k", "wavehax-24k"])
def test_the_spectra_for_sherpa_are_those_of_the_waveform(preset: str) -> None:
    scipy = pytest.importorskip("scipy.signal", reason="needs SciPy")
    model = small_model(preset)
    mel = np.random.default_rng(1).uniform(-9, -1, (model.features.n_mels, 23)).astype(np.float32)
    graph = built(model, "sherpa")
    said = graph.get_modelmeta().custom_metadata_map
    assert (said["model_type"], said["center"], said["normalized"]) == ("vocos", "1", "0")
    assert (said["window_type"], said["win_length"]) == ("hann", said["n_fft"])
    assert int(said["sample_rate"]) == model.features.sample_rate
    # The host takes the first three outputs by their order.
    mag, x, y, wave = graph.run(None, {"mel": mel[None]})[:4]
    n_fft, hop = int(said["n_fft"]), int(said["hop_length"])
    assert n_fft & (n_fft - 1) == 0  # the host's Fourier transform needs a power of 2
    spectrum = (mag * (x + 1j * y))[0] * 2 / n_fft  # SciPy divides by the sum of the window
    _, inverse = scipy.istft(spectrum, window="hann", nperseg=n_fft, noverlap=n_fft - hop)
    assert_close(inverse, wave[0])


@pytest.mark.parametrize("which", ["vocos-24k as it is shipped", "a small one of hifigan-22k"])
def test_sherpa_onnx_says_our_samples_of_the_mel_of_matcha(
    which: str, tmp_path: Path, command: Command
) -> None:
    pytest.importorskip("sherpa_onnx", reason="needs sherpa-onnx: pip install sherpa-onnx")
    path = model_path()
    if which != "vocos-24k as it is shipped":
        path = tmp_path / "small.safetensors"
        save_model(path, small_model("hifigan-22k", "spectrum"))
    vocoder = tmp_path / "vocoder.onnx"
    assert command("export", "onnx", path, "--for", "sherpa", "-o", vocoder) == (0, "", "")
    model = load_model(path)
    mel = mel_of_recording(model, 60)
    write_matcha(tmp_path, mel, model.features.sample_rate)
    samples, rate = sherpa_says("matcha", tmp_path)
    assert rate == model.features.sample_rate
    # The waveform of the F0 that the graph found: rounding of F0 adds up in the phase.
    f0 = session(vocoder.read_bytes()).run(["f0"], {"mel": mel[None]})[0][0]
    np.testing.assert_allclose(f0, wavehax.Vocoder(model).f0(mel), rtol=1e-5)
    assert_close(samples, wavehax.Vocoder(model)(mel, f0))


def test_sherpa_onnx_says_our_samples_of_the_mel_of_zipvoice(
    tmp_path: Path, command: Command
) -> None:
    pytest.importorskip("sherpa_onnx", reason="needs sherpa-onnx: pip install sherpa-onnx")
    vocoder = tmp_path / "vocoder.onnx"
    assert command("export", "onnx", "--for", "sherpa", "-o", vocoder) == (0, "", "")
    model = load_model(model_path())
    mel = mel_of_recording(model, 60)
    write_zipvoice(tmp_path, mel)
    samples, rate = sherpa_says("zipvoice", tmp_path)
    assert rate == 24000
    f0 = session(vocoder.read_bytes()).run(["f0"], {"mel": mel[None]})[0][0]
    # The host adds noise to the mel and takes it away again, which rounds it, and F0 with it.
    assert_close(samples, wavehax.Vocoder(model)(mel, f0), tolerance=5e-3)


def package(path: Path) -> tuple[dict[str, Any], Any]:
    """The vocoder.yaml of a package for OpenUtau, and the graph that it names."""
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        config = yaml.safe_load(archive.read("vocoder.yaml"))
        assert yaml.safe_load(archive.read("oudep.yaml"))["name"] == path.stem == config["name"]
        return config, session(archive.read(config["model"]))


def test_a_package_for_openutau_gives_our_samples_of_the_mel_and_f0_alone(
    tmp_path: Path, command: Command
) -> None:
    path = tmp_path / "our-44.1k.oudep"
    arguments = ("nsf-hifigan-44k", "--for", "openutau", "-o", path)
    assert command("export", "onnx", *arguments) == (0, "", "")
    config, graph = package(path)
    voc = wavehax.load("nsf-hifigan-44k")
    mel = mel_of_recording(load_model(model_path("nsf-hifigan-44k")), 60)
    f0 = np.linspace(180, 260, 60, dtype=np.float32)  # the host's F0 is nowhere 0
    results = graph.run(None, {"mel": np.ascontiguousarray(mel.T)[None], "f0": f0[None]})
    assert [node.name for node in graph.get_inputs()] == ["mel", "f0"]
    assert len(results) == 1 and results[0].shape == (1, 60 * config["hop_size"])
    assert_close(results[0][0], voc(mel, f0, seed=0))


def test_f0_that_is_nowhere_0_costs_no_likeness_where_the_mel_is_unvoiced() -> None:
    model = load_model(model_path("nsf-hifigan-44k"))
    voc, graph = wavehax.Vocoder(model), built(model, "openutau")
    mel = mel_of_recording(model, 120)
    f0 = voc.f0(mel)
    voiced = f0 > 0
    assert 10 < np.count_nonzero(~voiced) < 60
    # OpenUtau samples the curve of the pitch, which goes on through unvoiced phones.
    held = np.exp(np.interp(np.arange(120), np.flatnonzero(voiced), np.log(f0[voiced])))

    def error(given: np.ndarray) -> float:
        """Mean distance of log-magnitudes in unvoiced frames, without the ends."""
        feed = {"mel": mel.T[None], "f0": given[None].astype(np.float32)}
        found = log_mel(graph.run(None, feed)[0][0], voc.features)
        inner = slice(2, -2)
        return float(np.abs(found - mel).mean(axis=0)[inner][~voiced[inner]].mean())

    assert error(held) < 1.05 * error(f0)


def test_the_vocoder_yaml_says_what_an_acoustic_model_of_diffsinger_must_agree_on(
    tmp_path: Path, command: Command
) -> None:
    save_model(tmp_path / "small.safetensors", small_model("nsf-hifigan-44k"))
    path = tmp_path / "small.oudep"
    assert command(
        "export", "onnx", tmp_path / "small.safetensors", "--for", "openutau", "-o", path
    ) == (0, "", "")
    assert package(path)[0] == {
        "name": "small",
        "model": "small.onnx",
        "sample_rate": 44100,
        "hop_size": 512,
        "win_size": 2048,
        "fft_size": 2048,
        "num_mel_bins": 128,
        "mel_fmin": 40,
        "mel_fmax": 16000,
        "mel_base": "e",  # natural logarithms: the host multiplies a mel of base 10 by ln 10
        "mel_scale": "slaney",
        "pitch_controllable": False,
    }


@pytest.mark.parametrize(
    ("preset", "arguments", "words"),
    [
        ("vocos-24k", ("openutau", "a.oudep"), "mel_norm 'none'; expected 'slaney'"),
        ("hifigan-22k", ("openutau", "My Voice.oudep"), "expected lower-case letters"),
        ("hifigan-22k", ("openutau", "a.onnx"), "unknown file type '.onnx'; expected .oudep"),
        ("hifigan-22k", ("sherpa", "a.oudep"), "unknown file type '.oudep'; expected .onnx"),
        ("hifigan-22k", ("sherpa", "a.onnx", "--f0", "mel"), "leave out --f0"),
    ],
)
def test_what_a_host_could_not_use_is_refused_in_one_line(
    preset: str, arguments: tuple[str, ...], words: str, tmp_path: Path, command: Command
) -> None:
    save_model(tmp_path / "small.safetensors", small_model(preset))
    before = sorted(tmp_path.iterdir())
    host, name, *rest = arguments
    code, _, said = command(
        *("export", "onnx", tmp_path / "small.safetensors", "--for", host, *rest),
        *("-o", tmp_path / name),
    )
    assert code == 1 and words in said and said.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_host_takes_no_stream(tmp_path: Path, command: Command) -> None:
    arguments = ("--for", "sherpa", "--streaming", "-o", tmp_path / "a.onnx")
    code, _, said = command("export", "onnx", *arguments)
    assert code == 2 and "not allowed with argument" in said
