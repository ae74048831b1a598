"""Mels written otherwise against formulas in float64, and mels converted against mels of the same
sound."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from processes import ENVIRONMENT
from voices import voice

import wavehax
from wavehax.checkpoint import save_model
from wavehax.config import FEATURES
from wavehax.files.resample import resample
from wavehax.files.sound import read_audio
from wavehax.mel.convert import convert, convert_f0, natural_log
from wavehax.mel.features import frame_count, log_mel, mel_filterbank, mel_frequencies
from wavehax.vocoder import Vocoder

VOCOS, HIFIGAN = FEATURES["vocos-24k"], FEATURES["hifigan-22k"]
CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "speech48k"
FILES = (  # all of the split `dev` at 48 kHz; PESQ of one or two is a matter of chance
    "kathleen__kathleen__arctic-a0323-1592709507.flac",
    "kathleen__kathleen__arctic-b0037-1592700594.flac",
    "kathleen__kathleen__arctic-b0381-1592530557.flac",
    "nathalie__nathalie__nl-rhasspy-218.flac",
    "nathalie__nathalie__nl-rhasspy-865.flac",
    "pmatthes__pmatthes__LJ002-0007.flac",
    "pmatthes__pmatthes__LJ003-0048.flac",
    "vctk__last8unnamed__n1-multi_x2-sample_4.flac",
)
NEAR = ("vocos-24k", "wavehax-24k", "hifigan-22k")
FEW_BANDS = dataclasses.replace(VOCOS, name="few", n_mels=60, mel_scale="slaney", mel_norm="slaney")


def magnitudes(features=VOCOS) -> np.ndarray:
    """A mel before the logarithm, -78 to 18 dB, which all programs can write: [n_mels, 7]."""
    return 10 ** np.random.default_rng(0).uniform(-3.9, 0.9, (features.n_mels, 7))


def mel_of(name: str) -> np.ndarray:
    """The mel of one sound, by whichever definition."""
    features = FEATURES[name]
    return log_mel(resample(voice(1.0, 140, seed=0), 24000, features.sample_rate), features)


TACOTRON_2 = {"log": "dB", "mean": -30, "scale": 12.5}
WRITTEN = {
    "natural": ({}, np.log),
    "base 10": ({"log": "10"}, np.log10),
    "decibel": ({"log": "dB"}, lambda m: 20 * np.log10(m)),
    "Matcha-TTS": (
        {"mean": -5.536622, "scale": 2.116101},
        lambda m: (np.log(m) + 5.536622) / 2.116101,
    ),
    "Tacotron 2": (
        TACOTRON_2,
        lambda m: np.clip(8 * (20 * np.log10(m) - 20 + 100) / 100 - 4, -4, 4),
    ),
    "by band": (
        {"log": "10", "mean": np.arange(100.0), "scale": 1 + np.arange(100.0)},
        lambda m: (np.log10(m) - np.arange(100)[:, None]) / (1 + np.arange(100)[:, None]),
    ),
}


@pytest.mark.parametrize(("options", "write"), WRITTEN.values(), ids=WRITTEN)
def test_a_mel_written_otherwise_becomes_its_natural_logarithm(options, write):
    mel = natural_log(write(magnitudes()).astype(np.float32), VOCOS, **options)
    assert mel.dtype == np.float32
    np.testing.assert_allclose(mel, np.log(magnitudes()), atol=1e-4)  # float32 of values up to 100


def test_the_floor_is_that_of_the_definition_also_for_the_logarithm_of_nothing():
    mel = natural_log(np.full((80, 2), [-20.0, -np.inf]), HIFIGAN, log="10")
    np.testing.assert_allclose(mel, np.log(1e-5), rtol=1e-6)
    assert np.isnan(natural_log(np.full((80, 1), np.nan), HIFIGAN)).all()


@pytest.mark.parametrize("options", [{}, {"log": "dB"}])
def test_a_power_mel_of_a_flat_spectrum_becomes_its_mel_exactly(options):
    spectrum = np.full((513, 1), 0.37)
    power = np.log(mel_filterbank(VOCOS) @ spectrum**2)
    power = power if not options else 10 / np.log(10) * power
    np.testing.assert_allclose(
        natural_log(power, VOCOS, power=2, **options), np.log(mel_filterbank(VOCOS) @ spectrum)
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"log": "2"}, "log='2': expected one of e, 10, dB"),
        ({"power": 3}, "power=3: expected 1 or 2"),
        (
            {"mean": np.zeros(80)},
            r"mean is .*, shape \[80\]: expected one finite number or 100 of them$",
        ),
        ({"scale": 0}, "scale is 0, .* not 0"),
        ({"scale": np.nan}, "scale is nan"),
        (
            {"mel": np.zeros((80, 3))},
            r"mel is float64 \[80, 3\]: expected floating point \[100, T\]",
        ),
        ({"mel": np.zeros((100, 3), int)}, "mel is int64"),
    ],
)
def test_a_bad_argument_is_refused_by_name(options, words):
    with pytest.raises(ValueError, match=words):
        natural_log(options.pop("mel", np.zeros((100, 3))), VOCOS, **options)


def test_a_mel_too_short_for_a_frame_of_the_target_is_refused():
    mel = mel_of("vocos-24k")
    with pytest.raises(
        ValueError, match=r"mel of 1 frames of 'vocos-24k': too short for one of 'wavehax-24k'"
    ):
        convert(mel[:, :1], VOCOS, FEATURES["wavehax-24k"])
    assert convert(mel[:, :2], VOCOS, FEATURES["wavehax-24k"]).shape == (100, 1)


@pytest.mark.filterwarnings("ignore:.*ends at (8000|12000) Hz")
@pytest.mark.parametrize(
    ("source", "target"),
    [
        *itertools.permutations(NEAR, 2),
        *(("wavehax-48k", name) for name in (*NEAR, "nsf-hifigan-44k")),
        ("vocos-24k", "nsf-hifigan-44k"),
    ],
)
def test_a_mel_of_a_near_definition_is_close_to_the_mel_of_the_sound(source, target):
    converted, true = convert(mel_of(source), FEATURES[source], FEATURES[target]), mel_of(target)
    assert converted.dtype == np.float32 and abs(converted.shape[1] - true.shape[1]) <= 1
    frames = min(converted.shape[1], true.shape[1])
    error = np.abs(converted[:, :frames] - true[:, :frames])
    covered = mel_frequencies(FEATURES[target])[1:-1] < FEATURES[source].f_max
    # neper; recordings in docs/integration.md
    assert error[covered].mean() < 0.25 and np.median(error[covered]) < 0.15
    # A frame earlier or later would be worse: the frames stand where the definition has them.
    for shift in (-1, 1):
        moved = np.abs(np.roll(converted[:, :frames], shift, axis=1) - true[:, :frames])
        assert moved[covered].mean() > 1.3 * error[covered].mean()


def test_beyond_the_highest_frequency_the_last_level_is_held_and_a_warning_says_so():
    level = (
        np.full((80, 12), np.log(0.02), np.float32)
        + np.log(mel_filterbank(HIFIGAN).sum(axis=1))[:, None]
    )
    with pytest.warns(
        UserWarning, match="hifigan-22k ends at 8000 Hz: above, vocos-24k gets its last level"
    ):
        mel = convert(level, HIFIGAN, VOCOS)
    flat = np.log(0.02 * mel_filterbank(VOCOS).sum(axis=1))
    np.testing.assert_allclose(mel[40:], np.tile(flat[40:, None], mel.shape[1]), atol=0.1)


def test_the_same_definition_only_gets_the_floor():
    other = dataclasses.replace(VOCOS, name="f5", log_floor=1e-3)
    mel = mel_of("vocos-24k")
    np.testing.assert_array_equal(
        convert(mel, VOCOS, other), np.maximum(mel, np.float32(np.log(1e-3)))
    )
    np.testing.assert_array_equal(convert(mel, other, VOCOS), mel)


def test_as_many_frames_come_as_the_sound_has_whatever_the_number_given():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for frames in (1, 2, 3, 50, 1500):
            mel = convert(np.full((80, frames), -4.0), HIFIGAN, VOCOS)
            assert mel.shape == (100, frame_count(round(frames * 256 / 22050 * 24000), VOCOS))
            assert len(convert_f0(np.full(frames, 100.0), HIFIGAN, VOCOS)) == mel.shape[1]


def test_f0_goes_to_the_nearest_frame():
    f0 = np.arange(1.0, 101)
    converted = convert_f0(f0, HIFIGAN, VOCOS)
    times = np.arange(len(converted)) * 256 / 24000
    assert np.abs(converted[:-1] - 1 - times[:-1] / (256 / 22050)).max() <= 0.5


REFUSED = {
    "48 kHz from 8 kHz": (
        HIFIGAN,
        FEATURES["wavehax-48k"],
        "it has 0-8000 Hz, and 0-24000 Hz are needed",
    ),
    "wide bands": (FEW_BANDS, VOCOS, "its bands begin 56 Hz apart, and harmonics are lost"),
    "empty bands": (
        dataclasses.replace(VOCOS, n_mels=300),
        VOCOS,
        "its band 0 lies between two bins",
    ),
    "window": (
        dataclasses.replace(VOCOS, n_fft=512),
        VOCOS,
        "its window is 21.3 ms long, and 42.7 ms are needed",
    ),
    "hop": (
        dataclasses.replace(VOCOS, hop_length=512),
        VOCOS,
        "its hop is 21.3 ms, and 10.7 ms are needed",
    ),
    "no low end": (
        dataclasses.replace(VOCOS, f_min=80.0),
        VOCOS,
        "it has 80-12000 Hz, and 0-12000 Hz are needed",
    ),
}


@pytest.mark.parametrize(("source", "target", "words"), REFUSED.values(), ids=REFUSED)
def test_what_would_be_guessed_is_refused_with_what_is_missing(source, target, words):
    with pytest.raises(
        ValueError, match=f"mel '{source.name}' cannot be made into '{target.name}': {words}"
    ):
        convert(np.zeros((source.n_mels, 9), np.float32), source, target)


@pytest.fixture(scope="module")
def recordings() -> list[np.ndarray]:
    """Voices at 48 kHz."""
    if not CORPUS.is_dir():
        pytest.skip(f"needs the recordings in {CORPUS}")
    return [read_audio(CORPUS / name, 48000)[0] for name in FILES]


def test_the_level_held_from_8_to_12_khz_is_off_by_a_neper_where_silence_would_be_by_ten(
    recordings,
):
    beyond = mel_frequencies(VOCOS)[1:-1] > HIFIGAN.f_max
    held, silence = [], []
    for audio in recordings:
        true = log_mel(resample(audio, 48000, 24000), VOCOS)[beyond]
        with pytest.warns(UserWarning, match="ends at 8000 Hz"):
            made = convert(log_mel(resample(audio, 48000, 22050), HIFIGAN), HIFIGAN, VOCOS)[beyond]
        frames = min(made.shape[1], true.shape[1])
        held.append(np.abs(made[:, :frames] - true[:, :frames]).mean())
        silence.append(np.abs(np.log(VOCOS.log_floor) - true).mean())
    assert np.mean(held) < 1.4 and np.mean(silence) > 9, (held, silence)


@pytest.mark.filterwarnings("ignore:.*ends at 8000 Hz")
@pytest.mark.slow
def test_speech_survives_conversion_from_presets_and_not_from_few_bands(recordings, monkeypatch):
    pytest.importorskip("pesq", reason="needs the extra [eval]")
    from wavehax.evaluate.metrics import pesq_wb

    monkeypatch.setattr("wavehax.mel.convert._WIDEST_BAND", 99)
    voc, scores = wavehax.load(), {}
    for source in (VOCOS, HIFIGAN, FEATURES["wavehax-48k"], FEW_BANDS):
        for audio in recordings:
            natural = resample(audio, 48000, 24000)
            made = voc(
                convert(log_mel(resample(audio, 48000, source.sample_rate), source), source, VOCOS)
            )
            length = min(len(natural), len(made))
            scores.setdefault(source.name, []).append(
                pesq_wb(natural[:length], made[:length], 24000)
            )
    direct, lower, higher, few = (np.mean(values) for values in scores.values())
    assert min(lower, higher) > direct - 0.5 and few < direct - 1, scores


def test_a_mel_that_is_not_of_the_source_is_refused():
    with pytest.raises(ValueError, match="mel is empty"):
        convert(np.zeros((80, 0), np.float32), HIFIGAN, VOCOS)
    with pytest.raises(
        ValueError, match=r"mel has shape \[100, 9\]: expected \[80, T\], log-mel 'hifigan-22k'"
    ):
        convert(np.zeros((100, 9), np.float32), HIFIGAN, VOCOS)


def test_the_command_line_takes_mels_written_otherwise(
    command, tiny, model_file, mel, f0, tmp_path
):
    stats = {"mean": np.full(10, -2, np.float32), "scale": np.full(10, 3, np.float32)}
    np.savez(tmp_path / "stats.npz", **stats)
    np.savez(tmp_path / "a.npz", mel=mel, f0=f0)
    np.savez(tmp_path / "b.npz", mel=((mel / np.log(10) + 2) / 3), f0=f0)
    assert command(
        "vocode", tmp_path / "a.npz", "-o", tmp_path / "a.wav", "--model", model_file
    ) == (0, "", "")
    written = ("--mel-log", "10", "--stats", tmp_path / "stats.npz", "--model", model_file)
    assert command("vocode", tmp_path / "b.npz", "-o", tmp_path / "b.wav", *written) == (0, "", "")
    a, b = (
        np.frombuffer((tmp_path / name).read_bytes()[44:], "<i2").astype(int)
        for name in ("a.wav", "b.wav")
    )
    assert np.abs(a - b).max() <= 2
    code, _, err = command(
        "vocode", tmp_path / "b.npz", "-o", tmp_path / "c.wav", *written[:3], tmp_path / "a.npz"
    )
    assert (
        code == 1
        and err.count("\n") == 1
        and "a.npz: expected an .npz file with arrays mean and scale" in err
    )


def test_the_command_line_converts_a_near_definition_with_its_f0_and_says_in_a_line_what_is_made_up(
    tmp_path,
):
    mel, f0 = mel_of("hifigan-22k"), np.full(mel_of("hifigan-22k").shape[1], 140.0)
    np.savez(tmp_path / "matcha.npz", mel=mel, f0=f0)
    line = [
        sys.executable,
        "-m",
        "wavehax",
        "vocode",
        "matcha.npz",
        "--features",
        "hifigan-22k",
        "-o",
        "-",
    ]
    done = subprocess.run(line, cwd=tmp_path, env=ENVIRONMENT, capture_output=True)
    assert (
        done.stderr.decode().startswith("wavehax: hifigan-22k ends at 8000 Hz")
        and done.stderr.count(b"\n") == 1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames = convert(mel, HIFIGAN, VOCOS).shape[1]
    assert done.returncode == 0 and len(done.stdout) == 2 * 256 * frames


def test_the_command_line_refuses_what_cannot_be_converted(
    command, mel, tmp_path, tiny, model_file
):
    np.savez(tmp_path / "a.npz", mel=np.zeros((100, 9), np.float32))
    far = ("--features", "wavehax-48k", "--model", model_file, "-o", tmp_path / "a.wav")
    code, _, err = command("vocode", tmp_path / "a.npz", *far)
    assert (
        code == 1
        and err.count("\n") == 1
        and "'wavehax-48k' cannot be made into 'tiny': its window" in err
    )
    np.savez(tmp_path / "a.npz", mel=np.zeros((9, 70), np.float32), f0=np.full(9, 200.0))
    code, _, err = command("vocode", tmp_path / "a.npz", *far)
    assert code == 1 and err.count("\n") == 1 and "mel has shape [9, 70]: expected [100, T]" in err
    code, _, err = command("vocode", "-", *far)
    assert code == 2 and "only files are converted, not frames on standard input" in err
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.filterwarnings("ignore:.*ends at 8000 Hz")
def test_values_that_are_no_logarithms_are_one_line_and_no_sound(command, tmp_path):
    np.savez(tmp_path / "a.npz", mel=np.full((100, 9), 1e4, np.float32))
    code, out, err = command(
        "vocode", tmp_path / "a.npz", "--features", "wavehax-24k", "-o", tmp_path / "a.wav"
    )
    assert (code, out, err.count("\n")) == (1, "", 1) and "expected finite values" in err
    assert not (tmp_path / "a.wav").exists()


def test_frames_in_a_pipe_may_be_written_otherwise(tiny, model_file, mel, f0, tmp_path):
    save_model(model_file, tiny)
    frames = np.column_stack([mel.T / np.log(10), f0]).astype("<f4").tobytes()
    line = [
        sys.executable,
        "-m",
        "wavehax",
        "vocode",
        "-",
        "-o",
        "-",
        "--mel-log",
        "10",
        "--model",
        str(model_file),
    ]
    done = subprocess.run(line, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, input=frames)
    expected = Vocoder(tiny)(mel, f0)
    assert done.stderr == b"" and len(done.stdout) == 2 * len(expected)
    np.testing.assert_allclose(
        np.frombuffer(done.stdout, "<i2") / 32768, np.clip(expected, -1, 1), atol=1e-3
    )
