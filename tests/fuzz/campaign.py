"""Many cases of a fuzz target in a process of its own: what crashes, hangs, leaks or raises is
named by its number."""

from __future__ import annotations

import collections
import faulthandler
import multiprocessing
import resource
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 60
"""Limit of one case; a longer one counts as a hang."""

Case = Callable[[np.random.Generator], str]


def run_cases(case: Case, first: int, count: int, seed: int) -> collections.Counter[str]:
    """Outcomes of the cases `first` .. `first + count - 1`.

    Each depends only on `seed` and its number."""
    outcomes: collections.Counter[str] = collections.Counter()
    for number in range(first, first + count):
        outcomes[case(np.random.default_rng([seed, number]))] += 1
    return outcomes


def run(make_case: Callable[[Path], Case], count: int, seed: int, first: int = 0) -> bool:
    """Run a campaign and print its outcomes; the cases behind one that fails are run in a new
    process."""
    context = multiprocessing.get_context("spawn")
    start, failures, outcomes, peak = time.monotonic(), 0, collections.Counter(), 0
    at, last = first, first + count
    while at < last:
        number, results = context.Value("q", at), context.SimpleQueue()
        process = context.Process(target=_work, args=(make_case, at, last, seed, number, results))
        process.start()
        process.join()
        while not results.empty():
            done, peak_of_process = results.get()
            outcomes.update(done)
            peak = max(peak, peak_of_process)
        at = last
        if process.exitcode:
            failures += 1
            at = number.value + 1
            print(
                f"FAILED: case {number.value} of seed {seed}, exit code {process.exitcode}",
                flush=True,
            )
    shown = ", ".join(f"{name} {n:,}" for name, n in outcomes.most_common())
    print(
        f"{count:,} cases in {time.monotonic() - start:.0f} s, {failures} failed: {shown}; peak"
        f" {peak >> 10} MB"
    )
    return failures == 0


def _work(make_case: Any, first: int, last: int, seed: int, number: Any, results: Any) -> None:
    faulthandler.enable()
    outcomes: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        case = make_case(Path(folder))
        try:
            for number.value in range(first, last):
                faulthandler.dump_traceback_later(SECONDS, exit=True)
                outcomes[case(np.random.default_rng([seed, number.value]))] += 1
        except BaseException:
            traceback.print_exc(chain=False)
            raise SystemExit(1) from None
        finally:
            faulthandler.cancel_dump_traceback_later()
            results.put((outcomes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
