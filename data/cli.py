"""How every command line of this project starts, fails and ends.

`command_group` and `Command` make the Typer app. What a user can cause is one line on stderr and an
exit status, never a traceback:

====== =============================================================================
status means
====== =============================================================================
0      all is done
1      the work failed, or is partial
2      wrong usage: an unknown option, a bad value, a path that is not there
130    interrupted by Ctrl-C
====== =============================================================================

A command raises `CommandError` or one of its kinds; `failing_on` makes one of what the packages
raise. Anything else is a fault of the program and keeps its traceback.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from data.messages import one_line, printable

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130

_DISTRIBUTION = "face-classifier-tuner"
_OUR_PACKAGES = ("data", "tuning", "export", "inference", "benchmarks")
# Typer has click's class inside or beside it, by version, and shows only this child of it.
_WrongArguments = cast("type[Exception]", typer.BadParameter.__base__)


class CommandError(Exception):
    """The work failed: a line for the user.

    Attributes:
        status: The exit status that it ends the process with.

    Example:
        >>> CommandError("the disk is full").status
        1
    """

    status = FAILED


class UsageError(CommandError):
    """The user asked for what cannot be done: an option's value is wrong, or a path missing.

    Example:
        >>> UsageError("DATA=faces: no such file or folder").status
        2
    """

    status = WRONG_USAGE


class StoppedError(CommandError):
    """The user pressed Ctrl-C, and there is more to say about it than that.

    Example:
        >>> StoppedError("interrupted: `make tune RUN=faces` goes on").status
        130
    """

    status = INTERRUPTED


class _OneLineErrors:
    """A command whose errors are one line on stderr, also under Typer's `CliRunner`."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command and, in standalone mode, exit with its status."""
        if not extra.pop("standalone_mode", True):
            return super().main(*args, standalone_mode=False, **extra)  # type: ignore[misc]
        print_any_name()
        run = super().main  # type: ignore[misc]
        sys.exit(exit_status(partial(run, *args, standalone_mode=False, **extra)))


class Command(_OneLineErrors, TyperCommand):
    """A command line without subcommands: `@app.command(cls=Command)`.

    Example:
        >>> from typer.testing import CliRunner
        >>> app = typer.Typer(add_completion=False)
        >>> @app.command(cls=Command)
        ... def look(path: str) -> None:
        ...     print(existing_path(path))
        >>> CliRunner().invoke(app, ["no/such/faces"]).exit_code
        2
    """


class Group(_OneLineErrors, TyperGroup):
    """A command line with subcommands."""


def command_group(*, needs_command: bool = False) -> typer.Typer:
    """Make the app of a command line; its help is the docstring of its callback.

    Args:
        needs_command: Whether it shows its help where no subcommand is given.

    Example:
        >>> app = command_group(needs_command=True)
        >>> @app.command()
        ... def look(path: str) -> None:
        ...     print(f"looking at {path}")
    """
    return typer.Typer(
        cls=Group,
        no_args_is_help=needs_command,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
    )


@contextmanager
def failing_on(
    *causes: type[Exception], error: type[CommandError] = CommandError
) -> Iterator[None]:
    """Turn exceptions that a user can do something about into errors of the command.

    Args:
        causes: Classes of exceptions whose message a user understands.
        error: What to raise in their place.

    Raises:
        CommandError: One of `causes` was raised; the message is theirs, in one line.

    Example:
        >>> with failing_on(ValueError):
        ...     int("five")
        Traceback (most recent call last):
            ...
        data.cli.CommandError: invalid literal for int() with base 10: 'five'
    """
    try:
        yield
    except BrokenPipeError:
        raise _reader_left(error.status) from None
    except causes as cause:
        raise error(one_line(cause)) from cause


def existing_path(path: str | Path, option: str = "") -> Path:
    """Return the path that a user gave, with `~` as the home folder.

    Args:
        path: A file or a folder.
        option: Setting by which it was given, such as "DATA", for the message.

    Raises:
        UsageError: Nothing is there.

    Example:
        >>> existing_path("no/such/faces", "DATA")
        Traceback (most recent call last):
            ...
        data.cli.UsageError: DATA=no/such/faces: no such file or folder
    """
    found = Path(path).expanduser()
    if found.exists():
        return found
    given = f"{option}={path}" if option else str(path)
    raise UsageError(f"{given}: no such file or folder")


def say(message: str) -> None:
    """Print a line on stderr, whatever names are in it."""
    typer.echo(printable(message), err=True)


def print_any_name() -> None:
    """Let file names that the terminal's encoding cannot show come out escaped, not as an error.

    Names are bytes on disk; a terminal may be latin-1, cp1252 or ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _show_version(is_wanted: bool) -> None:
    if not is_wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        typer.echo(f"{_DISTRIBUTION} {version(_DISTRIBUTION)}")
    except PackageNotFoundError:  # sources without an installation, as on a Space
        typer.echo(f"{_DISTRIBUTION}, not installed")
    raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
]
"""The option of every command line: `_version: Version = False`."""


def exit_status(run: Callable[[], Any]) -> int:
    """Run a command, print what went wrong, and return the exit status.

    Args:
        run: The command; a number that it returns is its status.

    Example:
        >>> exit_status(lambda: None), exit_status(lambda: existing_path("no/such/faces"))
        (0, 2)
    """
    try:
        status = run()
        sys.stdout.flush()
    except BrokenPipeError:
        return int(_reader_left(FAILED).exit_code)
    except CommandError as error:
        say(f"{'error: ' * (error.status != INTERRUPTED)}{error}")
        return error.status
    except _WrongArguments as error:
        return _wrong_arguments(error)
    except ModuleNotFoundError as error:
        say(f"error: {_missing_package(error)}")
        return FAILED
    except OSError as error:
        say(f"error: {one_line(error)}")
        return FAILED
    if status == INTERRUPTED:
        say("interrupted")
    return status if isinstance(status, int) else 0


def _wrong_arguments(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # has printed the help
        return WRONG_USAGE
    context = error.ctx
    hint = f" (see {context.command_path} --help)" if context else ""
    say(f"error: {one_line(error.format_message()).rstrip('.')}{hint}")
    return WRONG_USAGE


def _missing_package(error: ModuleNotFoundError) -> str:
    """What to install, of an import that only the training part needs.

    Raises:
        ModuleNotFoundError: A module is missing in a package that is there.
    """
    name = (error.name or "").partition(".")[0]
    if not name or (name in _OUR_PACKAGES and find_spec(name)):
        raise error
    return (
        f"the package {name} is not installed: this needs the extras for training, as in "
        "pip install '.[train,cpu]'"
    )


def _reader_left(status: int) -> typer.Exit:
    """Whoever read our output is gone, as `head` is: end without a word."""
    sys.stdout = None  # nothing more to flush
    return typer.Exit(status)
