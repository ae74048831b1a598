"""`wavehax evaluate` from end to end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluate_signals import RATE, noisy, voice

import wavehax
from wavehax.checkpoint import save_model
from wavehax.evaluate.items import manifest_items
from wavehax.evaluate.synthesis import ModelSynthesis
from wavehax.files.sound import read_audio, write_audio

for name in ("pesq", "pystoi", "pyworld", "scipy"):
    pytest.importorskip(name, reason="needs the extras [f0,eval]")


@pytest.fixture(autouse=True)
def without_naturalness(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # seconds a file
    monkeypatch.setattr("wavehax.evaluate.naturalness.installed", lambda package: False)
    # of the processes in which it is not patched
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rows = ["file\tsplit\tspeaker", "a.wav\tdev\tp", "b.wav\tdev\tq", "c.wav\tunseen\tr"]
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")
    for name, pitch in (("a", 130), ("b", 210), ("c", 100)):
        write_audio(tmp_path / f"{name}.wav", voice(pitch=pitch), RATE)
    return tmp_path / "MANIFEST.tsv"


@pytest.mark.slow
def test_a_precision_that_is_chosen_is_reported_by_its_name(
    command, manifest: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report.json"
    command(
        "evaluate", "--data", manifest, "--splits", "unseen", "--precision", "auto", "-o", output
    )
    assert (
        json.loads(output.read_text())["source"]
        == f"vocos-24k, {wavehax.load(precision='auto').precision}"
    )


def scores_of(path: Path) -> dict[str, dict]:
    return {of_file["file"]: of_file for of_file in json.loads(path.read_text())["files"]}


@pytest.mark.slow
def test_a_model_is_scored_on_a_manifest(command, manifest: Path, tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    code, out, err = command(
        "evaluate", "--data", manifest, "--splits", "dev", "unseen", "-o", output, "--jobs", 1
    )
    assert (code, err) == (0, "")
    assert output.read_text().count("<audio") == 2 * 3
    assert "dev (2 files)" in out and "unseen (1 files)" in out
    assert "By octave of F0" in out and "<h2>By octave of F0</h2>" in output.read_text()
    (low, high) = json.loads((tmp_path / "report.json").read_text())["octaves"]
    assert (low["octave"], high["octave"]) == ([60, 120], [120, 240])
    # The voices have 100, 130 and 210 Hz. That of 130 Hz counts in both octaves, since its vibrato
    # reaches down to 117 Hz. PESQ is of whole files, by their median F0.
    assert (low["means"]["files"]["mean"], high["means"]["files"]["mean"]) == (2, 2)
    assert (low["means"]["pesq_wb"]["files"], high["means"]["pesq_wb"]["files"]) == (1, 2)
    scores = scores_of(tmp_path / "report.json")
    assert set(scores) == {"a.wav", "b.wav", "c.wav"}
    for of_file in scores.values():
        assert 1 <= of_file["pesq_wb"] <= 4.65
        assert of_file["f0_rmse_cents"] < 60
        assert of_file["mel_l1"] < 2


@pytest.mark.slow
def test_the_texture_of_what_a_model_makes_stands_beside_its_recordings(
    command, tmp_path: Path
) -> None:
    rows = ["file\tsplit\tspeaker", "a.wav\tdev\tp"]
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")
    hiss = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    write_audio(tmp_path / "a.wav", np.concatenate([voice(3), hiss]), RATE)
    output = tmp_path / "report.html"
    code, out, err = command(
        "evaluate", "--data", tmp_path / "MANIFEST.tsv", "--splits", "dev", "-o", output
    )
    assert (code, err) == (0, "")
    scores = scores_of(tmp_path / "report.json")["a.wav"]
    for name in ("fold_voiced_1k", "fold_unvoiced_8k", "lag_correlation"):
        assert scores[f"{name}_difference"] == pytest.approx(
            scores[name] - scores[f"{name}_recording"]
        )
    assert abs(scores["lag_correlation_recording"]) < 0.02  # of white noise
    # 0.44 where the model hardly listened to its noise
    assert abs(scores["seed_correlation"]) < 0.7
    assert "Beside the recording's own" in out and "seeds" in out and "95 % interval" in out
    assert "Beside the recording's own" in output.read_text()
    means = json.loads((tmp_path / "report.json").read_text())["groups"][0]["means"]
    assert means["fold_unvoiced_8k_difference"]["mean"] == pytest.approx(
        scores["fold_unvoiced_8k_difference"]
    )


@pytest.mark.slow
def test_recordings_are_scored_up_to_the_last_whole_hop_of_a_model(
    command, manifest: Path, tmp_path: Path
) -> None:
    recording, _ = read_audio(tmp_path / "c.wav", 44100)
    assert len(recording) % 512
    pair = ModelSynthesis("nsf-hifigan-44k")(manifest_items(manifest, ["unseen"])[0])
    assert len(pair.natural) == len(pair.generated) == len(recording) // 512 * 512
    np.testing.assert_array_equal(pair.natural, recording[: len(pair.natural)])
    output = tmp_path / "report.json"
    arguments = ("--model", "nsf-hifigan-44k", "--splits", "unseen", "-o", output)
    code, _, err = command("evaluate", "--data", manifest, *arguments)
    assert (code, err) == (0, "")
    scores = scores_of(output)["c.wav"]
    assert 1 <= scores["pesq_wb"] <= 4.65
    assert scores["f0_rmse_cents"] < 60


@pytest.mark.slow
def test_world_keeps_the_pitch_of_a_clean_voice_and_scales_it(
    command, manifest: Path, tmp_path: Path
) -> None:
    for scale, scored in ((1, True), (2, False)):
        output = tmp_path / f"world{scale}.json"
        arguments = (
            "--world",
            "--data",
            manifest,
            "--splits",
            "dev",
            "--f0-scale",
            scale,
            "-o",
            output,
        )
        assert command("evaluate", *arguments)[0] == 0
        of_file = scores_of(output)["a.wav"]
        assert of_file["f0_median_cents"] < 10
        assert of_file["gross_pitch_error"] < 0.02
        # there is no recording to compare a scaled voice with
        assert ("pesq_wb" in of_file) == ("fold_voiced_1k" in of_file) == scored


@pytest.mark.slow
def test_folders_are_compared_file_by_file_in_processes(command, tmp_path: Path) -> None:
    for folder in ("natural", "made"):
        (tmp_path / folder).mkdir()
    for name in ("x", "y"):
        write_audio(tmp_path / "natural" / f"{name}.flac", voice(), RATE)
    write_audio(tmp_path / "made" / "x.wav", voice(), RATE)
    write_audio(tmp_path / "made" / "y.wav", noisy(voice(), 0.02)[: -RATE // 20], RATE)
    output = tmp_path / "r.json"
    code, _, err = command(
        "evaluate", tmp_path / "natural", tmp_path / "made", "-o", output, "--jobs", 2
    )
    assert (code, err) == (0, "")
    scores = scores_of(output)
    assert scores["x"]["pesq_wb"] == pytest.approx(4.64, abs=0.01)
    assert scores["x"]["f0_rmse_cents"] < 1  # the last of 16 bits is rounded differently
    assert scores["y"]["pesq_wb"] < 4


@pytest.mark.slow
def test_files_are_folded_over_the_hop_that_is_given(command, tmp_path: Path) -> None:
    hiss = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    clicks = hiss.copy()
    clicks[9::300] += 0.8
    for folder, wave in (("natural", hiss), ("made", clicks)):
        (tmp_path / folder).mkdir()
        write_audio(tmp_path / folder / "x.wav", np.concatenate([voice(), wave]), RATE)
    for arguments, depth in ((("--hop-length", 300), 6), ((), 0)):
        output = tmp_path / f"{depth}.json"
        assert (
            command("evaluate", tmp_path / "natural", tmp_path / "made", "-o", output, *arguments)[
                0
            ]
            == 0
        )
        of_file = scores_of(output)["x"]
        assert of_file["fold_unvoiced_4k"] == pytest.approx(depth, abs=1.5)
        # a file tells neither
        assert "lag_correlation" not in of_file and "seed_correlation" not in of_file


@pytest.mark.slow
def test_a_file_that_fails_is_named_and_the_others_are_scored(
    command, manifest: Path, tmp_path: Path
) -> None:
    (manifest.parent / "a.wav").unlink()
    output = tmp_path / "report.json"
    code, _, err = command(
        "evaluate", "--world", "--data", manifest, "--splits", "dev", "-o", output
    )
    assert code == 1
    assert err.count("\n") == 1 and "a.wav: no such file" in err
    assert set(scores_of(output)) == {"b.wav"}


def test_sounds_of_different_lengths_are_refused(command, tmp_path: Path) -> None:
    for folder, seconds in (("natural", 2), ("made", 1)):
        (tmp_path / folder).mkdir()
        write_audio(tmp_path / folder / "x.wav", voice(seconds), RATE)
    code, _, err = command("evaluate", tmp_path / "natural", tmp_path / "made")
    assert code == 1
    assert "1.00 s, and its recording has 2.00 s" in err


def test_sounds_of_different_rates_are_compared_at_the_lower(command, tmp_path: Path) -> None:
    for folder in ("natural", "made"):
        (tmp_path / folder).mkdir()
    time = np.arange(48000) / 48000
    for rate, folder in ((48000, "natural"), (24000, "made")):
        tone = 0.1 * sum(
            np.sin(2 * np.pi * 150 * k * time[:: 48000 // rate]) / k for k in range(1, 50)
        )
        write_audio(tmp_path / folder / "x.wav", tone * (time[:: 48000 // rate] % 1 < 0.8), rate)
    assert (
        command("evaluate", tmp_path / "natural", tmp_path / "made", "-o", tmp_path / "r.json")[0]
        == 0
    )
    assert scores_of(tmp_path / "r.json")["x"]["mel_l1"] < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "0 folders: expected NATURAL_DIR and GENERATED_DIR"),
        (("a", "b", "--world"), "--world needs --data"),
        (("a", "b", "--f0-scale", "2"), "--f0-scale needs --data"),
        (("a", "b", "--precision", "bf16"), "--precision needs --data"),
        (
            ("--data", "m.tsv", "--hop-length", "300"),
            "--hop-length 300: expected two folders, not --data",
        ),
        (("a", "--data", "m.tsv"), "a: expected no folders with --data"),
        (("--data", "m.tsv", "--world", "--model", "x"), "not allowed with"),
        (("--data", "m.tsv", "-o", "report.pdf"), "report.pdf: expected a name that ends in"),
        (("--data", "m.tsv", "--f0-scale", "0"), "expected more than 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(command, arguments, message: str) -> None:
    code, out, err = command("evaluate", *arguments)
    assert (code, out) == (2, "")
    assert message in err and err.count("\n") == 1


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_scored(
    command, manifest: Path, tmp_path: Path
) -> None:
    (tmp_path / "r.json").touch()  # where the scores of r.html would go
    for output, message in (
        ("r.html", "r.json: exists already"),
        ("none/r.json", "none: no such folder"),
    ):
        code, out, err = command(
            "evaluate", "--data", manifest, "--splits", "dev", "-o", tmp_path / output
        )
        assert (code, out) == (1, "")
        assert message in err


def test_a_missing_extra_is_said_once(
    command, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pesq", None)  # importing it fails
    code, out, err = command("evaluate", "--data", manifest, "--splits", "dev")
    assert (code, out) == (1, "")
    assert err == "wavehax: evaluation needs pesq: pip install 'wavehax[eval]'\n"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_model_that_cannot_be_used_is_said_once(
    command, manifest: Path, tiny, tmp_path: Path, jobs: int
) -> None:
    save_model(tmp_path / "no_f0.safetensors", tiny)
    for arguments, message in (
        (("--model", "nosuch"), "nosuch: no model of this name"),
        (
            ("--model", tmp_path / "no_f0.safetensors", "--f0", "mel"),
            "this model has no predictor of F0",
        ),
    ):
        code, out, err = command(
            "evaluate", "--data", manifest, "--splits", "dev", "--jobs", jobs, *arguments
        )
        assert (code, out) == (1, "")
        assert message in err and err.count("\n") == 1
