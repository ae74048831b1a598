"""F0 in another unit, and F0 that comes frames too early or late, as a predictor shows them."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from tiny_models import with_f0

from wavehax.checkpoint import save_model
from wavehax.mel import plausible_f0
from wavehax.vocoder import Vocoder

FRAMES = 400


@contextmanager
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def sentence(late: float = 0.0, cents: float = 0.0, seed: int = 0) -> np.ndarray:
    """F0 [400] of a sentence with pauses, some frames late, with errors of so many cents."""
    t = np.arange(FRAMES) - late
    f0 = 180 * 2 ** (0.3 * np.sin(t / 15) + 0.1 * np.sin(t / 6))
    error = np.random.default_rng(seed).standard_normal(FRAMES) * cents / 1200
    return np.where(np.sin(t / 20) > -0.6, f0 * 2**error, 0)


@pytest.mark.parametrize("late", [-2.0, -1.0, 1.0, 2.0])
def test_a_contour_a_frame_away_is_called_so(late: float) -> None:
    said = "late" if late > 0 else "early"
    with pytest.warns(UserWarning, match=f"f0 seems to come a frame or so too {said}"):
        plausible_f0.warn_of_timing(sentence(late), sentence(cents=25))


def test_a_contour_at_its_place_or_a_quarter_of_a_frame_away_is_not() -> None:
    with no_warning():
        for seed in range(20):
            plausible_f0.warn_of_timing(sentence(), sentence(cents=40, seed=seed))
            plausible_f0.warn_of_timing(sentence(0.25), sentence(cents=25, seed=seed))


def test_a_contour_of_another_tune_or_a_flat_one_is_not_judged() -> None:
    with no_warning():
        plausible_f0.warn_of_timing(1.5 * sentence(1), sentence())
        plausible_f0.warn_of_timing(np.full(FRAMES, 180.0), sentence())
        plausible_f0.warn_of_timing(sentence(1)[:30], sentence()[:30])


@pytest.mark.parametrize(
    ("f0", "unit"),
    [
        (69 + 12 * np.log2(np.maximum(sentence(), 1) / 440) * (sentence() > 0), "midi"),
        (np.log(np.maximum(sentence(), 1)), "log"),
    ],
)
def test_notes_and_logarithms_are_refused_with_the_flag_to_type(f0, unit) -> None:
    f0 = np.where(sentence() > 0, f0, 0)
    with pytest.raises(ValueError, match=f"f0 is .* in frame 0.*--f0-unit {unit}"):
        plausible_f0.question(f0, lambda: sentence(cents=25))


@pytest.mark.parametrize(("base", "logarithm"), [(2, np.log2), (10, np.log10)])
def test_a_logarithm_of_another_base_is_named_and_not_called_a_natural_one(base, logarithm) -> None:
    true = sentence()
    f0 = np.where(true > 0, logarithm(np.maximum(true, 1)), 0)
    with pytest.raises(ValueError, match=rf"to base {base}: .* give {base} \*\* f0") as caught:
        plausible_f0.question(f0, lambda: sentence(cents=25))
    assert "--f0-unit" not in str(caught.value)
    with pytest.raises(ValueError, match="looks like the logarithm of Hz"):
        plausible_f0.question(f0, None)  # whose base nothing tells


@pytest.mark.parametrize(
    ("name", "of_440_hz", "octave"),
    [
        ("cents of MIDI notes", 6900, 1200),
        ("cents above 10 Hz", 6551.3179, 1200),
        ("cents above 1 Hz", 10537.6316, 1200),
        ("semitones above 1 Hz", 105.376316, 12),
    ],
)
def test_cents_and_semitones_are_refused_with_the_formula_that_makes_them_hz(
    name, of_440_hz, octave
) -> None:
    true = sentence()
    f0 = np.where(true > 0, of_440_hz + octave * np.log2(np.maximum(true, 1) / 440), 0)
    with pytest.raises(ValueError, match=f"looks like {name}: expected Hz; give ") as caught:
        plausible_f0.question(f0, lambda: sentence(cents=25))
    formula = str(caught.value).partition("give ")[2].partition(" where")[0]
    np.testing.assert_allclose(eval(formula, {"f0": f0})[true > 0], true[true > 0], rtol=1e-5)


@pytest.mark.parametrize("units", [1000, 16000, 24000])
def test_a_period_is_refused_with_its_unit_and_not_called_a_logarithm(units: int) -> None:
    true = sentence()
    f0 = np.where(true > 0, units / np.maximum(true, 1), 0)
    with pytest.raises(ValueError, match=f"a period in units of 1/{units} s: .* give {units} / f0"):
        plausible_f0.question(f0, lambda: sentence(cents=25))


def test_another_tune_is_taken_though_a_held_note_is_the_period_of_the_mels() -> None:
    held = 100 + 0.5 * np.sin(np.arange(FRAMES))
    with no_warning():
        plausible_f0.question(24000 / held, lambda: held)  # 240 Hz, sung where 100 Hz was
        plausible_f0.question(0.5 * sentence(), lambda: sentence())
        falling = np.where(sentence() > 0, 38000 / np.maximum(sentence(), 1), 0)
        plausible_f0.question(falling, lambda: sentence())  # the same tune upside down


def test_a_bass_with_the_numbers_of_notes_is_taken_as_hz() -> None:
    bass = sentence() / 3  # 45 to 80 Hz
    with no_warning():
        plausible_f0.question(bass, lambda: bass)
        plausible_f0.question(bass, None)
        plausible_f0.question(np.zeros(FRAMES), None)


class Predictor:
    """Says the same of any mel."""

    def __init__(self, f0: np.ndarray) -> None:
        self._f0 = f0

    def stream(self) -> Predictor:
        return self

    def push(self, mel: np.ndarray) -> np.ndarray:
        return self._f0[: mel.shape[1]]


def test_a_vocoder_refuses_notes_and_warns_of_a_frame(tiny) -> None:
    voc = Vocoder(dataclasses.replace(with_f0(tiny), provenance={"f0_range": [50, 1200]}))
    voc._inputs.predictor = Predictor(sentence(cents=25))
    mel = np.full((voc.features.n_mels, FRAMES), -5, np.float32)
    true = sentence()
    with no_warning():
        voc.prepare(mel, true)
    with pytest.raises(ValueError, match="--f0-unit midi"):
        voc.prepare(mel, np.where(true > 0, 69 + 12 * np.log2(np.maximum(true, 1) / 440), 0))
    with pytest.warns(UserWarning, match="too late"):
        voc.prepare(mel, sentence(1))


@pytest.mark.parametrize("stated", [[50, 1200.0], "50-1200", [50], [1, "a"]])
def test_the_range_that_a_model_states_is_described_and_nonsense_is_not(
    tiny, command, tmp_path, stated: object
) -> None:
    model = dataclasses.replace(with_f0(tiny), provenance={"f0_range": stated})
    save_model(tmp_path / "model.safetensors", model)
    code, out, _ = command("info", tmp_path / "model.safetensors")
    low, high = Vocoder(model).f0_range
    assert code == 0 and f"made for {low:g}-{high:g} Hz" in out
    assert ((low, high) == (50, 1200)) == (stated == [50, 1200.0])
