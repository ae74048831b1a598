"""Works through many files: which inputs there are, where each result goes, how they are done."""

from __future__ import annotations

import functools
import glob
import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wavehax.errors import EXPECTED_ERRORS, UsageError, naming, printable, report, say
from wavehax.files.outputs import exit_now
from wavehax.files.progress import Progress

_Result = TypeVar("_Result")


@dataclass
class Inputs:
    """Files to work on, in order."""

    paths: list[Path]
    root: Path
    """The folder below which their results are put as they are below it."""


def expand(patterns: Sequence[str]) -> Inputs:
    """Replace patterns (also `**`) by their sorted matches.

    The root is the deepest folder above all paths and above the first wildcard of each pattern. So
    it does not depend on which files match.

    Raises:
        UsageError: a pattern matches nothing.
    """
    paths: list[Path] = []
    roots: list[Path] = []
    for pattern in patterns:
        is_pattern = glob.has_magic(pattern) and not Path(pattern).exists()
        matches = sorted(glob.glob(pattern, recursive=True)) if is_pattern else []
        if is_pattern and not matches:
            raise UsageError(f"{pattern}: no such file, nor one that it matches as a pattern")
        paths += [Path(match) for match in matches] or [Path(pattern)]
        fixed = itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts)
        roots.append(Path(*fixed) if matches else Path(pattern).parent)
    return Inputs(paths, Path(os.path.commonpath([os.path.abspath(root) for root in roots])))


def output_paths(inputs: Inputs, output: str, suffix: str) -> list[Path]:
    """Where the result of each input goes.

    That is `output` for one input, unless it is a folder. Otherwise it is the place below `output`
    that the input has below `inputs.root`, with the suffix `suffix`.

    Raises:
        UsageError: several inputs and a file, or two inputs with the same result.
        OSError: a folder cannot be made.
    """
    folder = Path(output)
    if len(inputs.paths) == 1 and not folder.is_dir() and not output.endswith("/"):
        return [folder]
    if (folder.exists() and not folder.is_dir()) or folder.suffix.lower() == suffix:
        raise UsageError(f"-o {output}: expected a folder for {len(inputs.paths)} inputs")
    outputs = [
        folder / os.path.relpath(path.parent, inputs.root) / f"{path.stem}{suffix}"
        for path in inputs.paths
    ]
    made_from: dict[Path, Path] = {}
    for path, result in zip(inputs.paths, outputs, strict=True):
        if result in made_from:
            raise UsageError(f"{made_from[result]} and {path} would both become {result}")
        made_from[result] = path
    for parent in {path.parent for path in outputs}:
        parent.mkdir(parents=True, exist_ok=True)
    return outputs


def pairs(
    inputs: Inputs, output: str, suffix: str, *, force: bool = False, resume: bool = False
) -> list[tuple[Path, Path]]:
    """Each input with its output; with `resume`, those whose output is missing.

    Raises:
        UsageError, OSError: as `output_paths`.
        FileExistsError: some of several outputs exist, and neither `force` nor `resume` is set.
    """
    both = list(zip(inputs.paths, output_paths(inputs, output, suffix), strict=True))
    done = [result for _, result in both if result.is_file()]
    if resume:
        say(f"{len(done)} of {len(both)} are done already")
        return [pair for pair in both if not pair[1].is_file()]
    if done and len(both) > 1 and not force:
        raise FileExistsError(
            f"{done[0]}: exists already, one of {len(done)} such outputs of {len(both)};"
            " --resume skips them, --force replaces them"
        )
    return both


def run(work: Callable[[Path, Path], None], pairs: Sequence[tuple[Path, Path]], jobs: int) -> int:
    """Call `work(input, output)` for every pair, `jobs` at a time.

    Each pair that fails gives one line on standard error.

    The process ends at once, with exit code 130, where it is interrupted.

    Returns:
        the exit code, 1 if any failed and otherwise 0.

    Raises:
        BaseException: as `collect`.
    """
    with ThreadPoolExecutor(jobs) as pool:
        try:
            results = collect(
                pool, functools.partial(_done, work), pairs, [str(path) for path, _ in pairs]
            )
        except KeyboardInterrupt:
            exit_now(130)
    return 0 if all(results) else 1


def alone(work: Callable[[], None]) -> None:
    """Call `work()`; the process ends at once, with exit code 130, where it is interrupted.

    Raises:
        BaseException: what `work` raises.
    """
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(work).result()
        except KeyboardInterrupt:
            exit_now(130)


def _done(work: Callable[[Path, Path], None], source: Path, output: Path) -> bool:
    work(source, output)
    return True


def _named(name: str, work: Callable[..., _Result], *task: Any) -> _Result:
    with naming(printable(name)):
        return work(*task)


def collect(
    pool: Executor, work: Callable[..., _Result], tasks: Sequence[tuple], names: Sequence[str]
) -> list[_Result | None]:
    """Call `work(*task)` for every task in the pool.

    Each task that fails gives one line on standard error, with its name, which warnings have too.

    Returns:
        the results in the order of the tasks, None for each that failed.

    Raises:
        BaseException: the first one that is none of EXPECTED_ERRORS, once all other tasks are done.
    """
    results: list[_Result | None] = [None] * len(tasks)
    unexpected: BaseException | None = None
    bar = Progress(len(tasks), logged=False)
    bar.show(0)
    futures = {pool.submit(_named, names[i], work, *task): i for i, task in enumerate(tasks)}
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
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        bar.clear()
    if unexpected is not None:
        raise unexpected
    return results
