"""What a run leaves for TensorBoard."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from wavehax.train import run
from wavehax.train.load import load_config
from wavehax.train.loop import Trainer


@pytest.mark.slow
def test_scalars_sounds_and_pictures_are_written(
    write_config: Callable[..., Path], prepared: Path, tmp_path: Path
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monitor = {"every_steps": 5, "segments": 2, "validation": str(prepared)}
    config = load_config(write_config(tmp_path, monitor=monitor, max_steps=10))
    Trainer(config).run()
    events = accumulator.EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    tags = events.Tags()
    assert {"mel", "adversarial", "learning_rate", "sample/mel_l1"} <= set(tags["scalars"])
    assert [event.step for event in events.Scalars("sample/mel_l1")] == [5, 10]
    assert set(tags["audio"]) == set(tags["images"]) == {"sample/0", "sample/1"}
    sound, picture = events.Audio("sample/0")[0], events.Images("sample/0")[0]
    assert sound.sample_rate == 24000 and sound.length_frames == picture.width * 256 - 256
    assert picture.height == 200


def test_a_missing_validation_folder_is_refused_before_anything_is_loaded(
    write_config: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_reached(*arguments: object) -> None:
        raise AssertionError("a trainer was made")

    monkeypatch.setattr("wavehax.train.loop.Trainer", not_reached)
    path = write_config(tmp_path, monitor={"every_steps": 5, "validation": str(tmp_path / "none")})
    with pytest.raises(FileNotFoundError, match=r"none.manifest\.json: missing"):
        run(str(path))
    # without samples there is no need of it
    with pytest.raises(AssertionError, match="a trainer was made"):
        run(str(path), "monitor.every_steps=0")


@pytest.mark.slow
def test_rows_of_a_log_with_other_columns_are_kept(
    write_config: Callable[..., Path], tmp_path: Path
) -> None:
    config = write_config(tmp_path, max_steps=8)
    run(str(config))
    log = tmp_path / "run" / "log.csv"
    header, *rows = [line.split(",") for line in log.read_text().splitlines()]
    left = [i for i, name in enumerate(header) if name != "win_rate"]
    log.write_text("".join(",".join(row[i] for i in left) + "\n" for row in [header, *rows]))
    run(str(config), "max_steps=9")
    with log.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["step"] for row in found] == [str(step) for step in range(1, 10)]
    assert [row["mel"] for row in found[:8]] == [row[header.index("mel")] for row in rows]
