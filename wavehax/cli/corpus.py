"""`wavehax corpus`: thousands of hours, on the cores of one machine or of a Ray cluster."""

from __future__ import annotations

import argparse
import os
import sys

from wavehax.cli import shared, types
from wavehax.cli.types import Commands
from wavehax.errors import printable

DESCRIPTION = """Synthesise the rows of a corpus on Ray: on the cores of this machine or, with
--address, of a cluster. INPUT is a folder of mels (with --resynth: of recordings), a table
(.parquet, .csv, .tsv, or JSON lines with audio_filepath or Lhotse cuts), or WebDataset tars
("shards/*.tar"). OUTPUT is a folder: the sound as files, Parquet or tars, and manifest.jsonl with
a line for every row. The noise of a row follows from its id and --seed. Needs the extra [ray]."""

_TABLE_LINES = 20  # of the rows that failed; the manifest has them all


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "corpus", help="thousands of hours, on a Ray cluster", description=DESCRIPTION
    )
    command.add_argument(
        "input", metavar="INPUT", help="a folder, table, manifest, tar, or pattern of tars"
    )
    command.add_argument("-o", "--output", required=True, help="a folder, which is made")
    command.add_argument("--model", metavar="MODEL", help=shared.MODEL_HELP)
    command.add_argument("--resynth", action="store_true", help="INPUT is recordings, not mels")
    command.add_argument(
        "--f0",
        type=_f0,
        metavar="HZ|mel",
        help="one F0 for all, or what the model predicts from the mel",
    )
    shared.add_f0_writing(command)
    shared.add_scales(command)
    shared.add_f0_search(command)
    shared.add_force_definition(command)
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
    shared.add_isa(command)
    command.add_argument(
        "--resume", action="store_true", help="go on with what an earlier run left"
    )
    command.set_defaults(run=run)


def _f0(text: str) -> float | str:
    """A number of Hz, or `mel`."""
    value = types.f0(text)
    if not isinstance(value, (float, str)):
        raise argparse.ArgumentTypeError(f"{text}: expected Hz, 0 or more, or mel")
    return value


def run(arguments: argparse.Namespace) -> int:
    from wavehax.ray.corpus import vocode_corpus
    from wavehax.ray.shards import Output

    names = ["resynth", "f0", "f0_scale", "seed", "audio", "isa", "precision"]
    names += ["f0_min", "f0_max", "f0_method", "formant_scale", "force_definition"]
    names += ["f0_unit", "f0_unvoiced", "f0_hop"]
    options = {name: getattr(arguments, name) for name in names}
    model = arguments.model  # paths are whole, as workers are in other folders
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
