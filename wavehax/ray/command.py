"""`wavehax corpus`: thousands of hours, on the cores of one machine or of a Ray cluster."""

from __future__ import annotations

import argparse
import os
import sys

import wavehax
from wavehax import arguments as types
from wavehax.errors import printable

_HELP = """Synthesise the rows of a corpus on Ray: all cores of this machine or, with --address, of a cluster. INPUT is
a folder of mels (with --resynth: of recordings), a table (.parquet, .csv, .tsv, or JSON lines with audio_filepath or
Lhotse cuts), or WebDataset tars ("shards/*.tar"). OUTPUT is a folder: sound as files, Parquet or tars, and
manifest.jsonl with a line for every row. The noise of a row follows from its id alone. Needs the extra [ray]."""
_TABLE_LINES = 20  # of the rows that failed; the manifest has them all


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    command.description = _HELP
    command.add_argument(
        "input", metavar="INPUT", help="a folder, table, manifest, tar, or pattern of tars"
    )
    command.add_argument("-o", "--output", required=True, help="a folder, which is made")
    command.add_argument(
        "--model", metavar="MODEL", help="as vocode; a file must be on every machine"
    )
    command.add_argument("--resynth", action="store_true", help="INPUT is recordings, not mels")
    command.add_argument(
        "--f0",
        type=f0,
        metavar="HZ|mel",
        help="one F0 for all, or what the model predicts from the mel",
    )
    command.add_argument(
        "--f0-scale", type=types.positive, default=1.0, metavar="X", help="multiply F0 (default 1)"
    )
    command.add_argument(
        "--seed", type=types.seed, default=0, help="of all noise, with each row's id (default 0)"
    )
    command.add_argument(
        "--to", choices=("files", "parquet", "tar"), default="files", help="default: files"
    )
    command.add_argument(
        "--audio", choices=("flac", "wav"), default="flac", help="type of the sound (default flac)"
    )
    command.add_argument(
        "--shard-rows", type=types.count, metavar="N", help="default 16 for files, else 256"
    )
    command.add_argument(
        "--cpus", type=types.count, metavar="N", help="rows at once (default: all cores)"
    )
    command.add_argument(
        "--address", metavar="ADDRESS", help="of a Ray cluster: auto, HOST:PORT or ray://HOST:PORT"
    )
    choices = ["auto", *wavehax.available_isas()]
    command.add_argument(
        "--isa", choices=choices, default="auto", help="one that all machines have, for equal bits"
    )
    command.add_argument(
        "--resume", action="store_true", help="go on with what an earlier run left"
    )


def f0(text: str) -> float | str:
    """A number of Hz, or "mel"."""
    value = types.f0(text)
    if not isinstance(value, (float, str)):
        raise argparse.ArgumentTypeError(f"{text}: expected Hz, 0 or more, or mel")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if rows failed."""
    from wavehax.ray.corpus import vocode_corpus
    from wavehax.ray.shards import Output

    options = {
        name: getattr(arguments, name)
        for name in ("resynth", "f0", "f0_scale", "seed", "audio", "isa")
    }
    model = arguments.model
    options["model"] = os.path.abspath(model) if model and os.path.exists(model) else model
    failed = vocode_corpus(
        os.path.abspath(arguments.input),
        Output(os.path.abspath(arguments.output), arguments.to, f".{arguments.audio}"),
        options,
        cpus=arguments.cpus,
        address=arguments.address,
        resume=arguments.resume,
        shard_rows=arguments.shard_rows,
    )
    width = max((len(line["id"]) for line in failed[:_TABLE_LINES]), default=0)
    for line in failed[:_TABLE_LINES]:
        print(printable(f"{line['id']:<{width}}  {line['error']}"), file=sys.stderr)
    if len(failed) > _TABLE_LINES:
        print(f"and {len(failed) - _TABLE_LINES} more: see manifest.jsonl", file=sys.stderr)
    return 1 if failed else 0
