"""The command line: `wavehax <command>`, from its arguments to an exit code."""

from __future__ import annotations

from collections.abc import Sequence

import wavehax
from wavehax.cli import (
    average,
    bench,
    convert,
    corpus,
    evaluate,
    export,
    features,
    import_official,
    info,
    package,
    prepare_pairs,
    resynth,
    train,
    train_f0,
    vocode,
)
from wavehax.cli.types import Parser
from wavehax.errors import EXPECTED_ERRORS, UsageError, ignore_import_warnings, report

_EXIT_CODES = """Exit codes: 0 all well; 1 some input failed, with one line on standard error for
each; 2 the arguments make no sense."""
# The commands, in the order in which --help lists them.
_COMMANDS = (
    vocode,
    resynth,
    corpus,
    features,
    convert,
    info,
    bench,
    import_official,
    prepare_pairs,
    train,
    train_f0,
    package,
    average,
    export,
    evaluate,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        argv: the words after `wavehax`. None takes those of this process.
    """
    ignore_import_warnings()
    try:
        arguments = command_line().parse_args(argv)
        return arguments.run(arguments)
    except UsageError as error:
        report(error)
        return 2
    except BrokenPipeError:  # the program that read the output has closed it
        return 1
    except KeyboardInterrupt:
        return 130
    except EXPECTED_ERRORS as error:
        report(error)
        return 1


def command_line() -> Parser:
    """The top-level parser; `arguments.run` does the work of the chosen command.

    Flags have the names of the arguments in the Python interface.
    """
    parser = Parser(prog="wavehax", description=wavehax.__doc__, epilog=_EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"wavehax {wavehax.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    for command in _COMMANDS:
        command.add(commands)
    return parser
