"""Worker processes that leave Ctrl-C to their parent and do not outlive it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from wavehax.errors import ignore_import_warnings


@contextmanager
def worker_pool(jobs: int) -> Iterator[Executor]:
    """Yield a pool of `jobs` processes, which ends with the `with` block.

    At its end, tasks that have not begun are dropped."""
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start_worker) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ignore_import_warnings()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
