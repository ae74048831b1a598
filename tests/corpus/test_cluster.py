"""A corpus on a real cluster of two raylets, whose workers, driver and raylet are killed.

The cluster is started here, on the loopback interface; the tests of this file share it, and the
last of them leaves one raylet.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpora import write_mels
from processes import ENVIRONMENT

from wavehax.ray import Vocode
from wavehax.ray.rows import list_rows

pytest.importorskip("ray.data", reason="Ray is not installed: pip install 'wavehax[ray]'")
if not Path("/proc/self/stat").exists():
    pytest.skip("processes are found in /proc, which is not here", allow_module_level=True)

pytestmark = pytest.mark.slow

ROWS, FRAMES, SHARD_ROWS = 40, 20_000, 2
_RAY = {
    **ENVIRONMENT,
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",  # on a machine that is busy with other work
}
_START = "import sys; from ray.scripts.scripts import main; sys.exit(main())"


class Cluster:
    """Two raylets of one core each."""

    def __init__(self, folder: Path) -> None:
        self.address, self.client = (f"127.0.0.1:{_free_port()}" for _ in range(2))
        head = (
            "--head",
            f"--port={self.address.rpartition(':')[2]}",
            f"--ray-client-server-port={self.client.rpartition(':')[2]}",
            "--include-dashboard=false",
            f"--temp-dir={folder}",
        )
        self._folder = folder
        self._head = self._start(*head)
        self._await_port(self.address)
        self._second = self._start(f"--address={self.address}")
        while not raylets(self._second.pid):
            assert self._second.poll() is None, "the second raylet did not start"
            time.sleep(0.1)

    def _start(self, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-c", _START, "start", "--block", "--num-cpus=1"]
        command += ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000", *options]
        with open(self._folder / "start.log", "ab") as log:
            return subprocess.Popen(
                command, env=_RAY, cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )

    def _await_port(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        while True:
            assert self._head.poll() is None, (self._folder / "start.log").read_text()
            with contextlib.suppress(OSError):
                socket.create_connection((host, int(port)), 1).close()
                return
            time.sleep(0.1)

    def second_raylet(self) -> int:
        (pid,) = raylets(self._second.pid)
        return pid

    def busy_workers(self) -> list[int]:
        """Worker processes that have a task, of both raylets."""
        nodes = raylets(self._head.pid) + raylets(self._second.pid)
        return [pid for pid in _children(*nodes) if _command(pid).startswith("ray::Map")]

    def stop(self) -> None:
        for process in (self._second, self._head):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            for pid in _children(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def _children(*parents: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) in parents:
                found.append(int(stat.parent.name))
    return found


def raylets(parent: int) -> list[int]:
    return [pid for pid in _children(parent) if "raylet/raylet " in _command(pid)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("ray"))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def mels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mels(tmp_path_factory.mktemp("corpus"), ROWS, FRAMES)


@pytest.fixture(scope="module")
def expected(mels: Path, tiny_file: Path) -> dict[str, bytes]:
    """What this process makes of each row, without Ray."""
    vocode = Vocode(str(tiny_file))
    results = [vocode.of(row) for row in list_rows(str(mels), resynth=False)]
    return {result.id: result.audio for result in results if result.error is None}


class Run:
    """`wavehax corpus` as a process of its own."""

    def __init__(self, mels: Path, model: Path, output: Path, *options: str) -> None:
        command = [sys.executable, "-m", "wavehax", "corpus", str(mels), "-o", str(output)]
        command += ["--model", str(model), "--shard-rows", str(SHARD_ROWS), *options]
        self.output = output
        self._said = open(f"{output}.log", "a+")  # noqa: SIM115
        self.process = subprocess.Popen(
            command, env=_RAY, cwd=output.parent, stdout=self._said, stderr=self._said
        )

    def committed(self) -> dict[Path, int]:
        """Sound files of whole shards, and when they were written."""
        records = list((self.output / "unfinished").glob("*.jsonl"))
        lines = [json.loads(line) for path in records for line in path.read_text().splitlines()]
        paths = [self.output / line["audio_filepath"] for line in lines if not line["error"]]
        return {path: path.stat().st_mtime_ns for path in paths}

    def await_rows(self, count: int) -> dict[Path, int]:
        while len(done := self.committed()) < count:
            assert self.process.poll() is None, f"it ended too soon: {self.said()}"
            time.sleep(0.02)
        return done

    def end(self) -> int:
        return self.process.wait(timeout=120)

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read()


def written(output: Path) -> dict[str, bytes]:
    sound = output / "audio"
    paths = sound.rglob("*.flac")
    return {path.relative_to(sound).with_suffix("").as_posix(): path.read_bytes() for path in paths}


def test_map_batches_takes_the_class_and_gives_the_same_samples(
    cluster, mels, tiny_file, expected, tmp_path
):
    code = (
        "import sys, json, ray, ray.data, wavehax.ray\n"
        f"ray.init({cluster.address!r}, log_to_driver=False)\n"
        "context = ray.data.DataContext.get_current()\n"
        "rows = ray.data.from_items(json.load(sys.stdin), override_num_blocks=4)\n"
        "done = rows.map_batches(wavehax.ray.Vocode, fn_constructor_args=[sys.argv[1]],\n"
        "    batch_size=4, num_cpus=1, compute=ray.data.ActorPoolStrategy(size=2))\n"
        "done.write_parquet(sys.argv[2])\n"
    )
    rows = [
        {"id": row.id, "path": row.path}
        for row in list_rows(str(mels), resynth=False)[:9]
        if row.id in expected
    ]
    command = [sys.executable, "-c", code, str(tiny_file), str(tmp_path / "out")]
    done = subprocess.run(
        command, input=json.dumps(rows), env=_RAY, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "out")
    sound = dict(zip(table["id"].to_pylist(), table["audio"].to_pylist(), strict=True))
    assert sound == {row["id"]: expected[row["id"]] for row in rows}


def test_a_driver_that_is_killed_loses_nothing_and_resume_repeats_nothing(
    cluster, mels, tiny_file, expected, tmp_path
):
    address = ("--address", cluster.address)
    run = Run(mels, tiny_file, tmp_path / "out", *address)
    run.await_rows(6)
    run.process.kill()
    run.process.wait()
    before = run.committed()
    assert 6 <= len(before) < ROWS
    run = Run(mels, tiny_file, tmp_path / "out", *address, "--resume")
    assert run.end() == 1
    assert written(run.output) == expected
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert " before)" in run.said()


def test_through_a_client_the_samples_are_those_of_one_process_and_failed_rows_are_told(
    cluster, mels, tiny_file, expected, tmp_path
):
    for attempt in range(3):  # on a busy machine Ray gives up before its own server has started
        output = tmp_path / f"out{attempt}"
        run = Run(mels, tiny_file, output, "--address", f"ray://{cluster.client}")
        assert run.end() == 1
        if "Starting Ray client server failed" not in run.said():
            break
    assert written(run.output) == expected
    assert f"{ROWS + 1} of {ROWS + 1} rows" in run.said() and "hours per core-hour" in run.said()
    assert "1 failed" in run.said() and "not a .npz file that can be read" in run.said()
    assert sorted(path.name for path in run.output.iterdir()) == [
        "audio", "corpus.json", "manifest.jsonl",
    ]  # fmt: skip


def test_a_worker_and_a_raylet_that_are_killed_lose_nothing_and_repeat_nothing(
    cluster, mels, tiny_file, expected, tmp_path
):
    run = Run(mels, tiny_file, tmp_path / "out", "--address", cluster.address)
    before = run.await_rows(4)
    while not (busy := cluster.busy_workers()):
        assert run.process.poll() is None
    os.kill(busy[0], signal.SIGKILL)
    before |= run.await_rows(10)
    os.kill(cluster.second_raylet(), signal.SIGKILL)
    before |= run.committed()
    assert len(before) < ROWS
    assert run.end() == 1
    assert written(run.output) == expected
    assert {path: path.stat().st_mtime_ns for path in before} == before
    manifest = (run.output / "manifest.jsonl").read_text().splitlines()
    assert len(manifest) == ROWS + 1
    assert not (run.output / "unfinished").exists()
