"""ONNX graphs against the engine: whole utterances, streams in any chunks, F0 from the mel."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import (
    generator_configs,
    make_engine,
    pytorch_waves,
    random_features,
    random_weights,
    small_model,
)
from tiny_models import FIXTURES, read_fixture

import wavehax
from wavehax.checkpoint import Model, load_model
from wavehax.config import FeatureConfig, GeneratorConfig
from wavehax.files.sound import read_audio
from wavehax.mel.features import log_mel
from wavehax.models.locate import model_path
from wavehax.official.convert import convert_official

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
onnx = pytest.importorskip("onnx", reason="needs the extra [onnx]")

RECORDING = Path(__file__).parents[1] / "data" / "recording.wav"
relaxed = settings(max_examples=40, deadline=None)
_DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}
STD = {"pcph": 0.01, "pcph_linear_decay": 0.01, "sine": 0.03, "sawtooth": 0.03, "noise": 1.0}
RMS = {"pcph": 0.1, "pcph_linear_decay": 0.1, "sine": 0.5**0.5, "sawtooth": 3**-0.5, "noise": 1.0}


def session(model: Model, **options: bool) -> Any:
    from wavehax.export.onnx import build

    graph = build(model, **options)
    onnx.checker.check_model(graph, full_check=True)
    one_thread = onnxruntime.SessionOptions()
    one_thread.intra_op_num_threads = one_thread.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph.SerializeToString(), one_thread)


def as_model(config: GeneratorConfig, seed: int) -> Model:
    rate, hop = config.sample_rate, config.hop_length
    features = FeatureConfig(
        "test", rate, hop, 2 * hop, config.n_mels, 0.0, rate / 2, "slaney", "slaney", "same", 1e-5
    )
    return Model(config, features, random_weights(config, seed))


def noise_and_prior(
    config: GeneratorConfig, engine: Any, f0: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian noise, and the prior of phase 0 with it."""
    harmonics = engine.prior(f0, 0, noise=False)
    noise = np.random.default_rng(seed).standard_normal(len(harmonics)).astype(np.float32)
    hops = np.append(f0, f0[-1:]) if config.frame_alignment == "centre" else f0
    raised = RMS[config.prior] if config.output == "excitation" else STD[config.prior]
    std = np.where(hops > 0, STD[config.prior], raised).repeat(config.hop_length)
    return noise, (harmonics + std * noise).astype(np.float32)


def assert_equal(
    wave: np.ndarray, expected: np.ndarray, config: GeneratorConfig, inputs: tuple[Any, ...]
) -> None:
    bound = 1e-4 * np.abs(expected).max()
    if config.use_logmag_phase:
        # Rounding decides the phase of a bin that is nearly silent: no float32 computation is
        # closer than another.
        pytest.importorskip("torch")
        bound = max(
            bound, 4 * max(np.abs(x - expected).max() for x in pytorch_waves(config, *inputs))
        )
    assert wave.shape == expected.shape and wave.dtype == np.float32
    assert np.abs(wave - expected).max() <= bound


@relaxed
@given(config=generator_configs(), frames=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_a_whole_graph_equals_the_engine_for_any_config_and_length(
    config: GeneratorConfig, frames: int, seed: int
) -> None:
    model = as_model(config, seed)
    mel, f0 = random_features(config, frames, seed)
    engine = make_engine(config, model.weights, "auto")
    noise, prior = noise_and_prior(config, engine, f0, seed)
    feed = {"mel": mel[None], "f0": f0[None], "noise": noise[None], "phase": np.zeros(1)}
    graph = session(model)
    wave = graph.run(None, {node.name: feed[node.name] for node in graph.get_inputs()})[0]
    assert_equal(wave[0], engine.vocode(mel, f0, 0, prior), config, (model.weights, mel, f0, prior))


@pytest.mark.parametrize("name", FIXTURES)
def test_a_whole_graph_equals_the_authors_implementation(name: str) -> None:
    official_config, official_weights, data = read_fixture(name)
    config, weights = convert_official(official_config, official_weights)
    model = dataclasses.replace(as_model(config, 0), weights=weights)
    silence = np.zeros_like(data["prior"][:, 0])
    feed = {
        "mel": data["cond"],
        "f0": data["f0"][:, 0],
        "noise": silence,
        "phase": np.zeros(len(silence)),
    }
    wave, expected = session(model).run(None, feed)[0], data["wave"][:, 0]
    assert np.abs(wave - expected).max() <= 1e-4 * np.abs(expected).max()


class Host:
    """Runs a streaming graph as a program that embeds it would."""

    def __init__(self, model: Model, **options: bool) -> None:
        self.session = session(model, streaming=True, **options)
        self.inputs = {node.name: node for node in self.session.get_inputs()}
        self.outputs = [node.name for node in self.session.get_outputs()]
        about = self.session.get_modelmeta().custom_metadata_map
        self.hop, self.delay = int(about["hop_length"]), int(about["delay"])
        self.state = {
            name: np.zeros((1, *node.shape[1:]), _DTYPES[node.type])
            for name, node in self.inputs.items()
            if name.startswith("state.")
        }

    def push(
        self, mel: np.ndarray, f0: np.ndarray, noise: np.ndarray, mask: float = 1.0
    ) -> dict[str, np.ndarray]:
        frames = np.full((1, mel.shape[1]), mask, np.float32)
        feed = {
            "mel": mel[None],
            "f0": f0[None],
            "noise": noise[None],
            "mask": frames,
            **self.state,
        }
        feed = {name: value for name, value in feed.items() if name in self.inputs}
        results = dict(zip(self.outputs, self.session.run(None, feed), strict=True))
        self.state = {name: results[f"next_{name}"] for name in self.state}
        return {name: results[name][0] for name in ("waveform", "f0") if name in results}

    def stream(
        self, mel: np.ndarray, f0: np.ndarray, noise: np.ndarray, chunks: list[int]
    ) -> dict[str, np.ndarray]:
        """The waveform of a whole utterance, and F0 where it is predicted."""
        parts, hop, at = [], self.hop, 0
        for n in chunks:
            parts.append(
                self.push(mel[:, at : at + n], f0[at : at + n], noise[at * hop : (at + n) * hop])
            )
            at += n
        flush = -(-self.delay // hop)
        rest = np.full((flush + 1) * hop, 9, np.float32)  # what comes with mask 0 does not matter
        noise = np.append(noise[at * hop :], rest)[: flush * hop]
        parts.append(self.push(np.full((len(mel), flush), 9, np.float32), rest[:flush], noise, 0.0))
        assert [len(part["waveform"]) for part in parts] == [n * hop for n in (*chunks, flush)]
        results = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        assert np.isfinite(results["waveform"]).all()
        results["waveform"] = results["waveform"][self.delay : self.delay + at * hop]
        return results


@relaxed
@given(
    config=generator_configs(streamable=True).filter(
        lambda config: config.time_padding == "causal"
    ),
    chunks=st.lists(st.one_of(st.integers(1, 3), st.integers(1, 20)), min_size=1, max_size=8),
    seed=st.integers(0, 2**32),
)
@pytest.mark.slow
def test_a_streaming_graph_equals_the_engine_for_any_config_and_chunks(
    config: GeneratorConfig, chunks: list[int], seed: int
) -> None:
    model = as_model(config, seed)
    mel, f0 = random_features(config, sum(chunks), seed)
    engine = make_engine(config, model.weights, "auto")
    noise, prior = noise_and_prior(config, engine, f0, seed)
    host = Host(model)
    assert host.delay == engine.stream(0).delay
    expected = engine.vocode(mel, f0, 0, prior)
    wave = host.stream(mel, f0, noise, chunks)["waveform"]
    assert_equal(wave, expected, config, (model.weights, mel, f0, prior))


@pytest.mark.parametrize("output", ["excitation", "spectrum"])
@pytest.mark.parametrize("f0_from_mel", [False, True])
def test_graphs_have_the_floor_and_the_silence_of_the_engine(
    output: str, f0_from_mel: bool
) -> None:
    model = small_model("wavehax-24k", output)
    voc, frames = wavehax.Vocoder(model), 40
    mel = (
        np.random.default_rng(3)
        .uniform(-25, -5, (model.features.n_mels, frames))
        .astype(np.float32)
    )
    mel[:, 15:25] = -100
    floored = np.maximum(mel, np.float32(np.log(model.features.log_floor)))
    f0 = voc.f0(floored) if f0_from_mel else np.full(frames, 150, np.float32)
    noise, _ = noise_and_prior(model.generator, voc._engine, f0, 0)
    feed = {"mel": mel[None], "f0": f0[None], "noise": noise[None], "phase": np.zeros(1)}
    graph = session(model, f0_from_mel=f0_from_mel)
    whole = dict(
        zip(
            ("waveform", "f0"),
            graph.run(None, {n.name: feed[n.name] for n in graph.get_inputs()}),
            strict=False,
        )
    )
    streamed = Host(model, f0_from_mel=f0_from_mel).stream(mel, f0, noise, [3, 17, 20])
    for found in ({name: value[0] for name, value in whole.items()}, streamed):
        pitch = found["f0"][:frames] if f0_from_mel else f0
        np.testing.assert_allclose(pitch, f0, rtol=1e-5)
        expected = voc(
            floored, pitch, prior=noise_and_prior(model.generator, voc._engine, pitch, 0)[1]
        )
        assert np.abs(found["waveform"] - expected).max() <= 1e-4 * np.abs(expected).max()
        pause = slice(17 * voc.hop_length, 23 * voc.hop_length)
        assert found["waveform"][pause].any() == expected[pause].any() == (output == "spectrum")


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load_model(model_path())


@pytest.fixture(scope="module")
def speech(shipped: Model) -> tuple[np.ndarray, np.ndarray]:
    """Mel and F0 of 61 frames."""
    audio, _ = read_audio(RECORDING, shipped.features.sample_rate)
    mel = log_mel(audio, shipped.features)[:, 20:81]
    return mel, wavehax.Vocoder(shipped).f0(mel)


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 (Salmon et al., SC 2011)."""
    a, b, c, d = counter
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = right >> 32 ^ b ^ key[0], right % 2**32, left >> 32 ^ d ^ key[1], left % 2**32
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return [a, b, c, d]


def test_given_noise_and_phase_of_a_seed_the_stream_of_the_shipped_model_is_that_of_the_engine(
    shipped: Model, speech: tuple[np.ndarray, np.ndarray]
) -> None:
    mel, f0 = speech
    seed = 2**40 + 5
    stream = wavehax.Vocoder(shipped).stream(seed)
    expected = np.concatenate(
        [stream.push(mel[:, :30], f0[:30]), stream.push(mel[:, 30:], f0[30:]), stream.flush()]
    )
    engine = make_engine(shipped.generator, shipped.weights, "auto")
    # what a prior is where all is unvoiced
    noise = engine.prior(np.zeros_like(f0), seed) / np.float32(0.1)
    host = Host(shipped)
    host.state["state.phase"][:] = philox([0, 0, 0, 1], [seed % 2**32, seed >> 32])[0] / 2**32
    wave = host.stream(mel, f0, noise, [7, 1, 1, 20, 32])["waveform"]
    assert np.abs(wave - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("streaming", [False, True])
def test_f0_from_the_mel_is_the_engines_and_drives_the_waveform(
    streaming: bool, shipped: Model, speech: tuple[np.ndarray, np.ndarray]
) -> None:
    mel, expected_f0 = speech
    engine = make_engine(shipped.generator, shipped.weights, "auto")
    noise, _ = noise_and_prior(shipped.generator, engine, expected_f0, 0)
    if streaming:
        results = Host(shipped, f0_from_mel=True).stream(mel, expected_f0, noise, [1, 1, 40, 19])
        wave, f0 = results["waveform"], results["f0"][:61]
    else:
        feed = {"mel": mel[None], "noise": noise[None], "phase": np.zeros(1)}
        wave, f0 = (x[0] for x in session(shipped, f0_from_mel=True).run(["waveform", "f0"], feed))
    assert 10 < (f0 > 0).sum() < 61
    np.testing.assert_allclose(f0, expected_f0, rtol=1e-5)
    # Rounding of F0 adds up in the phase: the waveform is that of the F0 that the graph found.
    expected = engine.vocode(mel, f0, 0, noise_and_prior(shipped.generator, engine, f0, 0)[1])
    assert np.abs(wave - expected).max() <= 1e-4 * np.abs(expected).max()


SMALL = GeneratorConfig(
    n_mels=4,
    channels=4,
    kernel_size=3,
    num_blocks=1,
    n_fft=32,
    hop_length=16,
    norm="batch",
    time_padding="causal",
)


@pytest.mark.slow
def test_a_tone_of_a_minute_keeps_its_phase() -> None:
    model, frames, pitch = as_model(SMALL, 0), 90_000, np.float32(437.1)
    mel, f0 = np.zeros((4, frames), np.float32), np.full(frames, pitch)
    engine = make_engine(SMALL, model.weights, "auto")
    noise, prior = noise_and_prior(SMALL, engine, f0, 0)
    expected = engine.vocode(mel, f0, 0, prior)[-24_000:]
    feed = {"mel": mel[None], "f0": f0[None], "noise": noise[None], "phase": np.zeros(1)}
    wave = session(model).run(["waveform"], feed)[0][0, -24_000:]
    assert np.abs(wave - expected).max() <= 1e-4 * np.abs(expected).max()
    host = Host(model)
    for at in range(0, frames, 1000):
        host.push(mel[:, :1000], f0[:1000], noise[16 * at : 16 * (at + 1000)])
    exact = Fraction(float(pitch)) / 24_000 * 16 * frames % 1
    assert abs(host.state["state.phase"][0] - float(exact)) < 1e-9


@pytest.mark.parametrize("num_streams", [1, 2])
def test_utterances_of_a_batch_do_not_disturb_each_other(num_streams: int) -> None:
    config = dataclasses.replace(
        SMALL, num_streams=num_streams, n_fft=32, norm="utterance", stream_filter="pqmf"
    )
    graph = session(as_model(config, 0))
    rng = np.random.default_rng(0)
    feed = {
        "mel": rng.standard_normal((2, 4, 30)).astype(np.float32),
        "f0": np.array([[100], [0]], np.float32).repeat(30, axis=1),
        "noise": rng.standard_normal((2, 480)).astype(np.float32),
        "phase": rng.random(2),
    }
    both = graph.run(None, feed)[0]
    for i in range(2):
        alone = graph.run(None, {name: value[i : i + 1] for name, value in feed.items()})[0]
        np.testing.assert_allclose(both[i], alone[0], atol=1e-5 * np.abs(both).max())


def test_voices_of_a_batch_may_end_at_different_frames() -> None:
    host, lengths, total = Host(as_model(SMALL, 0)), np.array([12, 20]), 24
    rng = np.random.default_rng(0)
    mel = rng.standard_normal((2, 4, total)).astype(np.float32)
    f0 = np.array([[100], [150]], np.float32).repeat(total, axis=1)
    noise = rng.standard_normal((2, total * host.hop)).astype(np.float32)
    alone = [
        Host(as_model(SMALL, 0)).stream(mel[i, :, :n], f0[i, :n], noise[i, : n * host.hop], [n])[
            "waveform"
        ]
        for i, n in enumerate(lengths)
    ]
    mask = (np.arange(total) < lengths[:, None]).astype(np.float32)
    state = {name: value.repeat(2, axis=0) for name, value in host.state.items()}
    both = host.session.run(
        ["waveform"], {"mel": mel, "f0": f0, "noise": noise, "mask": mask, **state}
    )[0]
    for wave, expected in zip(both[:, host.delay :], alone, strict=True):
        np.testing.assert_allclose(
            wave[: len(expected)], expected, atol=1e-5 * np.abs(expected).max()
        )


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"norm": "utterance"}, {"streaming": True}, "norm 'utterance'"),
        ({"outer_norm": "utterance"}, {"streaming": True}, "norm 'utterance'"),
        (
            {"time_padding": "reflect"},
            {"streaming": True},
            "time_padding is 'reflect'.*expected 'causal'",
        ),
        ({}, {"f0_from_mel": True}, "no predictor of F0"),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_name(
    change: dict, options: dict, words: str
) -> None:
    from wavehax.export.onnx import build

    with pytest.raises(ValueError, match=words):
        build(as_model(dataclasses.replace(SMALL, **change), 0), **options)
