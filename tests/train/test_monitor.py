"""What a run leaves for TensorBoard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wavehax.train.config import load_config
from wavehax.train.loop import Trainer


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
