"""The command line: `wavehax <command>`. Flags are the arguments of the Python interface by the same names.

Exit codes: 0 all well; 1 some input failed, with one line on standard error for each; 2 the arguments make no sense.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

import wavehax
from wavehax import arguments as types
from wavehax import batch, commands
from wavehax.adapters import LOGS
from wavehax.arguments import Parser
from wavehax.batch import EXPECTED_ERRORS, UsageError
from wavehax.config import FEATURES, GENERATORS
from wavehax.errors import ModelError, ignore_import_warnings
from wavehax.locate import DEFAULT_MODEL, model_path
from wavehax.vocoder import PRECISIONS


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of the process, and return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    ignore_import_warnings()
    try:
        if argv[:1] == ["train"]:
            return _train(argv[1:])
        if argv[:1] == ["evaluate"]:
            return importlib.import_module("wavehax.evaluate.command").main(argv[1:])
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
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
    _check_threads(arguments)
    if "-" in arguments.inputs or arguments.output == "-":
        return _vocode_pipe(arguments)
    return _each(arguments, commands.vocode_file, ".wav")


def _vocode_pipe(arguments: argparse.Namespace) -> int:
    if len(arguments.inputs) != 1:
        raise UsageError(f"- stands for one input or output, and there are {len(arguments.inputs)} inputs")
    if arguments.inputs == ["-"] and arguments.features:
        raise UsageError(f"--features {arguments.features}: frames on standard input are not converted, files are")
    if arguments.inputs == ["-"] and isinstance(arguments.f0, Path):
        raise UsageError("--f0: with frames on standard input it is a number of Hz or mel, or comes with each frame")
    voc = wavehax.load(arguments.model, isa=arguments.isa, precision=arguments.precision)
    if arguments.inputs == ["-"]:
        blocks = commands.vocode_frames(voc, sys.stdin.buffer, arguments)
    else:
        blocks = commands.vocode_blocks(voc, Path(arguments.inputs[0]), arguments)
    if arguments.output == "-":
        _write_samples(blocks)
    else:
        commands.write_sound(voc, Path(arguments.output), blocks, arguments)
    return 0


def _write_samples(blocks: Iterable[np.ndarray]) -> None:
    try:
        commands.write_pcm(sys.stdout.buffer, blocks)
    except OSError:  # send what is still buffered nowhere: the interpreter would fail on it once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _resynth(arguments: argparse.Namespace) -> int:
    _check_threads(arguments)
    return _each(arguments, commands.resynth_file, ".wav")


def _check_threads(arguments: argparse.Namespace) -> None:
    if arguments.threads > 1 and (arguments.stream or "-" in arguments.inputs):
        raise UsageError(f"--threads {arguments.threads}: frames that are streamed are one thread's work")


def _each(arguments: argparse.Namespace, work: Callable[..., None], suffix: str) -> int:
    """Work through all inputs with one loaded model."""
    inputs = batch.expand(arguments.inputs)
    if len(inputs) > 1 and isinstance(arguments.f0, Path):
        raise UsageError(f"--f0 {arguments.f0}: one file cannot be the F0 of {len(inputs)} inputs")
    voc = wavehax.load(arguments.model, isa=arguments.isa, precision=arguments.precision)
    pairs = list(zip(inputs, batch.output_paths(inputs, arguments.output, suffix), strict=True))
    return batch.run(functools.partial(work, voc, arguments), pairs, arguments.jobs)


def _features(arguments: argparse.Namespace) -> int:
    features = FEATURES[arguments.features] if arguments.features else wavehax.load(arguments.model).features
    inputs = batch.expand(arguments.inputs)
    pairs = list(zip(inputs, batch.output_paths(inputs, arguments.output, ".npz"), strict=True))
    return batch.run(functools.partial(commands.features_file, features, arguments), pairs, arguments.jobs)


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
                    name, voc, arguments.stream, arguments.threads, arguments.seconds, arguments.voices
                )
        cases += bench_peers.model_peers(name, model, arguments.seconds) if arguments.peers else []
    cases += bench_peers.other_vocoders(arguments.seconds) if arguments.peers else []
    rows = bench.measure(cases, arguments.repeats)
    profiles = [bench.stages(name, voc, arguments.repeats, arguments.seconds) for name, voc in vocoders]
    print(f"{bench.processor_name()}, {arguments.seconds:g} s of sound, median of {arguments.repeats}")
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
        model = import_official(arguments.checkpoint, arguments.config, arguments.stats, arguments.features)
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
        raise ModuleNotFoundError(f"training needs {error.name}: pip install 'wavehax[train]'") from error


def _package(arguments: argparse.Namespace) -> int:
    try:
        from wavehax.train import export
        from wavehax.train.state import checkpoint_of
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"packaging needs {error.name}: pip install 'wavehax[train]'") from error
    card = export.read_card(arguments.card) if arguments.card else {}
    checkpoint = checkpoint_of(arguments.run_dir)
    export.export(checkpoint, arguments.output, card, f0_from=arguments.f0, force=arguments.force)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    try:
        from wavehax.export.onnx import export_onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"export needs {error.name}: pip install 'wavehax[onnx]'") from error
    options = {"streaming": arguments.streaming, "f0_from_mel": arguments.f0 is not None, "force": arguments.force}
    export_onnx(model_path(arguments.model), arguments.output, **options)
    return 0


def _train_f0(arguments: argparse.Namespace) -> int:
    try:
        from wavehax.train import f0
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"training needs {error.name}: pip install 'wavehax[train]'") from error
    options = {name: getattr(arguments, name) for name in ("steps", "seed", "threads", "force")}
    f0.add_predictor(model_path(arguments.model), arguments.data, arguments.output, **options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="wavehax", description=wavehax.__doc__, epilog=__doc__.split("\n\n")[1])
    parser.add_argument("--version", action="version", version=f"wavehax {wavehax.__version__}")
    add = functools.partial(parser.add_subparsers(metavar="command", required=True).add_parser)

    vocode = add("vocode", help="mel files to sound", description=commands.VOCODE_HELP)
    vocode.add_argument(
        "inputs", nargs="+", metavar="MEL", help=".npy, .npz, .h5 or .pt files, patterns, or - for raw frames"
    )
    vocode.add_argument("-o", "--output", required=True, help="a sound file, a folder for several, or - for raw PCM")
    vocode.add_argument(
        "--features", choices=FEATURES, help="definition of the mel, converted if near enough; by default the model's"
    )
    vocode.add_argument("--mel-log", choices=LOGS, default="e", help="base of the mel's logarithm, or dB (default e)")
    vocode.add_argument(
        "--mel-power", type=int, choices=(1, 2), default=1, help="2: bands of squared magnitudes (default 1)"
    )
    vocode.add_argument("--stats", type=Path, help=".npz: mean and scale [n_mels], of a mel that comes normalised")
    _add_synthesis(vocode, _vocode)

    resynth = add("resynth", help="recordings to sound, through mel and F0", description=commands.RESYNTH_HELP)
    resynth.add_argument("inputs", nargs="+", metavar="SOUND", help="sound files or patterns")
    resynth.add_argument("-o", "--output", required=True, help="a sound file, or a folder for several")
    _add_synthesis(resynth, _resynth)

    _add_features(add)
    _add_info(add)
    _add_bench(add)
    _add_import(add)
    add("train", help="train a model: see wavehax train --help", add_help=False)
    _add_train_f0(add)
    _add_package(add)
    _add_export(add)
    add("evaluate", help="score what a vocoder makes: see wavehax evaluate --help", add_help=False)
    return parser


def _add_features(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("features", help="recordings to mel and F0 files", description=commands.FEATURES_HELP)
    command.add_argument("inputs", nargs="+", metavar="SOUND", help="sound files or patterns")
    command.add_argument("-o", "--output", required=True, help="an .npz file, or a folder for several")
    definition = command.add_mutually_exclusive_group()
    definition.add_argument("--features", choices=FEATURES, help="definition of the mel; by default the model's")
    definition.add_argument("--model", metavar="MODEL", help="model whose mel is wanted")
    _add_batch(command, _features)


def _add_info(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "info", help="what a model is", description="Print what a model is, where from, and how it runs here."
    )
    command.add_argument("model", nargs="?", metavar="MODEL", help=_MODEL_HELP)
    _add_isa(command)
    command.set_defaults(run=_info)


def _add_import(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "import-official", help="model file from a checkpoint of the authors", description=commands.IMPORT_HELP
    )
    command.add_argument(
        "checkpoint", type=Path, metavar="CHECKPOINT", help="checkpoint-*steps.pkl of the authors' training"
    )
    command.add_argument("--config", type=Path, required=True, help="YAML of the generator (or of the whole training)")
    command.add_argument("--stats", type=Path, help=".npz: mean and scale [n_mels]; without, the mel comes normalised")
    command.add_argument("--features", help=f"definition of the mel: {', '.join(FEATURES)}, or a YAML file")
    command.add_argument("-o", "--output", type=Path, required=True, help="model file, .safetensors")
    command.add_argument("--force", action="store_true", help="replace an output that exists")
    command.set_defaults(run=_import_official)


def _add_train_f0(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("train-f0", help="make a model predict F0 from the mel", description=commands.TRAIN_F0_HELP)
    command.add_argument("data", type=Path, metavar="DATA", help="prepared folder")
    command.add_argument("--model", metavar="MODEL", help=_MODEL_HELP)
    command.add_argument("-o", "--output", type=Path, required=True, help="model file, .safetensors")
    command.add_argument("--steps", type=types.count, default=3000, help="of training (default 3000)")
    command.add_argument("--seed", type=types.seed, default=0, help="of first weights and segments (default 0)")
    command.add_argument("--threads", type=types.count, default=1, help="of PyTorch (default 1)")
    command.add_argument("--force", action="store_true", help="replace an output that exists")
    command.set_defaults(run=_train_f0)


def _add_package(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("package", help="model file from training", description=commands.PACKAGE_HELP)
    command.add_argument("run_dir", type=Path, metavar="RUN", help="folder of a run, or of one of its checkpoints")
    command.add_argument("--f0", type=Path, metavar="MODEL", help="model file whose predictor of F0 this one gets too")
    command.add_argument("--card", type=Path, metavar="FIELDS", help="YAML: licence, data, hardware, scores, ...")
    command.add_argument("-o", "--output", type=Path, required=True, help="model file, .safetensors")
    command.add_argument("--force", action="store_true", help="replace an output that exists")
    command.set_defaults(run=_package)


def _add_export(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("export", help="model for another runtime", description=commands.EXPORT_HELP)
    command.add_argument("format", choices=["onnx"], help="onnx: for ONNX Runtime and others")
    command.add_argument("model", nargs="?", metavar="MODEL", help=_MODEL_HELP)
    command.add_argument("-o", "--output", type=Path, required=True, help="file, .onnx")
    command.add_argument(
        "--streaming", action="store_true", help="frames as they come, the state as inputs and outputs"
    )
    command.add_argument(
        "--f0", choices=[types.F0_FROM_MEL], help="mel: the graph predicts F0; without, F0 is one of its inputs"
    )
    command.add_argument("--force", action="store_true", help="replace an output that exists")
    command.set_defaults(run=_export)


def _add_bench(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("bench", help="speed on this machine", description="Time models, interleaved.")
    shapes = ", ".join(GENERATORS)
    command.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"model files or names, or shapes: {shapes} (default: all of them)"
    )
    isas, precisions = ["auto", *wavehax.available_isas()], ["auto", *PRECISIONS]
    command.add_argument("--isa", choices=isas, action="append", help="instruction set; may be repeated")
    command.add_argument(
        "--precision", choices=precisions, action="append", help="may be repeated (default: every one that there is)"
    )
    command.add_argument(
        "--threads", type=types.count, nargs="+", default=[1], metavar="N", help="for one whole utterance (default 1)"
    )
    chunks = [1, 2, 4, 8, 16, 64]
    command.add_argument(
        "--stream",
        type=types.count,
        nargs="*",
        default=chunks,
        metavar="FRAMES",
        help="chunk sizes (default 1 2 4 8 16 64)",
    )
    command.add_argument(
        "--voices", type=types.count, nargs="+", default=[], metavar="N", help="streams of single frames on one thread"
    )
    command.add_argument("--seconds", type=types.positive, default=5.0, help="of sound to synthesise (default 5)")
    command.add_argument("--repeats", type=types.count, default=7, help="rounds (default 7)")
    command.add_argument(
        "--peers", action="store_true", help="also PyTorch, ONNX Runtime and other vocoders; needs [bench]"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here too")
    command.add_argument("--force", action="store_true", help="replace FILE if it exists")
    command.set_defaults(run=_bench)


def _add_synthesis(command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    command.add_argument("--model", metavar="MODEL", help=_MODEL_HELP)
    command.add_argument(
        "--f0",
        type=types.f0,
        metavar="FILE|HZ|mel",
        help="F0: .npy, .npz, .h5 or .pt file, one number of Hz for all, or what the model predicts from the mel",
    )
    command.add_argument("--f0-scale", type=types.positive, default=1.0, metavar="X", help="multiply F0 (default 1)")
    command.add_argument("--seed", type=types.seed, default=0, help="of noise and initial phase (default 0)")
    command.add_argument(
        "--stream", type=types.count, metavar="FRAMES", help="synthesise and write in chunks: bounded memory, same bits"
    )
    command.add_argument(
        "--threads", type=types.count, default=1, metavar="N", help="that share one utterance, same bits (default 1)"
    )
    _add_isa(command)
    _add_batch(command, run)


def _add_isa(command: argparse.ArgumentParser) -> None:
    choices = ["auto", *wavehax.available_isas()]
    command.add_argument("--isa", choices=choices, default="auto", help="instruction set (default auto)")
    command.add_argument(
        "--precision", choices=["auto", *PRECISIONS], default="fp32", help="of large products (default fp32)"
    )


def _add_batch(command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    command.add_argument("--jobs", type=types.count, default=1, help="files worked on at once (default 1)")
    command.add_argument("--force", action="store_true", help="replace outputs that exist")
    command.set_defaults(run=run)


_MODEL_HELP = "file or folder, name of a shipped model, or owner/name[@revision] on the hub (default: the shipped one)"
