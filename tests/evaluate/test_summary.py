"""Means, their intervals, the order of files, and what is written of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from wavehax.evaluate import scores, summary

pytest.importorskip("scipy", reason="needs the extra [eval]")

FILES = [
    {"file": "a", "group": "x", "speaker": "p", "pesq_wb": 2.0, "mel_l1": 0.2},
    {"file": "b", "group": "x", "speaker": "q", "pesq_wb": math.nan, "mel_l1": 0.3},
    {"file": "c", "group": "x", "speaker": "q", "pesq_wb": 1.5, "mel_l1": 0.1},
    {"file": "d", "group": "y", "speaker": "", "pesq_wb": 3.0, "mel_l1": 0.4},
]


def test_means_are_of_groups_and_their_speakers_and_leave_out_scores_that_do_not_exist() -> None:
    found = {(group.group, group.speaker): group for group in summary.groups(FILES)}
    assert list(found) == [
        ("x", ""),
        ("x", "q"),
        ("x", "p"),
        ("y", ""),
    ]  # speakers from the worst on
    assert found["x", ""].means["pesq_wb"].mean == pytest.approx(1.75)
    assert (found["x", ""].files, found["x", ""].means["pesq_wb"].files) == (3, 2)
    assert found["x", "q"].means["mel_l1"].mean == pytest.approx(0.2)


def test_intervals_hold_the_true_mean_in_95_of_100_cases() -> None:
    rng = np.random.default_rng(0)
    means = [summary.mean(rng.normal(3, 2, 4)) for _ in range(2000)]
    held = np.mean([abs(of.mean - 3) < of.interval for of in means])
    assert held == pytest.approx(0.95, abs=0.02)  # four standard errors


def test_the_mean_of_one_file_has_no_interval_and_of_none_is_nan() -> None:
    assert math.isnan(summary.mean([1.0]).interval)
    assert summary.mean([math.nan]).files == 0
    assert math.isnan(summary.mean([]).mean)


def test_files_are_sorted_by_pesq_and_then_by_distance() -> None:
    assert [of_file["file"] for of_file in summary.worst_first(FILES)] == ["c", "a", "d", "b"]


def test_the_table_shows_means_intervals_speakers_and_as_many_files_as_asked_for() -> None:
    text = summary.table(FILES, worst=1)
    assert "x (3 files)" in text and "y (1 files)" in text
    assert "1.750" in text and "  q (2)" in text
    assert text.splitlines()[3].startswith("  c ") and not any(
        line.startswith("  a ") for line in text.splitlines()
    )


def test_json_holds_groups_and_files_and_null_for_what_does_not_exist(tmp_path) -> None:
    summary.write_json(tmp_path / "scores.json", "a model", FILES, overwrite=False)
    contents = json.loads((tmp_path / "scores.json").read_text())
    assert contents["source"] == "a model"
    assert contents["files"][1]["pesq_wb"] is None
    assert contents["groups"][0]["means"]["pesq_wb"]["files"] == 2
    with pytest.raises(FileExistsError):
        summary.write_json(tmp_path / "scores.json", "a model", FILES, overwrite=False)


MEASURED = [
    {
        "file": "a",
        "group": "x",
        "speaker": "",
        "pesq_wb": 2.0,
        "seed_correlation": 0.5,
        "fold_voiced_1k": 9.0,
    }
    | {"fold_voiced_1k_recording": 1.0, "fold_voiced_1k_difference": 8.0},
    {
        "file": "b",
        "group": "x",
        "speaker": "",
        "pesq_wb": 3.0,
        "seed_correlation": 0.4,
        "fold_voiced_1k": 6.0,
    }
    | {"fold_voiced_1k_recording": 0.0, "fold_voiced_1k_difference": 6.0},
]


def test_measures_stand_beside_those_of_the_recording_with_the_interval_of_the_difference() -> None:
    rows = dict(summary.measure_rows(summary.groups(MEASURED)[0]))
    found = [values["fold_voiced_1k"] for values in rows.values()]
    # t of one degree, standard error of 1
    assert found == pytest.approx([7.5, 0.5, 7.0, 12.706 * 1.0], abs=1e-3)
    of_seeds = [values["seed_correlation"] for values in rows.values()]
    assert of_seeds == pytest.approx(
        [0.45, math.nan, math.nan, 12.706 * 0.05], abs=1e-3, nan_ok=True
    )


def test_the_table_shows_measures_below_the_scores_and_files_by_their_differences() -> None:
    text = summary.table(MEASURED, worst=1)
    above, measures = text.split("Beside the recording's own")
    assert "PESQ-WB" in above and "foldV1k" not in above
    assert "foldV1k" in measures and "PESQ-WB" not in measures
    assert measures.splitlines()[-1].split() == ["a", "8.0", "0.500"]
    assert "Beside" not in summary.table(FILES, worst=1)


def test_a_measure_differs_from_the_recording_where_that_has_it() -> None:
    found = scores.with_differences(
        {"dnsmos": 3.0, "dnsmos_recording": 3.5, "seed_correlation": 0.4}
    )
    assert found["dnsmos_difference"] == -0.5
    assert "seed_correlation_difference" not in found
