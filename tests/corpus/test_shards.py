"""Shards are whole or absent, and what was committed is neither lost nor made again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from corpora import checksums, members

from wavehax.ray import Vocode
from wavehax.ray.deaths import MOST_DEATHS, Deaths
from wavehax.ray.rows import Row, list_rows
from wavehax.ray.shards import Output, shard_name


class Killed(BaseException):
    """A process that is killed runs no `except` of ours: this passes them all."""


def run(output: Output, rows: list[Row], vocode, count: int, die_after: int = 10**9) -> list[dict]:
    """A corpus without Ray, which is killed after so many rows; the lines of failed rows."""
    done = output.begin({"model": "tiny"}, resume=output.root.exists())
    made = 0

    def work(row: Row):
        nonlocal made
        made += 1
        if made > die_after:
            raise Killed
        return vocode.of(row)

    for number, start in enumerate(range(0, len(rows), count)):
        left = [row for row in rows[start : start + count] if row.id not in done]
        if left:
            output.write(shard_name(number, left), (work(row) for row in left))
    return output.finish([row.id for row in rows])


@pytest.fixture
def rows(mels: Path) -> list[Row]:
    return list_rows(str(mels), resynth=False)


@pytest.fixture
def vocode(tiny_file: Path) -> Vocode:
    return Vocode(str(tiny_file))


def form_or_skip(form: str) -> str:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    return form


@pytest.mark.parametrize("form", ["files", "parquet", "tar"])
def test_a_run_that_is_killed_and_resumed_gives_the_same_bytes(tmp_path, rows, vocode, form):
    form_or_skip(form)
    run(Output(str(tmp_path / "whole"), form), rows, vocode, 2)
    killed = Output(str(tmp_path / "killed"), form)
    with pytest.raises(Killed):
        run(killed, rows, vocode, 2, die_after=3)
    kept = {path: path.stat().st_mtime_ns for path in killed.sound.rglob("*") if path.is_file()}
    assert kept and killed.unfinished.is_dir()
    run(killed, rows, vocode, 2)
    assert checksums(killed.root) == checksums(tmp_path / "whole")
    if form != "files":  # of files, the one after the last whole shard may be made again
        assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_rows_of_whole_shards_are_not_made_again(tmp_path, rows, vocode):
    output = Output(str(tmp_path / "out"))
    with pytest.raises(Killed):
        run(output, rows, vocode, 2, die_after=5)
    asked = []

    class Spy:
        def of(self, row: Row):
            asked.append(row.id)
            return vocode.of(row)

    run(output, rows, Spy(), 2)
    assert asked == [row.id for row in rows[4:]]


def test_only_failed_rows_are_made_again_and_then_have_no_error(tmp_path, rows, mels, vocode):
    output = Output(str(tmp_path / "out"), form_or_skip("parquet"))
    import pyarrow.parquet as pq

    (failed,) = run(output, rows, vocode, 3)
    assert failed["id"] == "broken" and "not a .npz file" in failed["error"]
    table = pq.read_table(output.sound)
    errors = dict(zip(table["id"].to_pylist(), table["error"].to_pylist(), strict=True))
    assert errors == {row.id: failed["error"] if row.id == "broken" else None for row in rows}
    (mels / "broken.npz").write_bytes((mels / "000.npz").read_bytes())
    before = checksums(output.sound)
    assert run(output, rows, vocode, 3) == []
    table = pq.read_table(output.sound)
    assert sorted(table["id"].to_pylist()) == sorted(row.id for row in rows)
    assert table["error"].null_count == len(rows)
    assert {**before, **checksums(output.sound)}.items() >= {
        name: value for name, value in before.items() if name != "failed.parquet"
    }.items()


def test_a_shard_of_failed_rows_alone_is_tried_again(tmp_path, rows, mels, vocode):
    output = Output(str(tmp_path / "out"))
    with pytest.raises(Killed):
        run(output, rows, vocode, 1, die_after=5)  # "broken" is the fifth row
    (mels / "broken.npz").write_bytes((mels / "000.npz").read_bytes())
    assert run(output, rows, vocode, 1) == []


def test_a_row_whose_sound_was_removed_is_made_again(tmp_path, rows, vocode):
    output = Output(str(tmp_path / "out"))
    run(output, rows, vocode, 3)
    whole = checksums(output.root)
    (output.sound / "001.flac").unlink()
    run(output, rows, vocode, 3)
    assert checksums(output.root) == whole


def test_a_shard_without_its_record_is_made_again_and_not_twice(tmp_path, rows, vocode):
    output = Output(str(tmp_path / "out"), "tar")
    with pytest.raises(Killed):
        run(output, rows, vocode, 2, die_after=4)
    record = sorted(output.unfinished.glob("*.jsonl"))[0]
    record.unlink()  # killed between the shard and its record
    run(output, rows[2:], vocode, 2)  # of another input, so that its shards have other names
    keys = [key for path in output.sound.iterdir() for key in members(path)]
    assert len(keys) == len(set(keys)) == 3 * (len(rows[2:]) - 1)


def test_the_manifest_has_a_line_for_every_row_in_order(tmp_path, rows, vocode):
    output = Output(str(tmp_path / "out"))
    run(output, rows, vocode, 2)
    lines = [json.loads(line) for line in (output.root / "manifest.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [row.id for row in rows]
    for line in lines:
        assert (line["error"] is None) == (
            output.root / line.get("audio_filepath", "none")
        ).exists()
    assert sorted(path.name for path in output.root.iterdir()) == [
        "audio", "corpus.json", "manifest.jsonl",
    ]  # fmt: skip


def test_a_manifest_is_a_corpus_again(tmp_path, rows, vocode):
    output = Output(str(tmp_path / "out"))
    run(output, rows[:4], vocode, 2)
    again = list_rows(str(output.root / "manifest.jsonl"), resynth=True)
    assert [row.id for row in again] == [row.id for row in rows[:4]]


def test_a_tar_is_one_of_webdataset(tmp_path, rows, vocode):
    output = Output(str(tmp_path / "out"), "tar")
    rows = [Row("a.b/c.d", rows[0].path), Row("a.b/c_d", rows[0].path)]
    run(output, rows, vocode, 2)
    (path,) = output.sound.iterdir()
    groups: dict[str, list[str]] = {}
    for name in members(path):
        folder, _, base = name.rpartition("/")
        key, _, extension = base.partition(".")  # as webdataset splits names
        groups.setdefault(f"{folder}/{key}", []).append(extension)
    assert list(groups.values()) == [["flac", "f0.npy", "json"]] * 2


def test_an_output_with_other_settings_or_without_resume_is_refused(tmp_path):
    output = Output(str(tmp_path / "out"))
    output.begin({"seed": 0, "model": None}, resume=False)
    with pytest.raises(FileExistsError, match="--resume"):
        output.begin({"seed": 0, "model": None}, resume=False)
    with pytest.raises(ValueError, match="was made with seed 0, not 1: choose another folder"):
        output.begin({"seed": 1, "model": None}, resume=True)


def test_without_ray_the_command_says_what_to_install(command, mels, tmp_path, monkeypatch):
    for name in ("ray", "ray.data"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    code, _, said = command("corpus", mels, "-o", tmp_path / "out")
    assert (code, said) == (1, "wavehax: a corpus needs ray.data: pip install 'wavehax[ray]'\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("row_id", ["/etc/x", "../x", "a/../../x", "x" * 300, ""])
def test_an_id_that_would_leave_the_folder_is_an_error_of_its_row(tmp_path, rows, vocode, row_id):
    output = Output(str(tmp_path / "out"))
    (failed,) = run(output, [Row(row_id, rows[0].path), rows[0]], vocode, 2)
    assert failed["id"] == row_id and "expected" in failed["error"]
    assert [path.name for path in output.sound.rglob("*")] == ["000.flac"]


def test_a_row_on_which_workers_die_is_given_up_and_no_other(tmp_path, vocode, rows):
    def work(row: Row):
        if row.id == "001":
            raise Killed
        return vocode.of(row)

    path = tmp_path / "shard.begun"
    for _ in range(MOST_DEATHS):
        deaths = Deaths(path)
        with pytest.raises(Killed):
            for row in rows[:3]:
                assert deaths.watch(row, work).error is None
    deaths = Deaths(path)
    errors = [deaths.watch(row, work).error for row in rows[:3]]
    assert errors == [None, "the worker died 3 times on this row (out of memory?)", None]
