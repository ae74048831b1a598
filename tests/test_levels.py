"""Level: how samples become integers, what is said of those that do not fit, and --gain and
--peak."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from processes import ENVIRONMENT

import wavehax
from wavehax.files.levels import Clipping, amplified, limited
from wavehax.files.sound import nearest_int16, pcm16, write_audio, write_blocks

soundfile = pytest.importorskip("soundfile")


def largest(wave: np.ndarray) -> float:
    return float(np.abs(wave).max())


def test_samples_become_the_nearest_integers_and_silence_stays_silence():
    wave = np.random.default_rng(0).uniform(-1.2, 1.2, 10_000).astype(np.float32)
    wave[:6] = 1e-9, -1e-9, -0.0, 1, -1, 0.5 / 32768
    exact = [
        max(-32768, min(32767, round(Fraction(float(x)) * 32768))) for x in wave
    ]  # a half to the even integer
    np.testing.assert_array_equal(nearest_int16(wave), exact)
    assert nearest_int16(wave)[:6].tolist() == [0, 0, 0, 32767, -32768, 0]


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".w64", ".au"])
def test_files_of_integers_have_the_samples_of_a_pipe_without_an_offset(tmp_path, suffix):
    wave = (1e-2 * np.random.default_rng(0).standard_normal(200_000)).astype(np.float32)
    write_blocks(tmp_path / f"a{suffix}", [wave[:77], wave[77:]], 24000)
    write_audio(tmp_path / f"b{suffix}", wave, 24000)
    write_audio(tmp_path / f"c{suffix}", wave, 24000, subtype="PCM_16")
    for name in "abc":
        samples, _ = soundfile.read(tmp_path / f"{name}{suffix}", dtype="int16")
        assert samples.astype("<i2").tobytes() == pcm16(wave)
        assert abs((samples - 32768 * wave.astype(np.float64)).mean()) < 5 * np.sqrt(
            1 / 12 / len(wave)
        )


def test_a_recording_of_16_bits_comes_back_as_it_was(tmp_path):
    samples = np.arange(-32768, 32768, dtype=np.int16)
    write_audio(tmp_path / "a.wav", samples.astype(np.float32) / 32768, 24000)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], samples)


def test_clipping_counts_what_lies_outside_and_names_the_gain_that_fits():
    wave = np.array([0.5, 1.0, -1.0, 1.5, -2.0, 0.0], np.float32)
    clipping = Clipping()
    blocks = list(clipping.watch([wave[:4], wave[4:], wave[:0]]))
    np.testing.assert_array_equal(np.concatenate(blocks), wave)
    assert clipping.message("a.wav") == (
        "a.wav: 2 of 6 samples clipped, the peak is +6.02 dBFS: --gain -6.03 would fit"
    )
    assert clipping.message("a.wav", 10.0).endswith("--gain 3.97 would fit")
    fits = Clipping()
    list(fits.watch(amplified([wave.copy()], -6.03)))
    assert fits.message("a.wav") is None and fits.peak > 0.99


@pytest.mark.parametrize("peak", [0.0, -1.0, -3.01])
def test_a_peak_is_reached_and_never_passed(peak):
    target = 10 ** (peak / 20)
    for seed in range(50):
        wave = (2 * np.random.default_rng(seed).standard_normal(1000)).astype(np.float32)
        result = np.concatenate(list(limited([wave[:300].copy(), wave[300:].copy()], peak)))
        assert target * (1 - 1e-6) < largest(result) <= np.float32(target)
        np.testing.assert_allclose(result / result.max(), wave / wave.max(), rtol=1e-5)


def test_a_peak_leaves_the_bits_of_what_is_below_it():
    wave = np.array([0.3, -0.4], np.float32)
    np.testing.assert_array_equal(np.concatenate(list(limited([wave.copy()], -1.0))), wave)
    assert list(limited([], -1.0)) == []


@pytest.fixture
def vocode(command, model_file, mel_file):
    def run(*arguments):
        return command("vocode", "--model", model_file, mel_file, *arguments)

    return run


def test_clipping_is_said_once_for_each_file_and_is_no_failure(
    vocode, model_file, mel, f0, tmp_path
):
    wave = wavehax.load(model_file)(mel, f0)
    gain = 6 - 20 * np.log10(largest(wave))
    code, out, err = vocode("-o", tmp_path / "a.wav", "--gain", f"{gain:.6f}", "--stream", 3)
    loud = wave * np.float32(10 ** (round(gain, 6) / 20))
    clipped = np.count_nonzero(np.abs(loud) > 1)
    assert 0 < clipped < len(wave)
    fits = np.floor(100 * -20 * np.log10(largest(wave))) / 100
    expected = (
        f"{clipped} of {len(wave)} samples clipped, the peak is +6.00 dBFS: --gain {fits:.2f}"
        " would fit"
    )
    assert (code, out, err) == (0, "", f"wavehax: {tmp_path / 'a.wav'}: {expected}\n")
    np.testing.assert_array_equal(
        soundfile.read(tmp_path / "a.wav", dtype="int16")[0], nearest_int16(loud)
    )
    assert vocode("-o", tmp_path / "b.wav", "--gain", f"{fits:.2f}") == (0, "", "")
    assert largest(soundfile.read(tmp_path / "b.wav")[0]) > 0.99


def test_a_type_of_floating_point_cuts_nothing_off_and_says_nothing(vocode, tmp_path):
    assert vocode("-o", tmp_path / "a.ogg", "--gain", 60) == (0, "", "")
    assert largest(soundfile.read(tmp_path / "a.ogg", dtype="float32")[0]) > 2


def test_a_peak_scales_down_only_what_is_above(vocode, tmp_path):
    assert vocode("-o", tmp_path / "a.wav") == (0, "", "")
    assert vocode("-o", tmp_path / "b.wav", "--peak", 0) == (0, "", "")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert vocode("-o", tmp_path / "c.wav", "--gain", 60, "--peak", -1) == (0, "", "")
    assert abs(largest(soundfile.read(tmp_path / "c.wav")[0]) - 10 ** (-1 / 20)) < 1 / 32768


def test_resynth_takes_gain_and_peak_and_says_what_is_clipped(command, model_file, tmp_path):
    audio = (0.1 * np.random.default_rng(0).standard_normal(4000)).astype(np.float32)
    write_audio(tmp_path / "in.wav", audio, 24000)
    arguments = ("resynth", tmp_path / "in.wav", "--model", model_file, "--f0", 150, "--gain", 80)
    code, _, err = command(*arguments, "-o", tmp_path / "a.wav")
    assert (
        code == 0 and "a.wav" in err and " of 4000 samples clipped" in err and err.count("\n") == 1
    )
    assert command(*arguments, "-o", tmp_path / "b.wav", "--peak", -6) == (0, "", "")
    assert abs(largest(soundfile.read(tmp_path / "b.wav")[0]) - 10 ** (-6 / 20)) < 1 / 32768


def test_a_pipe_has_the_level_of_a_file_and_says_what_is_clipped(
    model_file, mel_file, mel, f0, tmp_path
):
    wave = wavehax.load(model_file)(mel, f0)
    loud = wave * np.float32(10 ** (60 / 20))
    line = [
        sys.executable,
        "-m",
        "wavehax",
        "vocode",
        "--model",
        model_file,
        "-o",
        "-",
        "--gain",
        "60",
    ]
    frames = np.column_stack([mel.T, f0]).astype("<f4").tobytes()
    for source, content in ((mel_file, b""), ("-", frames)):
        result = subprocess.run(
            [*line, source], input=content, cwd=tmp_path, env=ENVIRONMENT, capture_output=True
        )
        assert result.returncode == 0 and result.stdout == pcm16(loud)
        assert (
            result.stderr.startswith(b"wavehax: standard output: ")
            and result.stderr.count(b"\n") == 1
        )
        assert (
            b"%d of %d samples clipped" % (np.count_nonzero(np.abs(loud) > 1), len(loud))
            in result.stderr
        )
    known = subprocess.run(
        [*line, mel_file, "--peak", "-1"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True
    )
    samples = np.frombuffer(known.stdout, "<i2")
    assert known.stderr == b"" and np.abs(samples).max() == round(32768 * 10 ** (-1 / 20))


@pytest.mark.parametrize("arguments", [("utterance.npz", "--stream", 4), ("-",)])
def test_a_peak_that_cannot_be_known_is_refused(command, model_file, mel_file, tmp_path, arguments):
    code, _, err = command(
        "vocode", "--model", model_file, *arguments, "-o", tmp_path / "a.wav", "--peak", -1
    )
    assert code == 2 and "--peak -1: of frames that are streamed the peak is not known" in err


@pytest.mark.parametrize(
    "flag", [("--peak", "1"), ("--peak", "nan"), ("--gain", "1000"), ("--gain", "loud")]
)
def test_a_level_that_is_none_is_refused(vocode, tmp_path, flag):
    code, _, err = vocode("-o", tmp_path / "a.wav", *flag)
    assert code == 2 and flag[0] in err and err.count("\n") == 1
