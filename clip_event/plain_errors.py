"""What a command does with an error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def plain_errors(hint: str = "") -> Iterator[None]:
    """What a user can mend is one line on standard error and exit status 1 or 2, never a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted{hint}", err=True)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(1) from None
    except (ValueError, OSError) as error:
        typer.echo(f"clip-event: {error}", err=True)
        raise typer.Exit(1) from None
