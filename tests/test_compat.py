"""The interface of Vocos over our models: lengths, types and devices as Vocos has them, and samples
of `Vocoder`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import run_python
from voices import voice

import wavehax
from wavehax.vocoder import Vocoder

torch = pytest.importorskip("torch", reason="needs PyTorch")

from wavehax.compat import Vocos  # noqa: E402


@pytest.fixture(scope="module")
def vocos() -> Vocos:
    return Vocos.from_pretrained().eval().to("cpu")  # as callers do


@pytest.fixture(scope="module")
def audio() -> torch.Tensor:
    """[2, 6000] at 24 kHz."""
    return torch.from_numpy(
        np.stack([voice(0.25, pitch, seed) for pitch, seed in ((140, 0), (210, 1))])
    )


def test_the_mel_is_that_of_vocos(vocos, audio):
    """As its MelSpectrogramFeatures has it: torchaudio's 100 HTK bands without norm, power 1,
    safe_log's clip 1e-7."""
    filters = pytest.importorskip("librosa").filters
    bank = filters.mel(
        sr=24000, n_fft=1024, n_mels=100, fmin=0, fmax=12000, htk=True, norm=None, dtype=np.float64
    )
    window = torch.hann_window(1024, dtype=torch.float64)
    spectrum = torch.stft(
        audio.double(),
        1024,
        256,
        window=window,
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    expected = torch.log(torch.clip(torch.from_numpy(bank) @ spectrum.abs(), min=1e-7))
    mel = vocos.feature_extractor(audio)
    assert mel.dtype == torch.float32 and mel.shape == (2, 100, 6000 // 256 + 1)
    np.testing.assert_allclose(mel, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(vocos.feature_extractor(audio[1]), mel[1])


@pytest.mark.parametrize("frames", [1, 2, 31])
def test_waves_are_as_long_as_a_centred_inverse_stft_and_hold_the_samples_of_the_vocoder(
    vocos, frames
):
    mels = -6 + torch.randn(2, 100, frames, generator=torch.Generator().manual_seed(0))
    wave = vocos.decode(mels)
    length = 256 * (frames - 1)
    if frames > 1:  # what Vocos ends with; torch.istft refuses one frame
        spectrum = torch.zeros(2, 513, frames, dtype=torch.complex64)
        assert (
            length
            == torch.istft(spectrum, 1024, 256, window=torch.hann_window(1024), center=True).shape[
                1
            ]
        )
    assert wave.dtype == torch.float32 and wave.device == mels.device and wave.shape == (2, length)
    for mel, samples in zip(mels, wave, strict=True):
        np.testing.assert_array_equal(samples.numpy(), wavehax.load()(mel.numpy())[:length])
    np.testing.assert_array_equal(vocos.decode(mels[1]), wave[1])


def test_padded_mels_and_lists_give_the_samples_of_each_mel_alone(vocos):
    lengths = [3, 9, 1]
    mels = [-6 + torch.randn(100, length) for length in lengths]
    padded = torch.full((3, 100, 9), torch.nan)
    for row, mel in zip(padded, mels, strict=True):
        row[:, : mel.shape[1]] = mel
    listed = vocos.decode_list(mels, threads=2)
    for given in (lengths, torch.tensor(lengths)):
        waves = vocos.decode(padded, lengths=given, threads=2)
        assert waves.shape == (3, 8 * 256)
        for wave, alone, mel in zip(waves, listed, mels, strict=True):
            np.testing.assert_array_equal(alone, vocos.decode(mel))
            np.testing.assert_array_equal(wave[: len(alone)], alone)
            assert not wave[len(alone) :].any()


def test_calling_it_is_copy_synthesis(vocos, audio):
    wave = vocos(audio)
    assert wave.shape == (2, 6000 // 256 * 256)
    np.testing.assert_array_equal(wave, vocos.decode(vocos.feature_extractor(audio)))


def test_it_speaks_when_the_recording_does(vocos, audio):
    late = torch.where(torch.arange(6000) < 3000, 0.03, 1.0) * audio
    levels = [_levels(x) for x in (late, vocos(late))]
    inside = levels[0][:, 8:-8]
    distances = [
        float((inside - levels[1].roll(-shift, -1)[:, 8:-8]).abs().mean()) for shift in range(-8, 9)
    ]
    assert abs(int(np.argmin(distances)) - 8) <= 1  # 64 samples


def _levels(wave: torch.Tensor) -> torch.Tensor:
    """[B, n], neper above the mean, over 512 samples every 64: longer than a period, or they would
    follow its phase."""
    power = torch.nn.functional.avg_pool1d(wave[:, None, :5888].square(), 512, 64)[:, 0]
    return 0.5 * (power.log() - power.log().mean(dim=-1, keepdim=True))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_any_floating_type_and_layout_is_taken_and_float32_comes_back(vocos, kind):
    # as F5-TTS has it
    mel = (-6 + torch.randn(1, 20, 100)).to(kind).permute(0, 2, 1).requires_grad_()
    wave = vocos.decode(mel)
    assert wave.dtype == torch.float32 and not wave.requires_grad
    np.testing.assert_array_equal(wave, vocos.decode(mel.detach().float().contiguous()))


def test_it_is_a_module_without_parameters_to_move_or_train(vocos):
    assert (
        isinstance(vocos, torch.nn.Module)
        and list(vocos.parameters()) == []
        and vocos.half() is vocos
    )


@pytest.mark.parametrize(
    ("mel", "words"),
    [
        (
            torch.zeros(1, 80, 9),
            r"mel has shape \[80, 9\]: expected \[100, T\], log-mel 'vocos-24k'",
        ),
        (torch.zeros(9, 100), r"give its transpose"),
        (torch.full((1, 100, 9), torch.nan), "mel is nan in band 0 of frame 0"),
        (
            torch.zeros(1, 1, 100, 9),
            r"features_input has shape \[1, 1, 100, 9\]: expected \[B, 100, T\] or \[100, T\]",
        ),
        (torch.zeros(1, 100, 0), r"shape \[1, 100, 0\]"),
        (
            torch.zeros(1, 100, 9, dtype=torch.long),
            "type torch.int64: expected a floating point tensor",
        ),
        (np.zeros((1, 100, 9), np.float32), "type ndarray: expected a floating point tensor"),
    ],
)
def test_what_is_no_mel_is_refused_by_name(vocos, mel, words):
    with pytest.raises(ValueError, match=words):
        vocos.decode(mel)


def test_an_error_of_a_list_names_the_mel(vocos):
    mel = torch.zeros(100, 9)
    for bad, words in (
        (torch.full((100, 9), torch.nan), "utterance 1: mel is nan"),
        (mel[None], r"mels\[1\] has shape \[1, 100, 9\]: expected \[100, T\]"),
    ):
        with pytest.raises(ValueError, match=words):
            vocos.decode_list([mel, bad])


def test_what_is_no_recording_is_refused_by_name(vocos):
    bad_ones = (
        (torch.zeros(1, 1, 300), r"audio has shape \[1, 1, 300\]"),
        (torch.tensor([torch.inf]), r"audio\[0\]"),
    )
    for bad, words in bad_ones:
        with pytest.raises(ValueError, match=words):
            vocos(bad)


def test_the_encodec_variant_is_refused_in_words(vocos, audio):
    calls = (
        lambda: vocos.decode(torch.zeros(1, 100, 9), bandwidth_id=torch.tensor([2])),
        lambda: vocos(audio, bandwidth_id=2),
        lambda: vocos.codes_to_features(torch.zeros(8, 1, 9, dtype=torch.long)),
        lambda: Vocos.from_pretrained("charactr/vocos-encodec-24khz"),
    )
    for call in calls:
        with pytest.raises(ValueError, match="EnCodec tokens are not offered"):
            call()


def test_their_weights_are_refused_with_the_way_on():
    with pytest.raises(
        ValueError, match="vocos-mel-24khz: holds Vocos' own weights: leave the name out"
    ):
        Vocos.from_pretrained("charactr/vocos-mel-24khz")


def test_a_model_of_another_mel_or_without_f0_is_refused(vocos, tiny):
    with pytest.raises(
        ValueError, match="vocoder takes the mel 'tiny': expected that of Vocos, 'vocos-24k'"
    ):
        Vocos(Vocoder(tiny))
    model = wavehax.checkpoint.load_model(wavehax.models.locate.model_path())
    with pytest.raises(ValueError, match="vocoder needs F0"):
        Vocos(Vocoder(dataclasses.replace(model, f0=None)))


def test_from_pretrained_takes_what_load_takes(tmp_path):
    copy = tmp_path / "voice"
    copy.mkdir()
    (copy / "model.safetensors").write_bytes(Path(wavehax.models.locate.model_path()).read_bytes())
    mel = torch.full((100, 5), -5.0)
    np.testing.assert_array_equal(Vocos.from_pretrained(copy).decode(mel), Vocos().decode(mel))
    with pytest.raises(wavehax.ModelError, match="no-such-model: no model of this name is shipped"):
        Vocos.from_pretrained("no-such-model")


def test_a_revision_is_that_of_a_repository_of_the_hub(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("wavehax.compat.load", lambda name: asked.append(name) or wavehax.load())
    Vocos.from_pretrained("owner/name", revision="v1.0")
    Vocos.from_pretrained("owner/name", "main")
    assert asked == ["owner/name@v1.0", "owner/name@main"]
    (tmp_path / "owner" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for name in (None, "vocos-24k", tmp_path, "owner/here", "owner/name@v1.0"):
        with pytest.raises(
            ValueError, match=r"revision='v2' of .*: expected owner/name, a repository of the hub"
        ):
            Vocos.from_pretrained(name, revision="v2")
    assert len(asked) == 2


def test_only_this_module_imports_torch(tmp_path):
    code = (
        "import sys, wavehax, wavehax.features, wavehax.cli, wavehax.models.locate;"
        " print('torch' in"
        " sys.modules)"
    )
    assert run_python(code, tmp_path).stdout == "False\n"
    assert "torch" in sys.modules
