"""Processes that fork or are spawned after the engine was used, and interpreters without a global
lock."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import sysconfig
import threading
import time
import warnings

import numpy as np
import pytest
from long_utterance import wave_of, write_wave
from processes import run_python

import wavehax


@contextlib.contextmanager
def busy_threads(model_file):
    """Three threads that synthesise while the block runs."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            wave_of(model_file)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def forked(work) -> int:
    """The exit code of a child process that calls `work()`; killed, and -9, where it takes a
    minute."""
    with warnings.catch_warnings():
        # of Python 3.12: threads may hold locks. Ours hold none
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    for _ in range(600):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.1)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -9


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_goes_on_synthesising_even_where_other_threads_were_at_it(model_file):
    expected = wave_of(model_file)
    assert forked(lambda: wave_of(model_file) == expected) == 0
    with busy_threads(model_file):
        for _ in range(5):
            assert forked(lambda: wave_of(model_file) == expected) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_stream_that_another_thread_was_in_at_the_fork_is_refused_in_the_child(model_file):
    stream = wavehax.load(model_file).stream()
    mel, f0 = np.zeros((10, 100_000), np.float32), np.full(100_000, 100, np.float32)
    thread = threading.Thread(target=stream.push, args=(mel, f0))

    def refused() -> bool:
        try:
            stream.push(mel, f0)
        except RuntimeError as error:
            return "in use by another thread" in str(error)
        return False

    thread.start()
    while thread.is_alive() and not refused():
        pass
    assert thread.is_alive(), "the push was over too soon"
    assert forked(refused) == 0
    thread.join()


def test_a_spawned_process_synthesises_the_same_samples(model_file, tmp_path):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=write_wave, args=(model_file, tmp_path / "wave"))
    process.start()
    process.join(timeout=300)
    process.kill()
    assert process.exitcode == 0
    assert (tmp_path / "wave").read_bytes() == wave_of(model_file)


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this interpreter has a global lock"
)
def test_a_free_threaded_interpreter_takes_its_lock_back_and_says_so(tmp_path):
    done = run_python("import wavehax, sys; print(sys._is_gil_enabled())", tmp_path)
    assert done.stdout == "True\n" and "wavehax._engine" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="memory cannot be limited here")
def test_where_no_thread_can_be_had_the_samples_are_the_same(model_file, tmp_path):
    code = (
        "import resource, numpy, wavehax\n"
        f"voc = wavehax.load({str(model_file)!r})\n"
        "mel, f0 = numpy.zeros((10, 50_000), 'f'), numpy.full(50_000, 100, 'f')\n"
        "expected = voc(mel, f0)\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        # room for a dozen stacks
        "resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)\n"
        "print(numpy.array_equal(voc(mel, f0, threads=300), expected))"
    )
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc here")
    done = run_python(code, tmp_path)
    assert (done.stdout, done.stderr) == ("True\n", "")
