"""The command line: `wavehax <command>`, from its arguments to an exit code."""

from __future__ import annotations

import argparse
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import wavehax
from wavehax import batch, commands
from wavehax.batch import EXPECTED_ERRORS, UsageError
from wavehax.config import FEATURES, GENERATORS
from wavehax.errors import ModelError, ignore_import_warnings
from wavehax.locate import DEFAULT_MODEL, model_path
from wavehax.parsers import command_line
from wavehax.yamlfile import read_card


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of the process, and return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    ignore_import_warnings()
    try:
        if argv[:1] == ["train"]:
            return _train(argv[1:])
        if argv[:1] == ["evaluate"]:
            return _evaluate(argv[1:])
        arguments = command_line().parse_args(argv)
        return _COMMANDS[arguments.command](arguments)
    except UsageError as error:
        batch.report(error)
        return 2
    except BrokenPipeError:  # whoever read the output has had enough
        return 1
    except KeyboardInterrupt:
        return 130
    except EXPECTED_ERRORS as error:
        batch.report(error)
        return 1


def _vocode(arguments: argparse.Namespace) -> int:
    _check_stream(arguments)
    if "-" in arguments.inputs or arguments.output == "-":
        return _vocode_pipe(arguments)
    return _each(arguments, commands.vocode_file, ".wav")


def _vocode_pipe(arguments: argparse.Namespace) -> int:
    if len(arguments.inputs) != 1:
        raise UsageError(
            f"- stands for one input or output, and there are {len(arguments.inputs)} inputs"
        )
    if arguments.inputs == ["-"] and arguments.features:
        raise UsageError(
            f"--features {arguments.features}: frames on standard input are not converted, files"
            " are"
        )
    if arguments.inputs == ["-"] and isinstance(arguments.f0, Path):
        raise UsageError(
            "--f0: with frames on standard input it is a number of Hz or mel, or comes with each"
            " frame"
        )
    voc = wavehax.load(arguments.model, isa=arguments.isa, precision=arguments.precision)
    if arguments.inputs == ["-"]:
        blocks = commands.vocode_frames(voc, sys.stdin.buffer, arguments)
    else:
        blocks = commands.vocode_blocks(voc, Path(arguments.inputs[0]), arguments)
    if arguments.output == "-":
        _write_samples(blocks, arguments)
    else:
        commands.write_sound(voc, Path(arguments.output), blocks, arguments)
    return 0


def _write_samples(blocks: Iterable[np.ndarray], arguments: argparse.Namespace) -> None:
    try:
        commands.write_samples(sys.stdout.buffer, blocks, arguments)
    # send what is still buffered nowhere: the interpreter would fail on it once more when it ends
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _resynth(arguments: argparse.Namespace) -> int:
    _check_stream(arguments)
    return _each(arguments, commands.resynth_file, ".wav")


def _check_stream(arguments: argparse.Namespace) -> None:
    if not (arguments.stream or "-" in arguments.inputs):
        return
    if arguments.threads > 1:
        raise UsageError(
            f"--threads {arguments.threads}: frames that are streamed are one thread's work"
        )
    if arguments.peak is not None:
        raise UsageError(
            f"--peak {arguments.peak:g}: of frames that are streamed the peak is not known; --gain"
            " is"
        )


def _each(arguments: argparse.Namespace, work: Callable[..., None], suffix: str) -> int:
    """Work through all inputs with one loaded model."""
    inputs = batch.expand(arguments.inputs)
    if len(inputs) > 1 and isinstance(arguments.f0, Path):
        raise UsageError(f"--f0 {arguments.f0}: one file cannot be the F0 of {len(inputs)} inputs")
    voc = wavehax.load(arguments.model, isa=arguments.isa, precision=arguments.precision)
    pairs = list(zip(inputs, batch.output_paths(inputs, arguments.output, suffix), strict=True))
    return batch.run(functools.partial(work, voc, arguments), pairs, arguments.jobs)


def _features(arguments: argparse.Namespace) -> int:
    features = (
        FEATURES[arguments.features]
        if arguments.features
        else wavehax.load(arguments.model).features
    )
    inputs = batch.expand(arguments.inputs)
    pairs = list(zip(inputs, batch.output_paths(inputs, arguments.output, ".npz"), strict=True))
    return batch.run(
        functools.partial(commands.features_file, features, arguments), pairs, arguments.jobs
    )


def _info(arguments: argparse.Namespace) -> int:
    print(commands.describe(arguments.model, arguments.isa, arguments.precision))
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from wavehax import bench
    from wavehax.errors import optional_module
    from wavehax.files import refuse_existing
    from wavehax.vocoder import Vocoder

    if arguments.json:
        refuse_existing(arguments.json, arguments.force)
    if arguments.peers:
        optional_module("torch", "the comparison with PyTorch", "wavehax[bench]")
        from wavehax import bench_peers
    cases, vocoders = [], []
    for name in arguments.models or [DEFAULT_MODEL, *GENERATORS]:
        model = bench.named_model(name)
        for isa in arguments.isa or ["auto"]:
            for precision in arguments.precision or wavehax.available_precisions(isa):
                voc = Vocoder(model, isa=isa, precision=precision)
                vocoders.append((name, voc))
                cases += bench.model_cases(
                    name,
                    voc,
                    arguments.stream,
                    arguments.threads,
                    arguments.seconds,
                    arguments.voices,
                )
        cases += bench_peers.model_peers(name, model, arguments.seconds) if arguments.peers else []
    cases += bench_peers.other_vocoders(arguments.seconds) if arguments.peers else []
    rows = bench.measure(cases, arguments.repeats)
    profiles = [
        bench.stages(name, voc, arguments.repeats, arguments.seconds) for name, voc in vocoders
    ]
    print(
        f"{bench.processor_name()}, {arguments.seconds:g} s of sound, median of {arguments.repeats}"
    )
    print(bench.table(rows, profiles))
    if arguments.json:
        bench.write_json(arguments.json, rows, profiles, arguments.force)
    return 0


def _import_official(arguments: argparse.Namespace) -> int:
    from wavehax.checkpoint import save_model
    from wavehax.files import refuse_existing
    from wavehax.official import import_official

    refuse_existing(arguments.output, arguments.force)
    try:
        model = import_official(
            arguments.checkpoint, arguments.config, arguments.stats, arguments.features
        )
    except ModelError as error:
        batch.report(error, str(arguments.checkpoint))
        return 1
    save_model(arguments.output, model, overwrite=arguments.force)
    return 0


def _train(argv: list[str]) -> int:
    try:
        return importlib.import_module("wavehax.train").main(argv) or 0
    except ModuleNotFoundError as error:
        if error.name is None:  # of `optional_module`, which says what is missing
            raise
        raise ModuleNotFoundError(
            f"training needs {error.name}: pip install 'wavehax[train]'"
        ) from error


def _evaluate(argv: list[str]) -> int:
    return importlib.import_module("wavehax.evaluate.command").main(argv)


def _package(arguments: argparse.Namespace) -> int:
    try:
        from wavehax.train import export
        from wavehax.train.state import checkpoint_of
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"packaging needs {error.name}: pip install 'wavehax[train]'"
        ) from error
    card = _card(arguments.card, {"training": "is taken from the checkpoint"})
    checkpoint = checkpoint_of(arguments.run_dir)
    f0_from = model_path(arguments.f0) if arguments.f0 else None
    export.export(checkpoint, arguments.output, card, f0_from=f0_from, force=arguments.force)
    return 0


def _average(arguments: argparse.Namespace) -> int:
    from wavehax.average import average, check_weights

    try:
        check_weights(arguments.weights, len(arguments.models))
    except ValueError as error:
        raise UsageError(str(error)) from error
    card = _card(arguments.card, {"average": "is the models and their weights"})
    options = {"data": arguments.data, "card": card, "force": arguments.force}
    average(arguments.models, arguments.weights, arguments.output, **options)
    return 0


def _card(path: Path | None, reserved: dict[str, str]) -> dict[str, Any]:
    """What the file of --card says, where one is given."""
    return read_card(path, reserved) if path else {}


def _export(arguments: argparse.Namespace) -> int:
    try:
        from wavehax.export.onnx import export_onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"export needs {error.name}: pip install 'wavehax[onnx]'"
        ) from error
    options = {
        "streaming": arguments.streaming,
        "f0_from_mel": arguments.f0 is not None,
        "force": arguments.force,
    }
    export_onnx(model_path(arguments.model), arguments.output, **options)
    return 0


def _train_f0(arguments: argparse.Namespace) -> int:
    try:
        from wavehax.train import f0
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"training needs {error.name}: pip install 'wavehax[train]'"
        ) from error
    options = {name: getattr(arguments, name) for name in ("steps", "seed", "threads", "force")}
    f0.add_predictor(model_path(arguments.model), arguments.data, arguments.output, **options)
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "vocode": _vocode,
    "resynth": _resynth,
    "features": _features,
    "info": _info,
    "bench": _bench,
    "import-official": _import_official,
    "train": lambda _: _train([]),  # where something else, such as --, is before it
    "train-f0": _train_f0,
    "package": _package,
    "average": _average,
    "export": _export,
    "evaluate": lambda _: _evaluate([]),
}
