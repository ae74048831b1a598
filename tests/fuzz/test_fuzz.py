"""A few hundred cases of every fuzz target; `python tests/fuzz TARGET --count N` runs as many as
wanted."""

from __future__ import annotations

import importlib

import pytest
from campaign import run_cases

TARGETS = {
    "model_files.ModelFiles": 250,
    "mel_files.MelFiles": 250,
    "sounds.Sounds": 60,
    "raw_frames.Pipes": 100,
    "arguments.Arguments": 100,
    "arrays.Arrays": 600,
}


@pytest.mark.parametrize(("target", "count"), TARGETS.items(), ids=TARGETS)
@pytest.mark.filterwarnings("ignore")  # of h5py and torch, when hostile files are made
@pytest.mark.slow
def test_hostile_input_is_refused_in_one_line_or_used(target, count, tmp_path):
    for package in (
        ("soundfile", "h5py", "torch") if target in ("mel_files.MelFiles", "sounds.Sounds") else ()
    ):
        pytest.importorskip(package, reason="the extras [train,dev] bring it")
    module, name = target.split(".")
    outcomes = run_cases(getattr(importlib.import_module(module), name)(tmp_path), 0, count, seed=1)
    assert len(outcomes) > 1, outcomes  # neither refused all nor nothing
