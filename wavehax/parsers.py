"""The arguments of each command of `wavehax`: flags are the arguments of the Python interface by
the same names."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from pathlib import Path

import wavehax
from wavehax import arguments as types
from wavehax.adapters import LOGS
from wavehax.arguments import Parser
from wavehax.config import FEATURES, GENERATORS
from wavehax.vocoder import PRECISIONS

_EXIT_CODES = """Exit codes: 0 all well; 1 some input failed, with one line on standard error for
each; 2 the arguments make no sense."""
_VOCODE_HELP = """Synthesise sound from log-mel-spectrograms. With - as input, frames are read from
standard input as they come: little-endian float32, the bands of a frame and then its F0 in Hz
(without it where --f0 is HZ or mel). With -o -, samples go to standard output as they are ready:
little-endian signed 16 bits, mono. From - to -, the memory used does not grow."""
_RESYNTH_HELP = """Take mel and F0 from recordings, and synthesise them again. F0 is measured with
WORLD Harvest, which needs the extra [f0], unless --f0 gives it. The result is cut to the
recording's length."""
_FEATURES_HELP = """Write mel [n_mels, T] and f0 [T] of recordings to .npz files, as vocode reads
them; mel alone where the extra [f0] is not installed."""
_IMPORT_HELP = """Make a model file from a checkpoint of the authors' implementation, reading it
with weights_only=True. Needs the extra [train]. --stats holds arrays mean and scale [n_mels], in
the sense (mel - mean) / scale."""
_PACKAGE_HELP = """Make a model file of the newest checkpoint of a run of wavehax train: the
averaged weights, and what the YAML file --card says for whoever gets it. Needs the extra [train],
and the prepared folder that the config names: there batch-norm statistics are measured. The file
appears only when the engine computes from it what PyTorch does."""
_AVERAGE_HELP = """Make a model file whose weights are the weighted mean of those of models of one
shape, mel and normalisation, such as two of which one was trained from the other. Statistics of
batch norms are averaged too, unless --data is given: then they are measured there. The predictor of
F0 is that of the first model that has one. The file appears only when the engine can run it; where
PyTorch is installed, only when the engine computes from it what PyTorch does."""
_EXPORT_HELP = """Write a model as one ONNX graph, from mel, F0 and noise to the waveform, of whole
utterances or, with --streaming, of frames as they come. Needs the extra [onnx]; the file appears
only when ONNX Runtime computes from it what the engine does."""
_TRAIN_F0_HELP = """Train a predictor of F0 from the mel on a prepared folder, and write a model
file with it beside the generator of MODEL, for which a mel is then enough. Needs the extra [train];
the file appears only when the engine predicts from it what PyTorch does."""
_MODEL_HELP = (
    "file or folder, name of a shipped model, or owner/name[@revision] on the hub (default:"
    " vocos-24k)"
)


def command_line() -> Parser:
    """Of `wavehax`; what it parses has the name of the command as `command`.

    `train` and `evaluate` have parsers of their own: here is their place in the list.
    """
    parser = Parser(prog="wavehax", description=wavehax.__doc__, epilog=_EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"wavehax {wavehax.__version__}")
    add = functools.partial(
        parser.add_subparsers(dest="command", metavar="command", required=True).add_parser
    )

    vocode = add("vocode", help="mel files to sound", description=_VOCODE_HELP)
    vocode.add_argument(
        "inputs",
        nargs="+",
        metavar="MEL",
        help=".npy, .npz, .h5 or .pt files, patterns, or - for raw frames",
    )
    vocode.add_argument(
        "-o", "--output", required=True, help="a sound file, a folder for several, or - for raw PCM"
    )
    vocode.add_argument(
        "--features",
        choices=FEATURES,
        help="definition of the mel, converted if near enough; by default the model's",
    )
    vocode.add_argument(
        "--mel-log",
        choices=LOGS,
        default="e",
        help="base of the mel's logarithm, or dB (default e)",
    )
    vocode.add_argument(
        "--mel-power",
        type=int,
        choices=(1, 2),
        default=1,
        help="2: bands of squared magnitudes (default 1)",
    )
    vocode.add_argument(
        "--stats", type=Path, help=".npz: mean and scale [n_mels], of a mel that comes normalised"
    )
    _add_synthesis(vocode)

    resynth = add(
        "resynth", help="recordings to sound, through mel and F0", description=_RESYNTH_HELP
    )
    resynth.add_argument("inputs", nargs="+", metavar="SOUND", help="sound files or patterns")
    resynth.add_argument(
        "-o", "--output", required=True, help="a sound file, or a folder for several"
    )
    _add_synthesis(resynth)

    _add_features(add)
    _add_info(add)
    _add_bench(add)
    _add_import(add)
    add("train", help="train a model: see wavehax train --help", add_help=False)
    _add_train_f0(add)
    _add_package(add)
    _add_average(add)
    _add_export(add)
    add("evaluate", help="score what a vocoder makes: see wavehax evaluate --help", add_help=False)
    return parser


def _add_features(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("features", help="recordings to mel and F0 files", description=_FEATURES_HELP)
    command.add_argument("inputs", nargs="+", metavar="SOUND", help="sound files or patterns")
    command.add_argument(
        "-o", "--output", required=True, help="an .npz file, or a folder for several"
    )
    definition = command.add_mutually_exclusive_group()
    definition.add_argument(
        "--features", choices=FEATURES, help="definition of the mel; by default the model's"
    )
    definition.add_argument("--model", metavar="MODEL", help="model whose mel is wanted")
    _add_batch(command)


def _add_info(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "info",
        help="what a model is",
        description="Print what a model is, where from, and how it runs here.",
    )
    command.add_argument("model", nargs="?", metavar="MODEL", help=_MODEL_HELP)
    _add_isa(command)


def _add_import(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "import-official",
        help="model file from a checkpoint of the authors",
        description=_IMPORT_HELP,
    )
    command.add_argument(
        "checkpoint",
        type=Path,
        metavar="CHECKPOINT",
        help="checkpoint-*steps.pkl of the authors' training",
    )
    command.add_argument(
        "--config",
        type=Path,
        required=True,
        help="YAML of the generator (or of the whole training)",
    )
    command.add_argument(
        "--stats",
        type=Path,
        help=".npz: mean and scale [n_mels]; without, the mel comes normalised",
    )
    command.add_argument(
        "--features", help=f"definition of the mel: {', '.join(FEATURES)}, or a YAML file"
    )
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="model file, .safetensors"
    )
    command.add_argument("--force", action="store_true", help="replace an output that exists")


def _add_train_f0(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "train-f0", help="make a model predict F0 from the mel", description=_TRAIN_F0_HELP
    )
    command.add_argument("data", type=Path, metavar="DATA", help="prepared folder")
    command.add_argument("--model", metavar="MODEL", help=_MODEL_HELP)
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="model file, .safetensors"
    )
    command.add_argument(
        "--steps", type=types.count, default=3000, help="of training (default 3000)"
    )
    command.add_argument(
        "--seed", type=types.seed, default=0, help="of first weights and segments (default 0)"
    )
    command.add_argument("--threads", type=types.count, default=1, help="of PyTorch (default 1)")
    command.add_argument("--force", action="store_true", help="replace an output that exists")


def _add_package(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("package", help="model file from training", description=_PACKAGE_HELP)
    command.add_argument(
        "run_dir", type=Path, metavar="RUN", help="folder of a run, or of one of its checkpoints"
    )
    command.add_argument(
        "--f0", metavar="MODEL", help="model whose predictor of F0 this one gets too"
    )
    _add_card(command)
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="model file, .safetensors"
    )
    command.add_argument("--force", action="store_true", help="replace an output that exists")


def _add_average(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("average", help="model between models", description=_AVERAGE_HELP)
    command.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="two or more files, folders, names of shipped models, ...",
    )
    help_text = "of each model in the order given, 0 to 1; their sum is 1"
    command.add_argument(
        "--weights", type=float, nargs="+", required=True, metavar="W", help=help_text
    )
    help_text = "prepared folder on which batch norms are measured; needs the extra [train]"
    command.add_argument("--data", type=Path, metavar="FOLDER", help=help_text)
    _add_card(command)
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="model file, .safetensors"
    )
    command.add_argument("--force", action="store_true", help="replace an output that exists")


def _add_card(command: argparse.ArgumentParser) -> None:
    help_text = "YAML: licence, data, hardware, scores, ..."
    command.add_argument("--card", type=Path, metavar="FIELDS", help=help_text)


def _add_export(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("export", help="model for another runtime", description=_EXPORT_HELP)
    command.add_argument("format", choices=["onnx"], help="onnx: for ONNX Runtime and others")
    command.add_argument("model", nargs="?", metavar="MODEL", help=_MODEL_HELP)
    command.add_argument("-o", "--output", type=Path, required=True, help="file, .onnx")
    command.add_argument(
        "--streaming",
        action="store_true",
        help="frames as they come, the state as inputs and outputs",
    )
    command.add_argument(
        "--f0",
        choices=[types.F0_FROM_MEL],
        help="mel: the graph predicts F0; without, F0 is one of its inputs",
    )
    command.add_argument("--force", action="store_true", help="replace an output that exists")


def _add_bench(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("bench", help="speed on this machine", description="Time models, interleaved.")
    shapes = ", ".join(GENERATORS)
    command.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help=f"model files or names, or shapes: {shapes} (default: all of them)",
    )
    isas, precisions = ["auto", *wavehax.available_isas()], ["auto", *PRECISIONS]
    command.add_argument(
        "--isa", choices=isas, action="append", help="instruction set; may be repeated"
    )
    command.add_argument(
        "--precision",
        choices=precisions,
        action="append",
        help="may be repeated (default: every one that there is)",
    )
    command.add_argument(
        "--threads",
        type=types.count,
        nargs="+",
        default=[1],
        metavar="N",
        help="for one whole utterance (default 1)",
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
        "--voices",
        type=types.count,
        nargs="+",
        default=[],
        metavar="N",
        help="streams of single frames on one thread",
    )
    command.add_argument(
        "--seconds", type=types.positive, default=5.0, help="of sound to synthesise (default 5)"
    )
    command.add_argument("--repeats", type=types.count, default=7, help="rounds (default 7)")
    command.add_argument(
        "--peers",
        action="store_true",
        help="also PyTorch, ONNX Runtime and other vocoders; needs [bench]",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here too")
    command.add_argument("--force", action="store_true", help="replace FILE if it exists")


def _add_synthesis(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", metavar="MODEL", help=_MODEL_HELP)
    command.add_argument(
        "--f0",
        type=types.f0,
        metavar="FILE|HZ|mel",
        help="F0: .npy, .npz, .h5 or .pt file, one number of Hz for all, or what the model"
        " predicts from the mel",
    )
    command.add_argument(
        "--f0-scale", type=types.positive, default=1.0, metavar="X", help="multiply F0 (default 1)"
    )
    command.add_argument(
        "--seed", type=types.seed, default=0, help="of noise and initial phase (default 0)"
    )
    command.add_argument(
        "--gain", type=types.decibels, default=0.0, metavar="DB", help="of the sound (default 0)"
    )
    peak_help = "scale the sound down where its peak is above; not with --stream"
    command.add_argument("--peak", type=types.peak, metavar="DBFS", help=peak_help)
    command.add_argument(
        "--stream",
        type=types.count,
        metavar="FRAMES",
        help="synthesise and write in chunks: bounded memory, same bits",
    )
    command.add_argument(
        "--threads",
        type=types.count,
        default=1,
        metavar="N",
        help="that share one utterance, same bits (default 1)",
    )
    _add_isa(command)
    _add_batch(command)


def _add_isa(command: argparse.ArgumentParser) -> None:
    choices = ["auto", *wavehax.available_isas()]
    command.add_argument(
        "--isa", choices=choices, default="auto", help="instruction set (default auto)"
    )
    command.add_argument(
        "--precision",
        choices=["auto", *PRECISIONS],
        default="fp32",
        help="of large products (default fp32)",
    )


def _add_batch(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--jobs", type=types.count, default=1, help="files worked on at once (default 1)"
    )
    command.add_argument("--force", action="store_true", help="replace outputs that exist")
