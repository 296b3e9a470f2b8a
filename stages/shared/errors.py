"""Errors a user can mend: a fact, a value and a remedy, without a traceback."""

import sys
from collections.abc import Callable
from pathlib import Path


class UserError(Exception):
    """A problem whose cause and remedy lie with the user; its message states both."""


def run(main: Callable[[], None]) -> None:
    """Run the `main` of a stage; print a UserError as one line and exit with code 1.

    The line starts with the stage's name, taken from the file of `main`:
    `scenes: book core-013 has no passage of 96-192 tokens; lower scenes.min_tokens`.
    """
    path = Path(main.__code__.co_filename)
    stage = path.parent.name if path.stem == "__main__" else path.stem
    try:
        main()
    except UserError as error:
        print(f"{stage}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{stage}: interrupted; what was finished is kept, run it again to continue", file=sys.stderr)
        sys.exit(130)
