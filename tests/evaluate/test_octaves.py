"""Scores by octave of F0, of contours and sounds whose errors are known, and recordings sped up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluate_signals import RATE, noisy, voice

from wavehax.evaluate import octaves
from wavehax.evaluate.aliasing import recordings
from wavehax.evaluate.items import Item, at_speeds
from wavehax.evaluate.pitch import FRAMES
from wavehax.evaluate.synthesis import Pair, WorldSynthesis
from wavehax.files.sound import write_audio

pytest.importorskip("scipy", reason="needs the extra [eval]")


def pair_of(natural: np.ndarray, generated: np.ndarray, f0: np.ndarray) -> Pair:
    return Pair(natural, generated, RATE, f0, (70, 1400), "harvest", FRAMES.hop_length)


def by_octave(scores: dict) -> dict[int, dict]:
    return {entry["octave"][0]: entry for entry in scores["octaves"]}


def test_each_octave_has_the_errors_of_its_own_frames() -> None:
    """Low frames are 10 cents sharp and a quarter of them unvoiced; high ones 30 cents flat. Where
    F0 should be 0, frames belong to the octave that is heard."""
    f0 = np.concatenate([np.full(40, 100.0), np.full(40, 700.0), np.zeros(40)])
    made = np.concatenate([f0[:40] * 2 ** (10 / 1200), f0[40:80] * 2 ** (-30 / 1200), f0[80:]])
    made[:10] = 0
    made[110:] = 650
    silence = np.zeros(len(f0) * FRAMES.hop_length)
    pair = replace(pair_of(silence, silence, f0), f0_scale=2.0)
    found = by_octave(octaves.octave_scores(pair, made))
    assert list(found) == [60, 480]
    assert found[60]["f0_rmse_cents"] == pytest.approx(10, abs=0.01)
    assert found[480]["f0_median_cents"] == pytest.approx(30, abs=0.01)
    assert found[60]["voicing_error"] == pytest.approx(10 / 40)
    assert found[480]["voicing_error"] == pytest.approx(10 / 50)
    assert "off_series" not in found[60]


def test_an_octave_with_a_few_frames_of_a_file_is_left_out() -> None:
    f0 = np.concatenate([np.full(90, 200.0), np.full(9, 100.0)])
    silence = np.zeros(len(f0) * FRAMES.hop_length)
    scores = octaves.octave_scores(replace(pair_of(silence, silence, f0), f0_scale=2.0), f0)
    assert list(by_octave(scores)) == [120]
    assert scores["f0_median_hz"] == 200


def test_twice_the_noise_of_the_recording_is_6_db_more_off_the_series() -> None:
    f0 = np.concatenate([np.full(60, 150.0), np.full(60, 600.0)])
    phase = 2 * np.pi * np.cumsum(np.repeat(f0, FRAMES.hop_length)) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 16))
    noise, other = np.random.default_rng(0).standard_normal((2, len(tone)))
    pair = pair_of(tone + 0.05 * noise, tone + 0.1 * other, f0)
    found = by_octave(octaves.octave_scores(pair, f0))
    for low in (120, 480):
        assert found[low]["off_series_difference"] == pytest.approx(6.02, abs=0.4)
        assert found[low]["off_series_difference"] == pytest.approx(
            found[low]["off_series"] - found[low]["off_series_recording"]
        )


FILES = [
    {
        "f0_median_hz": 200.0,
        "pesq_wb": 3.0,
        "octaves": [
            {"octave": [120, 240], "f0_rmse_cents": 10.0, "off_series_difference": 1.0},
            {"octave": [480, 960], "f0_rmse_cents": 50.0, "off_series_difference": 4.0},
        ],
    },
    {
        "f0_median_hz": 500.0,
        "pesq_wb": 2.0,
        "octaves": [{"octave": [480, 960], "f0_rmse_cents": 30.0, "off_series_difference": 2.0}],
    },
]


def test_scores_of_files_count_in_the_octave_of_their_median_f0() -> None:
    rows = dict(octaves.octave_rows(FILES))
    assert list(rows) == ["120-240 Hz", "480-960 Hz"]
    high = rows["480-960 Hz"]
    assert (high["files"], high["files_by_median"]) == (2, 1)
    assert (high["f0_rmse_cents"], high["pesq_wb"]) == (40, 2)
    # t of one degree of freedom, standard error of 1
    assert (high["off_series_difference"], high["interval"]) == pytest.approx((3, 12.706), abs=1e-3)
    assert rows["120-240 Hz"]["pesq_wb"] == 3


def test_the_table_has_a_row_for_each_octave_and_no_column_without_values() -> None:
    header, low, high = octaves.octave_table(FILES).splitlines()
    assert "F0 RMSE" in header and "PESQ-WB" in header and "DistillMOS" not in header
    assert low.split()[:2] == ["120-240", "Hz"] and "+1.0" in low
    assert "40.0" in high and "+3.0" in high and "2.000" in high
    assert octaves.octave_table([{"file": "without F0"}]) == ""


def test_a_recording_twice_as_fast_is_half_as_long_and_an_octave_higher(tmp_path: Path) -> None:
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    time = np.arange(2 * 48000) / 48000
    wave = sum(np.sin(2 * np.pi * 300 * k * time) / k for k in range(1, 6))
    wave += np.sin(2 * np.pi * 8000 * time)  # it becomes 16 kHz, more than 24 kHz can hold
    write_audio(tmp_path / "a.wav", 0.2 * wave, 48000)
    items = [Item("a.wav", "singing", "p", tmp_path / "a.wav", f0_range=(100, 500))]
    same, fast = at_speeds(items, [1, 2, 1])
    assert same is items[0]
    assert (fast.name, fast.group) == ("a.wav, 2 times as fast", "singing, 2 times as fast")
    assert fast.f0_range == (200, 1000)
    pair = WorldSynthesis()(fast)
    assert len(pair.natural) == RATE
    spectrum = np.abs(np.fft.rfft(pair.natural * np.hanning(RATE)))
    assert spectrum.argmax() == 600
    assert spectrum[3100:].max() < 1e-3 * spectrum.max()
    assert np.median(pair.f0) == pytest.approx(600, rel=0.01)


def lines(output: list[float], recording: list[float]) -> dict:
    hz = [500.0, 600.0, 2000.0]
    return {"hop_lines": {"noise": {"hz": hz, "output": output, "recording": recording}}}


def test_lines_are_averaged_by_band_and_the_highest_is_named() -> None:
    files = [lines([3.0, 9.0, 1.0], [1.0, 1.0, 1.0]), lines([1.0, 7.0, 0.0], [1.0, 1.0, 0.0])]
    low, high = recordings.line_rows(files)
    assert (low["kind"], low["band"], low["files"]) == ("noise", [200, 1000], 2)
    assert (low["output"], low["recording"], low["difference"]) == (5, 1, 4)
    assert low["interval"] == pytest.approx(12.706, abs=1e-3)
    assert (low["highest_hz"], low["highest_db"]) == (600, 7)
    assert (high["band"], high["difference"]) == ([1000, 4000], 0)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "MANIFEST.tsv").write_text("file\tsplit\tspeaker\na.wav\tsinging\tp\n")
    hiss = 0.1 * np.random.default_rng(0).standard_normal(RATE // 2).astype(np.float32)
    write_audio(tmp_path / "a.wav", np.concatenate([noisy(voice(2, 300), 0.01), hiss]), RATE)
    return tmp_path / "MANIFEST.tsv"


@pytest.mark.slow
def test_models_are_compared_with_recordings_at_other_speeds(
    command, manifest: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    output = tmp_path / "r.html"
    arguments = ("--data", manifest, "--splits", "singing", "--speeds", 1, 2, "-o", output)
    code, out, err = command("evaluate", "aliasing", *arguments)
    assert (code, err) == (0, "")
    assert "240-480 Hz" in out and "480-960 Hz" in out and "noise, 200-1000 Hz" in out
    assert "480-960 Hz" in output.read_text()
    (found,) = json.loads((tmp_path / "r.json").read_text()).values()
    assert [of["octave"] for of in found["octaves"]] == [[240, 480], [480, 960]]
    assert [of["file"] for of in found["files"]] == ["a.wav", "a.wav, 2 times as fast"]
    for of_octave in found["octaves"]:
        assert of_octave["means"]["f0_median_cents"]["mean"] < 20
        assert abs(of_octave["means"]["off_series_difference"]["mean"]) < 10
    assert {row["kind"] for row in found["lines"]} >= {"noise"}


def test_f0_is_sought_as_the_flags_say(
    command, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    searched = []

    def harvest(wave, rate, *search):
        searched.append(search)
        raise ValueError("enough")

    monkeypatch.setattr("wavehax.evaluate.pitch.f0_from_audio", harvest)
    for module in ("pitch", "synthesis"):
        monkeypatch.setattr(f"wavehax.evaluate.{module}.f0_from_audio", harvest, raising=False)
    flags = ("--f0-min", 80, "--f0-max", 700, "--f0-method", "harvest")
    code, _, err = command(
        "evaluate", "aliasing", "--data", manifest, "--splits", "singing", *flags
    )
    assert code == 1 and "a.wav: enough" in err
    assert searched == [(80, 700, "harvest")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", "b", "--speeds", "2"), "--speeds needs --data"),
        (("--data", "m.tsv", "--speeds", "5"), "5: expected 0.25 to 4"),
        (("aliasing", "--speeds", "2"), "--speeds needs --data"),
        (("aliasing", "--splits", "dev"), "--splits needs --data"),
        (("aliasing", "--f0-max", "500"), "--f0-max needs --data"),
        (("aliasing", "--data", "m.tsv", "--speech", "x.wav"), "--speech x.wav: expected none"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(command, arguments, message: str) -> None:
    code, out, err = command("evaluate", *arguments)
    assert (code, out) == (2, "")
    assert message in err and err.count("\n") == 1
