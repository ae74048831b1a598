"""Sound files in and out, and resampling."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wavehax.files.resample import resample
from wavehax.files.sound import read_audio, write_audio


def tone(rate: int, hz: float, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate + 0.3).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("a.wav", None, 2**-15),
        ("a.flac", None, 2**-15),
        ("a.AIFF", None, 2**-15),
        ("a.wav", "PCM_24", 2**-23),
        ("a.wav", "FLOAT", 0),
    ],
)
def test_a_wave_comes_back_to_a_quantisation_step(
    tmp_path: Path, name: str, subtype: str | None, step: float
) -> None:
    wave = 0.5 * tone(24000, 440)
    write_audio(tmp_path / name, wave, 24000, subtype=subtype)
    back, rate = read_audio(tmp_path / name)
    assert rate == 24000
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, wave, rtol=0, atol=step)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_16"),
        ("a.wav", "PCM_24"),
        ("a.wav", "FLOAT"),
        ("a.aiff", None),
        ("a.au", None),
    ],
)
def test_a_recording_that_lost_its_end_is_read_with_a_warning_of_both_lengths(
    tmp_path: Path, name: str, subtype: str | None, command
) -> None:
    wave, path = 0.5 * tone(24000, 440, 2.0), tmp_path / name
    write_audio(path, wave, 24000, subtype=subtype)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    said = r"a\.\w+: is cut short: it has 1\.00 of the 2\.00 s that its header states"
    with pytest.warns(UserWarning, match=said):
        samples, _ = read_audio(path)
    np.testing.assert_allclose(samples, wave[: len(samples)], atol=2**-15)
    with pytest.warns(UserWarning, match=said) as caught:
        assert command("features", path, "-o", tmp_path / "a.npz")[0] == 0
    assert str(caught[0].message).count(str(path)) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_audio(path, start=0.25, duration=0.5)  # nothing of this part is lost


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_the_wav_of_a_program_that_wrote_to_a_pipe_is_not_called_cut_short(
    tmp_path: Path, size: int
) -> None:
    write_audio(tmp_path / "a.wav", 0.5 * tone(24000, 440), 24000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    assert content[36:40] == b"data"
    content[40:44] = size.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_audio(tmp_path / "a.wav")[0]) == 12000


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([[0.5, 0.25], [0.0, -0.5]]), 8000, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav")[0], np.float32([0.375, -0.25]))


def test_reading_resamples_when_asked(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", tone(48000, 440), 48000, subtype="FLOAT")
    wave, rate = read_audio(tmp_path / "a.wav", 24000)
    assert rate == 24000
    np.testing.assert_allclose(wave[200:-200], tone(24000, 440)[200:-200], atol=1e-5)


@pytest.mark.parametrize(
    ("source", "target"),
    [(48000, 24000), (44100, 24000), (22050, 24000), (24000, 16000), (16000, 44100)],
)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.89])
def test_resampling_keeps_a_tone_of_the_pass_band(source: int, target: int, part: float) -> None:
    hz = part * min(source, target) / 2
    made = resample(tone(source, hz), source, target)
    assert made.dtype == np.float32
    assert len(made) == -(-len(tone(source, hz)) * target // source)
    edge = 200 * max(1, target // source)
    np.testing.assert_allclose(
        made[edge:-edge], tone(target, hz)[: len(made)][edge:-edge], atol=2e-5
    )


@pytest.mark.parametrize(("source", "target"), [(48000, 24000), (44100, 24000), (24000, 16000)])
def test_resampling_silences_what_would_alias(source: int, target: int) -> None:
    made = resample(tone(source, 1.01 * target / 2), source, target)
    assert np.abs(made[300:-300]).max() < 1e-5  # 100 dB


@pytest.mark.parametrize("samples", [1, 2, 3, 100])
def test_short_waves_can_be_resampled(samples: int) -> None:
    made = resample(np.full(samples, 0.5, np.float32), 44100, 24000)
    assert len(made) == -(-samples * 24000 // 44100)
    assert np.isfinite(made).all()


def test_an_existing_file_is_replaced_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_audio(path, tone(8000, 100), 8000)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"a\.wav"):
        write_audio(path, tone(8000, 200), 8000)
    assert path.read_bytes() == before
    write_audio(path, tone(8000, 200), 8000, overwrite=True)
    assert path.read_bytes() != before


@pytest.mark.parametrize(
    ("name", "wave", "subtype"),
    [
        ("a.xyz", np.zeros(10), None),
        ("a", np.zeros(10), None),
        ("a.flac", np.zeros(10), "FLOAT"),
        ("a.wav", np.array([0, np.nan]), None),
        ("a.wav", np.zeros((2, 10)), None),
    ],
)
def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, name: str, wave: np.ndarray, subtype: str | None
) -> None:
    with pytest.raises(ValueError, match=name):
        write_audio(tmp_path / name, wave, 24000, subtype=subtype)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        write_audio(tmp_path / "nowhere" / "a.wav", np.zeros(10), 24000)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"a\.wav: no such file"):
        read_audio(tmp_path / "a.wav")
    with pytest.raises(ValueError, match=r"is a folder: .* pattern such as .*/\*\.wav$"):
        read_audio(tmp_path)


@pytest.mark.parametrize("contents", [b"", b"RIFF", b"no sound at all" * 10])
@pytest.mark.parametrize("name", ["a.wav", "a.raw", "a.txt"])
def test_what_is_no_sound_file_is_refused_in_one_line(
    tmp_path: Path, name: str, contents: bytes
) -> None:
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(ValueError, match="not a sound file that can be read") as error:
        read_audio(tmp_path / name)
    assert "\n" not in str(error.value)


def test_an_empty_recording_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 24000)
    with pytest.raises(ValueError, match="has no samples"):
        read_audio(tmp_path / "a.wav")


def test_a_sample_that_is_not_finite_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0, 0, np.nan]), 24000, subtype="FLOAT")
    with pytest.raises(ValueError, match="sample 2 is not finite"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("rate", [1, 374, 192001, 33598532, 67108864])
def test_a_sound_of_a_sample_rate_that_no_recording_has_is_refused_at_once(rate, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), rate)
    with pytest.raises(
        ValueError, match=rf"a\.wav: sample rate {rate} Hz: cannot be resampled to 24000 Hz"
    ):
        read_audio(tmp_path / "a.wav", 24000)


def test_a_part_and_a_channel_are_those_samples_of_the_file(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (8000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    wave, _ = read_audio(tmp_path / "a.wav", start=0.25, duration=0.5, channel=1)
    np.testing.assert_array_equal(wave, samples[2000:6000, 1])
    wave, _ = read_audio(tmp_path / "a.wav", start=0.75)
    np.testing.assert_array_equal(wave, samples[6000:].mean(axis=1))
    wave, _ = read_audio(tmp_path / "a.wav", start=0.5, duration=0.55)  # rounded in a manifest
    assert len(wave) == 4000


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"start": 1.0}, "start=1: expected 0 to 1 seconds"),
        ({"start": -0.5}, "start=-0.5: expected 0 to 1 seconds"),
        ({"duration": 0.0}, "duration=0: expected a part of its 1 seconds"),
        ({"start": 0.5, "duration": 0.7}, "start=0.5, duration=0.7: expected a part of its 1"),
        ({"channel": 2}, "has no channel 2: expected 0 to 1"),
        ({"channel": -1}, "has no channel -1"),
    ],
)
def test_a_part_that_a_file_does_not_have_is_refused(
    tmp_path: Path, part: dict, message: str
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((8000, 2)), 8000)
    with pytest.raises(ValueError, match=rf"a\.wav: .*{message}"):
        read_audio(tmp_path / "a.wav", **part)
