"""Warnings: what they are about, where they point, and how often they are shown."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from wavehax.config import FEATURES
from wavehax.mel.convert import convert
from wavehax.vocoder import Vocoder

ONE_LESS = "f0 has one frame less than mel: the last is held"


@pytest.fixture
def voc(tiny) -> Vocoder:
    return Vocoder(tiny)


def shown(work: Callable[[], object]) -> list[warnings.WarningMessage]:
    """The warnings that Python shows of `work` by default."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("default")
        work()
    return record


def test_each_utterance_of_a_batch_is_named_and_the_callers_line_too(voc, mel, f0) -> None:
    def work() -> None:
        voc.batch([mel] * 4, [f0, f0[1:], f0, f0[1:]], threads=3)

    record = shown(work)
    assert [str(each.message) for each in record] == [
        f"utterance 1: {ONE_LESS}",
        f"utterance 3: {ONE_LESS}",
    ]
    line = work.__code__.co_firstlineno + 1
    assert {(each.filename, each.lineno) for each in record} == {(__file__, line)}


def test_a_warning_points_outside_the_package_however_deep_it_arises(voc, mel, f0) -> None:
    ways: list[Callable[[], object]] = [
        lambda: voc(mel, f0[1:]),
        lambda: voc.prepare(mel, f0[1:]),
        lambda: convert(np.full((80, 12), -4.0), FEATURES["hifigan-22k"], FEATURES["vocos-24k"]),
    ]
    for way in ways:
        (each,) = shown(way)
        assert (each.filename, each.lineno) == (__file__, way.__code__.co_firstlineno)


def test_each_file_of_a_command_is_named_and_warned_of(command, model_file, mel, f0, tmp_path):
    for name in "abc":
        np.savez(tmp_path / f"{name}.npz", mel=mel, f0=f0 if name == "b" else f0[1:])
    line = (f"{tmp_path}/*.npz", "-o", tmp_path / "out", "--model", model_file, "--jobs", 2)
    record = shown(lambda: command("vocode", *line))
    said = [f"{tmp_path / name}: {ONE_LESS}" for name in ("a.npz", "c.npz")]
    assert sorted(str(each.message) for each in record) == said


def test_what_holds_for_all_files_is_said_once_and_of_none(command, tmp_path) -> None:
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", np.full((80, 12), -4, np.float32))
    line = (f"{tmp_path}/*.npy", "-o", tmp_path / "out", "--from", "hifigan-22k")
    record = shown(lambda: command("convert", *line))
    assert len(record) == 1 and str(record[0].message).startswith("hifigan-22k ends at 8000 Hz")
