"""Many files at once: which inputs, where each result goes, and how they are worked through."""

from __future__ import annotations

import functools
import glob
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

from wavehax.errors import EXPECTED_ERRORS, UsageError, report
from wavehax.files.progress import Progress

_Result = TypeVar("_Result")


def expand(patterns: Sequence[str]) -> list[Path]:
    """Paths as given, and sorted matches of patterns (also `**`); what matches nothing stays, and
    fails when read."""
    paths: list[Path] = []
    for pattern in patterns:
        is_pattern = glob.has_magic(pattern) and not Path(pattern).exists()
        matches = sorted(glob.glob(pattern, recursive=True)) if is_pattern else []
        paths += [Path(match) for match in matches] or [Path(pattern)]
    return paths


def output_paths(inputs: Sequence[Path], output: str, suffix: str) -> list[Path]:
    """Where each input's result goes: `output` itself for one input, `output/<stem><suffix>` where
    that is a folder.

    Raises:
        UsageError: several inputs and a file, or two inputs with the same result.
        OSError: the folder cannot be made.
    """
    folder = Path(output)
    if len(inputs) == 1 and not folder.is_dir() and not output.endswith("/"):
        return [folder]
    if (folder.exists() and not folder.is_dir()) or folder.suffix.lower() == suffix:
        raise UsageError(f"-o {output}: expected a folder for {len(inputs)} inputs")
    outputs = [folder / f"{path.stem}{suffix}" for path in inputs]
    made_from: dict[Path, Path] = {}
    for path, result in zip(inputs, outputs, strict=True):
        if result in made_from:
            raise UsageError(f"{made_from[result]} and {path} would both become {result}")
        made_from[result] = path
    folder.mkdir(parents=True, exist_ok=True)
    return outputs


def run(work: Callable[[Path, Path], None], pairs: Sequence[tuple[Path, Path]], jobs: int) -> int:
    """Call `work(input, output)` for every pair, `jobs` at a time; one line on standard error for
    each that fails.

    Returns:
        the exit code: 0, or 1 if any failed.

    Raises:
        BaseException: as `collect`.
    """
    with ThreadPoolExecutor(jobs) as pool:
        results = collect(
            pool, functools.partial(_done, work), pairs, [str(path) for path, _ in pairs]
        )
    return 0 if all(results) else 1


def _done(work: Callable[[Path, Path], None], source: Path, output: Path) -> bool:
    work(source, output)
    return True


def collect(
    pool: Executor, work: Callable[..., _Result], tasks: Sequence[tuple], names: Sequence[str]
) -> list[_Result | None]:
    """Call `work(*task)` for every task in the pool; one line on standard error, with its name, for
    each that fails.

    Returns:
        what the calls returned, in the order of the tasks; None for those that failed.

    Raises:
        BaseException: the first one that is none of EXPECTED_ERRORS, when all other tasks are done.
    """
    results: list[_Result | None] = [None] * len(tasks)
    unexpected: BaseException | None = None
    bar = Progress(len(tasks), logged=False)
    bar.show(0)
    futures = {pool.submit(work, *task): i for i, task in enumerate(tasks)}
    try:
        for done, future in enumerate(as_completed(futures), 1):
            error = future.exception()
            if error is None:
                results[futures[future]] = future.result()
            else:
                if unexpected is None and not isinstance(error, EXPECTED_ERRORS):
                    unexpected = error
                bar.clear()
                report(error, names[futures[future]])
            bar.show(done)
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        bar.clear()
    if unexpected is not None:
        raise unexpected
    return results
