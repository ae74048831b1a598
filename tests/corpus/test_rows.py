"""Rows of folders, tables, manifests and tars."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from wavehax.ray.rows import list_rows


def ids(source: Path | str, resynth: bool = True) -> list[str]:
    return [row.id for row in list_rows(str(source), resynth)]


def test_files_of_a_folder_are_called_by_their_path_in_it_without_suffix(mels):
    assert ids(mels, resynth=False) == [
        "000", "001", "003", "004", "broken", "deep/002", "deep/005",
    ]  # fmt: skip


def test_a_manifest_of_nemo_gives_paths_beside_it_and_parts_where_it_has_offsets(tmp_path):
    lines = [
        {"audio_filepath": "wavs/a.wav", "duration": 3.1},
        {"audio_filepath": "/data/b.wav", "offset": 1.5, "duration": 2.0, "id": "second"},
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    first, second = list_rows(str(tmp_path / "m.jsonl"), True)
    assert (first.id, first.path) == ("wavs/a", str(tmp_path / "wavs/a.wav"))
    assert (first.start, first.duration) == (None, None)  # a duration alone cuts nothing off
    assert (second.id, second.path) == ("second", "/data/b.wav")
    assert (second.start, second.duration) == (1.5, 2.0)


def test_a_cut_of_lhotse_is_a_part_of_one_channel_of_its_recording(tmp_path):
    cut = {
        "id": "talk-7", "start": 12.25, "duration": 4.5, "channel": 1, "type": "MonoCut",
        "recording": {
            "id": "talk", "sampling_rate": 16000, "num_samples": 10, "duration": 60.0,
            "sources": [{"type": "file", "channels": [0, 1], "source": "talk.flac"}],
        },
    }  # fmt: skip
    with gzip.open(tmp_path / "cuts.jsonl.gz", "wt") as file:
        file.write(json.dumps(cut) + "\n")
    (row,) = list_rows(str(tmp_path / "cuts.jsonl.gz"), True)
    assert (row.id, row.path) == ("talk-7", str(tmp_path / "talk.flac"))
    assert (row.start, row.duration, row.channel) == (12.25, 4.5, 1)


def test_a_cut_that_runs_a_command_is_refused_and_the_command_not_run(tmp_path):
    source = {"type": "command", "channels": [0], "source": f"touch {tmp_path}/ran"}
    cut = {"id": "x", "duration": 1.0, "recording": {"sources": [source]}}
    (tmp_path / "cuts.jsonl").write_text(json.dumps(cut))
    with pytest.raises(ValueError, match=r"cuts\.jsonl: row 0: cut x: .* of type 'file'"):
        list_rows(str(tmp_path / "cuts.jsonl"), True)
    assert not (tmp_path / "ran").exists()


def test_csv_and_tsv_have_the_same_columns(tmp_path):
    (tmp_path / "a.csv").write_text("id,path\nx,1.wav\ny,2.wav\n")
    (tmp_path / "a.tsv").write_text("id\tpath\nx\t1.wav\ny\t2.wav\n")
    assert list_rows(str(tmp_path / "a.csv"), True) == list_rows(str(tmp_path / "a.tsv"), True)
    assert ids(tmp_path / "a.csv") == ["x", "y"]


def test_members_of_tars_are_read_from_where_they_lie(tmp_path):
    content = {}
    for shard in ("0", "1"):
        with tarfile.open(tmp_path / f"{shard}.tar", "w") as tar:
            for key in ("a", "b"):
                for suffix, data in ((".flac", f"{shard}{key}".encode() * 700), (".json", b"{}")):
                    member = tarfile.TarInfo(f"part{shard}/{key}{suffix}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                    content[f"part{shard}/{key}"] = content.get(f"part{shard}/{key}", data)
    rows = list_rows(str(tmp_path / "*.tar"), True)
    assert {row.id: row.content() for row in rows} == content
    assert [row.id for row in list_rows(str(tmp_path), True)] == [row.id for row in rows]


def test_cells_of_parquet_are_read_from_columns_bytes_and_audio_bytes(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    data = [f"{number}".encode() * 5 for number in range(7)]
    names = [f"row{number}" for number in range(7)]
    pq.write_table(pa.table({"id": names, "bytes": data}), tmp_path / "a.parquet", row_group_size=3)
    rows = list_rows(str(tmp_path / "a.parquet"), True)
    assert [row.id for row in rows] == names
    assert [row.content() for row in rows] == data
    audio = pa.array([{"bytes": x, "path": f"{n}.wav"} for n, x in zip(names, data, strict=True)])
    pq.write_table(pa.table({"audio": audio}), tmp_path / "b.parquet", row_group_size=4)
    rows = list_rows(str(tmp_path / "b.parquet"), True)
    assert [row.id for row in rows[3:5]] == ["b-0-3", "b-1-0"]
    assert [row.content() for row in rows] == data


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"path": "a.wav"}\n{"path"', r"a\.jsonl: line 2 is not JSON"),
        ("a.jsonl", '{"wav": "a.wav"}', r"a\.jsonl: row 0: has wav: expected one of path, "),
        ("a.csv", "id,path\nx,a.wav\nx,b.wav\n", r"a\.wav and .*b\.wav have the same id 'x'"),
        ("a.csv", "id,path\n", "there are no rows"),
        ("a.xml", "", r"a\.xml: unknown kind of input '\.xml'"),
    ],
)
def test_what_is_no_list_of_rows_is_refused_with_its_place(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        list_rows(str(tmp_path / name), True)


def test_a_folder_with_two_recordings_of_one_name_is_refused(tmp_path):
    for name in ("a.wav", "a.flac"):
        (tmp_path / name).write_bytes(np.zeros(4).tobytes())
    with pytest.raises(ValueError, match=r"a\.flac and .*a\.wav have the same id 'a'"):
        list_rows(str(tmp_path), True)
