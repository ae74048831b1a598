"""The excitation domain: an untrained model already puts the mel's level back."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from nn_fixtures import SMALL
from tiny_models import recording_features

from wavehax.config import FEATURES, GENERATORS, GeneratorConfig
from wavehax.mel.features import log_mel, mel_filterbank, mel_frequencies
from wavehax.nn import build_generator
from wavehax.nn.envelope import envelope_weights

PRESETS = {"wavehax-24k": (480, 240), "vocos-24k": (512, 256)}


def source_filter(preset: str) -> tuple[torch.nn.Module, int]:
    """An excitation model as initialised, its network silenced (N = 0), and its hop."""
    n_fft, hop = PRESETS[preset]
    config = dataclasses.replace(
        GENERATORS["wavehax.v2"], n_fft=n_fft, hop_length=hop, output="excitation", norm="frame"
    )
    model = build_generator(dataclasses.replace(config, outer_norm="frame", num_blocks=1)).eval()
    rng = np.random.default_rng(0)
    model.set_normalization(rng.normal(-3, 1, 100), rng.uniform(1, 3, 100))
    model.initialize_envelope(FEATURES[preset])
    torch.nn.init.zeros_(model.output_proj.weight)
    return model, hop


NOISE_LOSS = math.log(math.sqrt(math.pi) / 2)
"""A mel is a mean of magnitudes: that of noise is sqrt(pi) / 2 of its rms, which is what comes back
as the level."""


def whisper(preset: str, mel: np.ndarray) -> np.ndarray:
    """What an untrained model makes of a log-mel [n_mels, T] without any F0."""
    model, _ = source_filter(preset)
    torch.manual_seed(0)
    with torch.no_grad():
        return model(torch.tensor(mel)[None], torch.zeros(1, 1, mel.shape[1]))[0, 0].numpy()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("level", [0.001, 0.1])
def test_white_noise_comes_back_at_its_level(preset, level):
    noise = level * np.random.default_rng(0).standard_normal(1000 * PRESETS[preset][1]).astype(
        np.float32
    )
    mel = log_mel(noise, FEATURES[preset])[:, :1000]
    difference = (log_mel(whisper(preset, mel), FEATURES[preset])[:, :1000] - mel)[5:, 5:-5].mean(
        axis=1
    )
    # The logarithm of a noise magnitude has a deviation of 0.64; overlapping windows leave some 250
    # of 990 independent, so that the mean difference of two has 0.06.
    np.testing.assert_allclose(difference, NOISE_LOSS, atol=0.2)
    assert difference.mean() == pytest.approx(NOISE_LOSS, abs=0.03)


@pytest.mark.parametrize("preset", PRESETS)
def test_whispered_speech_comes_back_at_its_level(preset):
    mel = log_mel(recording_features()["wave"], FEATURES[preset])
    again = log_mel(whisper(preset, mel), FEATURES[preset])[:, : mel.shape[1]]
    loud = mel > mel.max() - 6
    assert (again - mel)[loud].mean() == pytest.approx(NOISE_LOSS, abs=0.15)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("f0", [0.0, 97.0, 311.0])
def test_a_flat_mel_gives_the_same_power_whatever_the_f0(preset, f0):
    model, _ = source_filter(preset)
    features = FEATURES[preset]
    mel = np.log(mel_filterbank(features).sum(axis=1) * 0.25)  # a magnitude of 0.25 in every bin
    mel = torch.tensor(mel, dtype=torch.float32)[None, :, None].expand(-1, -1, 400)
    torch.manual_seed(0)
    with torch.no_grad():
        wave = model(mel, torch.full((1, 1, 400), f0))
    # of the window: noise of unit power has this squared magnitude
    energy = np.sum(np.hanning(features.n_fft + 1)[:-1] ** 2)
    assert float(wave.square().mean().sqrt()) == pytest.approx(0.25 / math.sqrt(energy), rel=0.02)


@pytest.mark.parametrize("preset", PRESETS)
def test_envelope_of_equal_bands_is_flat_whatever_the_normalisation(preset):
    """A mel whose bands all hold the same magnitude gives that magnitude in every bin, scaled to
    the shorter window."""
    model, _ = source_filter(preset)
    features = FEATURES[preset]
    mel = np.log(mel_filterbank(features).sum(axis=1) * 0.25)
    mel = (torch.tensor(mel, dtype=torch.float32) - model.mel_mean) / model.mel_scale
    envelope = torch.exp(model.env_proj(mel[None, :, None]))[0, :, 0].detach()
    expected = 0.25 * math.sqrt(model.config.n_fft / features.n_fft)
    np.testing.assert_allclose(envelope, expected, rtol=1e-4)


def test_envelope_interpolates_between_the_centres_and_is_flat_beyond():
    features = FEATURES["wavehax-24k"]
    config = dataclasses.replace(GENERATORS["wavehax.v2"], output="excitation")
    weight, _ = envelope_weights(config, features)
    centres = mel_frequencies(features)[1:-1]
    np.testing.assert_allclose(weight.sum(axis=1), 1)
    bins = np.arange(241) * 50.0
    inside = (bins >= centres[0]) & (bins <= centres[-1])
    np.testing.assert_allclose(weight[inside] @ centres, bins[inside])
    np.testing.assert_allclose(weight[bins > centres[-1]] @ centres, centres[-1])
    np.testing.assert_allclose(weight[bins < centres[0]] @ centres, centres[0])


def test_a_model_without_an_envelope_or_with_other_bands_is_refused():
    with pytest.raises(ValueError, match="only an 'excitation' model"):
        build_generator(GeneratorConfig(**SMALL)).initialize_envelope(FEATURES["vocos-24k"])
    with pytest.raises(ValueError, match="expected 6 bands"):
        build_generator(GeneratorConfig(**SMALL, output="excitation")).initialize_envelope(
            FEATURES["vocos-24k"]
        )
