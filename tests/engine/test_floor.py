"""The floor of a mel's definition: values below it, and the sound of silence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from random_models import small_model

from wavehax import _engine
from wavehax.config import FEATURES, to_dict
from wavehax.mel.features import frame_count, log_mel
from wavehax.vocoder import Vocoder

SAMPLES = 12_000
PLAIN = {name: features for name, features in FEATURES.items() if features.plain}
PRESETS = pytest.mark.parametrize("preset", PLAIN)


def recording(loudness: float) -> np.ndarray:
    """Return noise that fades in from nothing: at first all bands are at the floor, then some, then
    none."""
    noise = np.random.default_rng(1).standard_normal(SAMPLES)
    return (loudness * np.linspace(0, 1, SAMPLES) ** 8 * noise).astype(np.float32)


def pitch(frames: int) -> np.ndarray:
    return np.where(np.arange(frames) % 9 < 5, 150.0, 0.0).astype(np.float32)


def streamed(voc: Vocoder, mel: np.ndarray, f0: np.ndarray | None, **options: float) -> np.ndarray:
    stream = voc.stream(**options)
    parts = [
        stream.push(mel[:, i : i + 3], None if f0 is None else f0[i : i + 3])
        for i in range(0, mel.shape[1], 3)
    ]
    return np.concatenate([*parts, stream.flush()])


@PRESETS
@pytest.mark.parametrize("output", ["excitation", "spectrum"])
def test_below_the_floor_is_at_the_floor_bit_for_bit(preset: str, output: str) -> None:
    voc = Vocoder(small_model(preset, output))
    mel = log_mel(recording(0.01), voc.features)
    at_floor = mel == mel.min()
    assert 0.1 < at_floor.mean() < 0.9
    f0 = pitch(mel.shape[1])
    for depth in (1e-5, 0.3, 10.0, 1e30):
        below = np.where(at_floor, mel - np.float32(depth), mel)
        assert (below < mel).any()
        assert np.array_equal(voc(below, f0), voc(mel, f0))
        assert np.array_equal(voc.f0(below), voc.f0(mel))
        assert np.array_equal(voc(below, f0, f0_scale=1.5), voc(mel, f0, f0_scale=1.5))
        assert np.array_equal(streamed(voc, below, f0), voc(mel, f0))
        assert np.array_equal(streamed(voc, below, None, f0_scale=1.5), voc(mel, f0_scale=1.5))


@PRESETS
def test_the_floor_changes_no_bit_of_a_mel_that_is_never_silent(preset: str) -> None:
    made = small_model(preset)
    hum = 1e-3 * np.sin(2 * np.pi * 300 * np.arange(SAMPLES) / made.features.sample_rate)
    mel = log_mel(recording(0.01) + hum, made.features)
    at_floor = mel == np.float32(np.log(made.features.log_floor))
    assert at_floor.any() and not at_floor.all(axis=0).any()
    f0 = pitch(mel.shape[1])
    floorless = _engine.Engine(to_dict(made.generator), made.weights)
    voc = Vocoder(made)
    assert np.array_equal(voc(mel, f0), floorless.vocode(mel, f0, 0))
    assert np.array_equal(voc(mel, f0, threads=3), floorless.vocode(mel, f0, 0))


@PRESETS
def test_silence_stays_silence(preset: str) -> None:
    voc = Vocoder(small_model(preset))
    mel = log_mel(np.zeros(SAMPLES, np.float32), voc.features)
    for f0 in (np.zeros(mel.shape[1]), pitch(mel.shape[1])):
        for depth in (0.0, 10.0):
            assert not voc(mel - np.float32(depth), f0).any()
            assert not streamed(voc, mel - np.float32(depth), f0).any()


@PRESETS
def test_a_silent_pause_is_silent_and_changes_nothing_around_it(preset: str) -> None:
    made = small_model(preset)
    voc, hop = Vocoder(made), made.features.hop_length
    audio = np.random.default_rng(2).standard_normal(60 * hop).astype(np.float32)
    audio[20 * hop : 40 * hop] = 0
    mel = log_mel(audio, made.features)
    silent = np.flatnonzero((mel == mel.min()).all(axis=0))
    f0 = pitch(mel.shape[1])
    wave = voc(mel, f0)
    # Windows of two hops reach no further into the silence.
    first, last = ((silent[0] + 2) * hop, (silent[-1] - 1) * hop)
    assert not wave[first:last].any()
    with_noise = _engine.Engine(to_dict(made.generator), made.weights).vocode(mel, f0, 0)
    assert with_noise[first:last].all()
    first, last = (silent[0] - 2) * hop, (silent[-1] + 3) * hop
    assert np.array_equal(wave[:first], with_noise[:first]) and np.array_equal(
        wave[last:], with_noise[last:]
    )
    assert np.array_equal(streamed(voc, mel, f0), wave)


def test_silence_as_float32_logarithms_write_it_is_silence() -> None:
    for preset, features in PLAIN.items():
        voc, frames = Vocoder(small_model(preset)), 20
        floor = np.float32(features.log_floor)
        for value in (
            np.log(floor),
            np.log10(floor) * np.float32(np.log(10)),
            np.log2(floor) * np.float32(np.log(2)),
        ):
            assert not voc(
                np.full((features.n_mels, frames), value, np.float32), pitch(frames)
            ).any()


def test_a_model_whose_output_is_a_spectrum_sounds_as_its_authors_made_it() -> None:
    made = small_model("wavehax-24k", "spectrum")
    frames = frame_count(SAMPLES, made.features)
    mel = log_mel(np.zeros(SAMPLES, np.float32), made.features)
    floorless = _engine.Engine(to_dict(made.generator), made.weights)
    assert np.array_equal(
        Vocoder(made)(mel, pitch(frames)), floorless.vocode(mel, pitch(frames), 0)
    )


@PRESETS
@pytest.mark.parametrize("output", ["excitation", "spectrum"])
def test_pytorch_has_the_floor_and_the_silence_of_the_engine(preset: str, output: str) -> None:
    torch = pytest.importorskip("torch")
    from wavehax.nn import build_generator

    made = small_model(preset, output)
    generator = build_generator(made.generator, made.features.log_floor).eval()
    generator.load_state_dict(
        {name: torch.from_numpy(value) for name, value in made.weights.items()}
    )
    mel = log_mel(recording(0.01), made.features)
    f0, voc = pitch(mel.shape[1]), Vocoder(made)
    prior = voc.prior(f0)

    def wave(mel: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return generator(
                *(torch.from_numpy(x) for x in (mel[None], f0[None, None], prior[None, None]))
            )[0, 0].numpy()

    below = np.where(mel == mel.min(), np.float32(-100), mel)
    assert np.array_equal(wave(below), wave(mel))
    expected = voc(below, f0, prior=prior)
    assert np.abs(wave(below) - expected).max() <= 1e-4 * np.abs(expected).max()
    silence = wave(np.full_like(mel, -100))
    assert silence.any() == (output == "spectrum")


def test_silent_frames_of_training_have_no_gradient_and_others_keep_theirs() -> None:
    torch = pytest.importorskip("torch")
    from wavehax.nn import build_generator

    made = small_model("wavehax-24k")
    hop, features = made.features.hop_length, made.features
    generator = build_generator(made.generator, features.log_floor)
    generator.load_state_dict(
        {name: torch.from_numpy(value) for name, value in made.weights.items()}
    )
    audio = np.random.default_rng(2).standard_normal(40 * hop).astype(np.float32)
    audio[20 * hop :] = 0
    f0 = torch.full((1, 1, 40), 150.0)
    for loud, mel in ((True, log_mel(audio, features)), (False, log_mel(0 * audio, features))):
        generator.zero_grad()
        generator(torch.from_numpy(mel)[None], f0).square().sum().backward()
        gradients = [p.grad for p in generator.parameters() if p.grad is not None]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert any(gradient.any() for gradient in gradients) == loud


def test_a_model_keeps_the_floor_of_features_that_are_not_a_preset() -> None:
    made = small_model("wavehax-24k")
    high = dataclasses.replace(
        made, features=dataclasses.replace(made.features, name="high", log_floor=1e-2)
    )
    mel, f0 = np.full((made.features.n_mels, 20), -5, np.float32), pitch(20)
    assert Vocoder(made)(mel, f0).any() and not Vocoder(high)(mel, f0).any()
