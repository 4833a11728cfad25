"""What a command does with an error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


def say_aside(line: str) -> None:
    """A line for people, on standard error."""
    typer.echo(line, err=True)


@contextmanager
def plain_errors(hint: str = "", say: Callable[[str], None] = say_aside) -> Iterator[None]:
    """What a user can mend is one line on standard error and exit status 1 or 2, never a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted{hint}")
        raise typer.Exit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(1) from None
    except (ValueError, OSError) as error:
        say(f"clip-event: {error}")
        raise typer.Exit(1) from None
