"""Contours of F0 as other tools write them, in Python and on the command line."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
from tiny_models import with_f0
from voices import voice

import wavehax
from wavehax.checkpoint import save_model
from wavehax.config import FEATURES
from wavehax.evaluate.pitch import f0_scores, harvest
from wavehax.features import f0_at_hop, f0_from_audio, f0_in_hz, log_mel
from wavehax.files.resample import resample
from wavehax.files.sound import read_audio
from wavehax.mel.convert import convert, convert_f0, natural_log
from wavehax.mel.harmonics import flatten_harmonics
from wavehax.vocoder import Vocoder

ROOT = Path(__file__).parent


@pytest.fixture
def voc(tiny) -> Vocoder:
    return Vocoder(tiny)


@pytest.mark.parametrize(
    ("unit", "values"), [("midi", [69, 0, 81, 57]), ("log", np.log([440, 1, 880, 220]))]
)
def test_notes_and_logarithms_are_converted_and_zero_stays_unvoiced(unit, values) -> None:
    np.testing.assert_allclose(f0_in_hz(np.array(values), unit), [440, 0, 880, 220])


@pytest.mark.parametrize("unit", ["hz", "midi", "log"])
def test_nan_and_negative_numbers_are_unvoiced_if_that_is_asked_for(unit: str) -> None:
    f0 = np.array([5.0, np.nan, -1, -np.inf, 0, 6])
    found = f0_in_hz(f0, unit, "any")
    np.testing.assert_array_equal(found > 0, [True, False, False, False, False, True])
    np.testing.assert_array_equal(found == 0, [False, True, True, True, True, False])


@pytest.mark.parametrize("bad", [np.nan, -1.0])
def test_without_being_asked_they_are_refused_in_every_unit(bad: float, voc, mel, f0) -> None:
    f0 = np.array(f0)
    f0[7] = bad
    with pytest.raises(ValueError, match=f"f0 is {bad} in frame 7.*--f0-unvoiced any"):
        voc(mel, f0)
    for unit in ("midi", "log"):
        with pytest.raises(ValueError, match=f"f0 is {bad} in frame 7.*--f0-unvoiced any"):
            f0_in_hz(f0, unit)


@pytest.mark.parametrize("unit", ["midi", "log"])
@pytest.mark.parametrize("tool", [lambda f0: f0, lambda f0: 1200 * np.log2(f0 / 10)])
def test_hz_and_cents_that_are_called_notes_or_logarithms_are_refused(unit, tool) -> None:
    glide = np.concatenate([np.zeros(5), np.linspace(220, 440, 30)])
    f0 = np.where(glide > 0, tool(np.maximum(glide, 1)), 0)
    said = rf"f0 is {f0[5]} in frame 5, which as {unit} is .* if it is Hz, leave out --f0-unit"
    with pytest.raises(ValueError, match=said):
        f0_in_hz(f0, unit)
    highest = f0_in_hz([135.0], "midi")  # the last whole note that can be heard
    np.testing.assert_allclose(highest, 440 * 2**5.5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.zeros(3), "MIDI"), "unit='MIDI': expected one of hz, midi, log"),
        ((np.zeros(3), "hz", "nan"), "unvoiced='nan': expected one of zero, any"),
        ((np.array(["a"]),), "f0 is of type <U1: expected numbers"),
    ],
)
def test_what_is_no_unit_no_choice_and_no_number_is_refused(arguments, said) -> None:
    with pytest.raises(ValueError, match=said):
        f0_in_hz(*arguments)


def test_tensors_are_converted_as_arrays_are_also_those_that_need_a_gradient() -> None:
    torch = pytest.importorskip("torch")
    given, wanted = FEATURES["bigvgan-24k"], FEATURES["vocos-24k"]
    mel, f0 = log_mel(voice(0.2, 140, seed=0), given), np.linspace(50, 70, 19)
    for convert_it, array in (
        (lambda x: f0_in_hz(x, "midi"), f0),
        (lambda x: f0_at_hop(x, 0.01, 0.02, 10), f0),
        (lambda x: convert_f0(x, given, wanted), f0),
        (lambda x: convert(x, given, wanted), mel),
        (lambda x: natural_log(x, given, log="10"), mel),
    ):
        made = convert_it(torch.from_numpy(array).requires_grad_())
        np.testing.assert_array_equal(made, convert_it(array))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_masked_frames_of_f0_are_unvoiced_where_nan_is_and_refused_otherwise(
    kind, voc, mel, f0
) -> None:
    mask = np.zeros(len(f0), bool)
    mask[7:12] = True
    below = np.where(mask, 150, np.where(f0 > 0, f0, 200)).astype(kind)
    masked = np.ma.masked_array(below, mask)
    with pytest.raises(ValueError, match=r"f0 is nan in frame 7.*--f0-unvoiced any"):
        voc(mel, masked)
    found = f0_in_hz(masked, unvoiced="any")
    np.testing.assert_array_equal(found, np.where(mask, 0, below))
    np.testing.assert_array_equal(voc(mel, found), voc(mel, np.where(mask, 0, below)))
    unmasked = np.ma.masked_array(below, np.zeros(len(f0), bool))
    np.testing.assert_array_equal(voc(mel, unmasked), voc(mel, below))


def test_a_masked_mel_is_refused_at_the_first_masked_value(voc, mel) -> None:
    masked = np.ma.masked_array(mel, np.zeros(mel.shape, bool))
    masked[3, 7] = np.ma.masked
    with pytest.raises(ValueError, match="mel is nan in band 3 of frame 7"):
        voc(masked, 200 * np.ones(mel.shape[1]))


def test_another_frame_rate_is_interpolated_within_voiced_runs_and_never_across_gaps() -> None:
    f0 = np.array([100.0, 200, 0, 0, 400, 100])
    found = f0_at_hop(f0, hop=0.01, frame=0.005, frames=12)
    root = 100 * np.sqrt(2)
    np.testing.assert_allclose(
        found, [100, root, 200, 0, 0, 0, 0, 400, 400, 200, 100, 100], rtol=1e-6
    )


def test_a_glide_at_another_rate_is_right_to_a_cent() -> None:
    glide = lambda seconds: 200 * 2 ** (0.5 * seconds)  # noqa: E731
    found = f0_at_hop(glide(0.005 * np.arange(201)), 0.005, 256 / 24000, 94)
    wanted = glide(256 / 24000 * np.arange(94))
    assert (1200 * np.abs(np.log2(found / wanted))).max() < 1


@pytest.mark.parametrize("count", [88, 112])
def test_a_contour_at_another_rate_that_lasts_longer_or_shorter_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"f0 has {count} frames of 0.01 s.*mel has 1.000 s"):
        f0_at_hop(np.full(count, 100.0), 0.01, 0.02, 50)


@pytest.mark.parametrize("seconds", [0, -0.01, np.nan, np.inf])
def test_a_frame_rate_that_is_none_is_refused_by_its_name(seconds: float) -> None:
    for name, times in (("hop", (seconds, 0.01)), ("frame", (0.01, seconds))):
        with pytest.raises(ValueError, match=f"{name}={seconds}: expected seconds, more than 0"):
            f0_at_hop(np.full(50, 100.0), *times, 50)


def test_messages_say_what_takes_a_contour_of_another_kind(voc, mel, f0) -> None:
    with pytest.raises(ValueError, match=r"--f0-unvoiced any, or f0_in_hz\(f0, unvoiced='any'\)"):
        voc(mel, np.where(f0 > 0, f0, -1.0))
    with pytest.raises(ValueError, match=r"--f0-hop SECONDS, or wavehax\.features\.f0_at_hop"):
        voc(mel, np.repeat(f0, 2))
    with pytest.raises(ValueError, match=r"has 38 frames and mel has 40: .* in both$"):
        voc(mel, f0[:-2])


@pytest.mark.parametrize("change", ["more", "less"])
def test_one_frame_more_or_less_than_the_mel_is_taken_and_said(voc, mel, f0, change) -> None:
    given = np.append(f0, 0) if change == "more" else f0[:-1]
    same = f0 if change == "more" else np.append(f0[:-1], f0[-2])
    with pytest.warns(UserWarning, match=f"f0 has one frame {change} than mel"):
        found = voc(mel, given)
    np.testing.assert_array_equal(found, voc(mel, same))


def test_f0_beyond_the_range_of_a_model_is_said_with_frame_and_value(tiny, mel) -> None:
    voc = Vocoder(with_f0(tiny))
    low, high = voc.f0_range
    f0 = np.full(mel.shape[1], (low + high) / 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        voc(mel, f0)
    f0[[11, 13]] = 2 * high
    said = f"f0 is {2 * high:g} Hz in frame 11: this model is made for {low:g} to {high:g} Hz"
    with pytest.warns(UserWarning, match=said):
        voc(mel, f0)
    if voc.config.streamable:
        stream = voc.stream()
        stream.push(mel[:, :5], f0[:5])
        with pytest.warns(UserWarning, match=said):
            stream.push(mel[:, 5:], f0[5:])


def test_predicted_f0_that_its_scale_moves_beyond_the_range_is_said_once(tiny, mel) -> None:
    voc = Vocoder(with_f0(tiny))
    predicted = voc.f0(mel)
    scale = 1.5 * voc.f0_range[1] / predicted[predicted > 0].min()
    frame = int(np.argmax(predicted > 0))
    said = rf"f0 is .* Hz in frame {frame} with f0_scale={scale:g}: this model is made for"
    with pytest.warns(UserWarning, match=said):
        voc(mel, f0_scale=scale)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        voc(mel)
    if voc.config.streamable:
        stream = voc.stream(f0_scale=scale)
        with pytest.warns(UserWarning, match=said) as caught:
            for t in range(mel.shape[1]):
                stream.push(mel[:, t : t + 1])
        assert len(caught) == 1


def test_a_few_frames_of_predicted_f0_at_an_end_of_the_range_are_not_called_beyond(tiny) -> None:
    voc = Vocoder(dataclasses.replace(with_f0(tiny), provenance={"f0_range": [50, 1200]}))
    f0 = np.full(400, 200.0, np.float32)
    f0[50:60] = 51  # as where a prediction is wrong

    class Predictor:
        def stream(self) -> Predictor:
            return self

        def push(self, mel: np.ndarray) -> np.ndarray:
            return f0[: mel.shape[1]]

    voc._inputs.predictor = Predictor()
    mel = np.full((voc.features.n_mels, 400), -5, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        voc.prepare(mel, None, 0.9)
    with pytest.warns(UserWarning, match=r"f0 is 45\.9 Hz in frame 50 with f0_scale=0\.9"):
        voc.prepare(mel, f0, 0.9)  # given, each frame counts
    f0[60:100] = 51
    with pytest.warns(UserWarning, match=r"f0 is 45\.9 Hz in frame 50 with f0_scale=0\.9"):
        voc.prepare(mel, None, 0.9)


@pytest.fixture
def vocoded(command, model_file, mel, tmp_path):
    """Calls vocode with the mel and flags; returns the bytes of the sound."""
    np.save(tmp_path / "mel.npy", mel)

    def run(*flags: object) -> bytes:
        output = tmp_path / "out.wav"
        code, _, err = command(
            "vocode", tmp_path / "mel.npy", "-o", output, "--model", model_file, "--force", *flags
        )
        assert code == 0, err
        return output.read_bytes()

    return run


@pytest.mark.parametrize("case", ["midi", "log", "any", "hop", "note"])
def test_flags_say_how_a_contour_is_written(vocoded, voc, f0, tmp_path, case: str) -> None:
    hz, other = tmp_path / "hz.npy", tmp_path / "other.npy"
    voiced = np.where(f0 > 0, f0, 200).astype(np.float64)
    np.save(hz, voiced)
    flags: tuple[object, ...] = ("--f0", other, "--f0-unit", case)
    if case == "midi":
        np.save(other, 69 + 12 * np.log2(voiced / 440))
    elif case == "log":
        np.save(other, np.log(voiced))
    elif case == "any":
        voiced[3:9] = 0
        np.save(hz, voiced)
        np.save(other, np.where(voiced > 0, voiced, -1))
        flags = ("--f0", other, "--f0-unvoiced", "any")
    elif case == "hop":
        np.save(hz, np.full(40, 220.0))
        np.save(other, np.full(80, 220.0))
        flags = ("--f0", other, "--f0-hop", voc.hop_length / voc.sample_rate / 2)
    else:
        np.save(hz, np.full(40, 440.0))
        flags = ("--f0", 69, "--f0-unit", "midi")
    assert vocoded(*flags) == vocoded("--f0", hz)


def test_semitones_scale_f0_as_the_factor_does(vocoded, command, tmp_path) -> None:
    assert vocoded("--f0", 100, "--f0-shift", 12) == vocoded("--f0", 100, "--f0-scale", 2)
    assert vocoded("--f0", 100, "--f0-shift", -12) == vocoded("--f0", 100, "--f0-scale", 0.5)
    both = ("--f0-shift", 12, "--f0-scale", 2)
    code, _, err = command("vocode", tmp_path / "mel.npy", "-o", tmp_path / "b.wav", *both)
    assert code == 2 and "not allowed with" in err


def test_the_mels_own_pitch_is_smoothed_out_where_it_is_another(
    vocoded, voc, mel, f0, tmp_path
) -> None:
    np.save(tmp_path / "own.npy", f0)
    np.save(tmp_path / "flat.npy", flatten_harmonics(mel, f0, voc.features))
    found = vocoded("--f0", 300, "--mel-f0", tmp_path / "own.npy", "--f0-shift", 12)
    np.save(tmp_path / "mel.npy", flatten_harmonics(mel, f0, voc.features))
    assert found == vocoded("--f0", 600)


def test_the_mels_own_pitch_belongs_to_the_mel_as_it_is_given_and_is_converted_with_it(
    command, tmp_path
) -> None:
    given = FEATURES["hifigan-22k"]
    mel = log_mel(resample(voice(0.5, 140, seed=0), 24000, given.sample_rate), given)
    glide = np.geomspace(120, 160, mel.shape[1])
    np.savez(tmp_path / "given.npz", mel=mel, f0=glide)
    np.save(tmp_path / "glide.npy", glide)
    line = ("--from", given.name, "--to", "vocos-24k", "-o", tmp_path / "converted.npz")
    assert command("convert", tmp_path / "given.npz", *line)[0] == 0
    np.save(tmp_path / "converted.npy", np.load(tmp_path / "converted.npz")["f0"])
    flags = ("--f0", 200, "--force-definition")
    for name, more in (("given", ("--features", given.name)), ("converted", ())):
        own = tmp_path / ("glide.npy" if name == "given" else "converted.npy")
        line = (tmp_path / f"{name}.npz", "-o", tmp_path / f"{name}.wav", "--mel-f0", own)
        assert command("vocode", *line, *flags, *more)[0] == 0
    assert (tmp_path / "given.wav").read_bytes() == (tmp_path / "converted.wav").read_bytes()


def test_the_mels_own_pitch_alone_is_refused(command, tiny, mel, tmp_path) -> None:
    save_model(tmp_path / "model.safetensors", with_f0(tiny))
    np.save(tmp_path / "mel.npy", mel)
    flags = ("--model", tmp_path / "model.safetensors", "--mel-f0", "mel")
    code, _, err = command("vocode", tmp_path / "mel.npy", "-o", tmp_path / "b.wav", *flags)
    assert code == 1 and "--mel-f0: needs the F0 that is wanted as well" in err


@pytest.fixture
def retuned(command, tiny, mel, tmp_path):
    """Calls vocode with F0 wanted and the mel's own; returns exit code, errors and warnings."""
    save_model(tmp_path / "model.safetensors", with_f0(tiny))
    np.save(tmp_path / "mel.npy", mel)

    def run(wanted: np.ndarray, own: np.ndarray) -> tuple[int, str, list[str]]:
        for name, contour in (("wanted", wanted), ("own", own)):
            np.save(tmp_path / f"{name}.npy", contour)
        line = ("vocode", tmp_path / "mel.npy", "--model", tmp_path / "model.safetensors")
        flags = ("--f0", tmp_path / "wanted.npy", "--mel-f0", tmp_path / "own.npy", "--force")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            code, _, err = command(*line, *flags, "-o", tmp_path / "a.wav")
        return code, err, [str(each.message).partition("mel.npy: ")[2] for each in caught]

    return run


def test_the_f0_that_is_wanted_beside_the_mels_own_is_judged_as_any_other(retuned, mel) -> None:
    glide = np.linspace(100, 200, mel.shape[1])
    notes = 69 + 12 * np.log2(glide / 440)
    code, err, _ = retuned(np.log(2 * glide), glide)
    assert code == 1 and "--f0-unit log" in err and "--mel-f0" not in err
    code, err, _ = retuned(notes, glide)
    assert code == 1 and "--f0-unit midi" in err and "--mel-f0" not in err
    code, _, said = retuned(20 * glide, glide)
    assert code == 0 and said == [
        "f0 is 2000 Hz in frame 0: this model is made for 80 to 246.754 Hz"
    ]


def test_what_is_wrong_with_the_mels_own_pitch_is_said_of_its_flag(retuned, mel) -> None:
    glide = np.linspace(100, 200, mel.shape[1])
    for own in (np.where(glide > 150, glide, -1), np.log(glide), glide[:-4]):
        code, err, _ = retuned(glide, own)
        assert code == 1 and "mel.npy: --mel-f0: f0 " in err
    code, _, said = retuned(glide, glide[:-1])
    assert code == 0 and said == ["--mel-f0: f0 has one frame less than mel: the last is held"]
    code, _, said = retuned(glide[:-1], glide)
    assert code == 0 and said == ["f0 has one frame less than mel: the last is held"]


@pytest.mark.slow
def test_a_contour_that_never_reaches_zero_leaves_voicing_to_the_mel() -> None:
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    voc = wavehax.load()
    wave, rate = read_audio(ROOT / "data" / "recording.wav", voc.sample_rate)
    mel, f0 = log_mel(wave, voc.features), f0_from_audio(wave, voc.features, 70, 500, "harvest")
    voiced = np.flatnonzero(f0)
    assert len(voiced) < 0.95 * len(f0)
    filled = np.interp(np.arange(len(f0)), voiced, f0[voiced])
    with_zeros, without = (
        f0_scores(f0, harvest(voc(mel, contour)[: len(wave)], rate, (70, 500), "harvest"))
        for contour in (f0, filled)
    )
    assert without.voicing_error < with_zeros.voicing_error + 0.03
    assert without.rmse_cents < with_zeros.rmse_cents + 10
