from __future__ import annotations

import pytest
import torch
from nn_fixtures import SMALL, VARIANTS, inputs, load_official, variant

from wavehax.config import GENERATORS, GeneratorConfig, parameter_shapes
from wavehax.nn import build_generator

OFFICIAL = [
    "tiny_wavehax",
    "tiny_wavehax_frame",
    "tiny_mswavehax",
    "official_wavehax_v1",
    "official_wavehax_v1_framewise",
    "official_mswavehax",
]
PARAMETERS = {
    "wavehax.v1": 622_951,
    "wavehax.v2": 600_759,
    "wavehax_fb": 2_018_727,
    "mswavehax": 332_324,
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_wave_equals_the_authors_given_their_prior(name):
    model, arrays = load_official(name)
    with torch.no_grad():
        wave = model(arrays["cond"], arrays["f0"], arrays["prior"])
    assert (wave - arrays["wave"]).abs().max() <= 1e-5 * arrays["wave"].abs().max()


@pytest.mark.parametrize("name", OFFICIAL)
def test_prior_equals_the_authors_without_noise_and_phase(name):
    model, arrays = load_official(name)
    prior = model.make_prior(arrays["f0"], noise=False, phase=False)
    assert (prior - arrays["prior"]).abs().max() <= 1e-6 * arrays["prior"].abs().max()


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_shapes_have_the_published_number_of_parameters(name):
    model = build_generator(GENERATORS[name])
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize(
    "config", [*VARIANTS.values(), *GENERATORS.values()], ids=[*VARIANTS, *GENERATORS]
)
def test_state_has_exactly_the_names_and_shapes_of_the_configuration(config):
    state = build_generator(config).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == parameter_shapes(config)
    assert all(value.dtype == torch.float32 for value in state.values())


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_every_length_gives_a_finite_wave_of_whole_hops(config):
    model = variant(config)
    for frames in (0, 1, 2, 3, 4, 7, 20):
        mel, f0 = inputs(config, frames, batch=2)
        with torch.no_grad():
            wave = model(mel, f0)
        assert wave.shape == (2, 1, frames * config.hop_length)
        assert torch.isfinite(wave).all()


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_every_trained_tensor_gets_a_gradient(config):
    model = variant(config).train()
    mel, f0 = inputs(config, 12, batch=2)
    model(mel, f0).square().mean().backward()
    silent = [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert silent == []


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_an_utterance_of_a_batch_equals_the_same_alone(config):
    model = variant(config)
    mel, f0 = inputs(config, 11, batch=3)
    prior = model.make_prior(f0)
    with torch.no_grad():
        together, alone = model(mel, f0, prior), model(mel[1:2], f0[1:2], prior[1:2])
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-5 * float(alone.abs().max()))


def test_mel_is_normalised_with_the_stored_mean_and_scale():
    config = GeneratorConfig(**SMALL)
    model = variant(config)
    mel, f0 = inputs(config, 9)
    mean, scale = torch.linspace(-4, 1, 6), torch.linspace(0.5, 3, 6)
    prior = model.make_prior(f0)
    with torch.no_grad():
        model.set_normalization(torch.zeros(6), torch.ones(6))
        expected = model(mel, f0, prior)
        model.set_normalization(mean.numpy(), scale.tolist())
        wave = model(mel * scale[:, None] + mean[:, None], f0, prior)
    torch.testing.assert_close(wave, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("mean", "scale", "message"),
    [
        (torch.zeros(5), torch.ones(6), "expected \\[6\\]"),
        (torch.zeros(6), torch.zeros(6), "positive scale"),
        (torch.full((6,), torch.nan), torch.ones(6), "finite"),
    ],
)
def test_a_wrong_normalisation_is_refused(mean, scale, message):
    with pytest.raises(ValueError, match=message):
        build_generator(GeneratorConfig(**SMALL)).set_normalization(mean, scale)


@pytest.mark.parametrize(
    ("mel", "f0", "prior", "message"),
    [
        ((1, 7, 5), (1, 1, 5), None, "mel"),
        ((1, 6, 5), (1, 1, 4), None, "f0"),
        ((2, 6, 5), (1, 1, 5), None, "f0"),
        ((1, 6, 5), (1, 1, 5), (1, 1, 159), "prior"),
    ],
)
def test_wrong_shapes_are_refused_by_name(mel, f0, prior, message):
    model = build_generator(GeneratorConfig(**SMALL))
    with pytest.raises(ValueError, match=message):
        model(torch.zeros(mel), torch.zeros(f0), None if prior is None else torch.zeros(prior))


def test_log_magnitude_output_is_limited_to_100():
    model = variant(GeneratorConfig(**SMALL, use_logmag_phase=True))
    re, im = torch.randn(2, 1, 33, 8)
    spectra = []
    model.stft.inverse = lambda re, im: (
        spectra.append(torch.hypot(re, im)) or torch.zeros(1, 8 * 32)
    )
    model._refine_spectrum = lambda a, b, mel: (
        torch.linspace(-9, 9, 33)[None, :, None] + 0 * re,
        im,
    )
    model(torch.zeros(1, 6, 8), torch.zeros(1, 1, 8))
    expected = torch.linspace(-9, 9, 33).exp().clamp(max=100)[None, :, None].expand(1, 33, 8)
    torch.testing.assert_close(spectra[0], expected, rtol=1e-5, atol=0)


def test_log_magnitude_of_silence_is_the_floor_at_phase_zero():
    model = variant(
        GeneratorConfig(**{**SMALL, "n_fft": 480, "hop_length": 240}, use_logmag_phase=True)
    )
    seen = []
    model._refine_spectrum = lambda a, b, mel: seen.extend((a, b)) or (a, b)
    model(torch.zeros(1, 6, 5), torch.zeros(1, 1, 5), torch.zeros(1, 1, 1200))
    torch.testing.assert_close(
        seen[0], torch.full_like(seen[0], 0.5 * torch.log(torch.tensor(1e-10)).item())
    )
    assert (seen[1] == 0).all()
