"""Checkpoints: whole or absent, in small pieces, and data alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from wavehax.train.state import flatten, load_state, newest, save_state, unflatten


def saved(folder: Path, step: int = 3, keep: int = 2) -> Path:
    return save_state(
        folder, step, {"a": torch.arange(5.0), "b": torch.ones(2, 3)}, {"seconds": 1.5}, keep
    )


def test_a_checkpoint_gives_back_what_was_saved(tmp_path: Path) -> None:
    tensors, values = load_state(saved(tmp_path))
    assert values == {"seconds": 1.5, "step": 3}
    assert torch.equal(tensors["a"], torch.arange(5.0)) and torch.equal(
        tensors["b"], torch.ones(2, 3)
    )


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (9, 10, 100, 99):
        saved(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000099", "step-00000100"]
    assert newest(tmp_path).name == "step-00000100"


def test_pieces_stay_below_16_megabytes(tmp_path: Path) -> None:
    tensors = {str(i): torch.zeros(1_000_000 + i) for i in range(9)}  # 4 MB each
    tensors["view"] = torch.zeros(10_000_000)[:10]  # of a storage that is not written
    path = save_state(tmp_path, 1, tensors, {}, 1)
    sizes = [piece.stat().st_size for piece in path.glob("*.pt")]
    assert max(sizes) < 16_000_000 and sum(sizes) < 37_000_000
    assert load_state(path)[0].keys() == tensors.keys()


def test_a_checkpoint_cut_short_by_a_kill_is_not_the_newest(tmp_path: Path) -> None:
    whole = saved(tmp_path, 3)
    (tmp_path / "step-00000004.tmp").mkdir()
    (tmp_path / "step-00000004.tmp" / "index.json").write_text("{}")
    assert newest(tmp_path) == whole
    saved(tmp_path, 5)
    assert not (tmp_path / "step-00000004.tmp").exists()


def test_a_kill_while_an_old_checkpoint_is_removed_leaves_whole_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_one_file_and_die(folder: Path, **_: object) -> None:
        if folder.is_dir():
            next(folder.glob("*.pt")).unlink()
            raise KeyboardInterrupt

    saved(tmp_path, 1)
    saved(tmp_path, 2)
    monkeypatch.setattr("wavehax.train.state.shutil.rmtree", remove_one_file_and_die)
    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path, 3)
    for path in tmp_path.glob("step-????????"):
        load_state(path)
    assert newest(tmp_path).name == "step-00000003"


def test_saving_a_step_again_leaves_its_checkpoint_alone(tmp_path: Path) -> None:
    written = (saved(tmp_path) / "000.pt").stat()
    assert (saved(tmp_path) / "000.pt").stat() == written


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert newest(tmp_path) is None and newest(tmp_path / "missing") is None


@pytest.mark.parametrize(
    "damage", ["half", "garbage", "empty", "lost", "index", "list", "other tensors", "no tensors"]
)
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = saved(tmp_path)
    piece, index = path / "000.pt", path / "index.json"
    whole = piece.read_bytes()
    if damage == "lost":
        index.write_text(json.dumps({"tensors": {"a": 0, "b": 0, "c": 0}}))
    elif damage == "index":
        index.write_text(index.read_text()[:-9])
    elif damage == "list":
        index.write_text("[1]")
    elif damage == "other tensors":
        torch.save({"a": torch.zeros(1), "x": torch.zeros(1)}, piece)
    elif damage == "no tensors":
        torch.save({"a": 1, "b": 2}, piece)
    else:
        piece.write_bytes(
            {"half": whole[: len(whole) // 2], "garbage": b"garbage" * 99, "empty": b""}[damage]
        )
    with pytest.raises(ValueError, match="damaged") as error:
        load_state(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_an_optimizer_state_survives_being_flattened() -> None:
    state = {
        0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2)},
        11: {"step": torch.tensor(4.0)},
    }
    read = unflatten(
        "optimizer",
        flatten("optimizer", state) | flatten("optimizer_2", {0: {"step": torch.zeros(1)}}),
    )
    assert read.keys() == state.keys()
    assert torch.equal(read[0]["exp_avg"], torch.ones(2)) and torch.equal(
        read[11]["step"], torch.tensor(4.0)
    )
