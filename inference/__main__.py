"""Command line of serving: `python -m inference --help`."""

import os
import sys
import warnings
from pathlib import Path

if __name__ == "__main__":  # a folder `data` where one works does not hide ours
    sys.path.insert(0, str(Path(__file__).parents[1]))

from data.cli import INTERRUPTED, Version, command_group
from inference.commands.bench import bench
from inference.commands.demo import demo
from inference.commands.predict import CameraMayHaveNumber, predict
from inference.commands.serve import serve

app = command_group(needs_command=True)


@app.callback()
def start(_version: Version = False) -> None:
    """Use the face classifiers that `make export` wrote: on files, on a web page, timed.

    The prediction is what the annotators of the training images would have perceived (such as
    woman or man), not what a person is, and "uncertain" where the model is not sure enough.
    """


app.command(cls=CameraMayHaveNumber)(predict)
app.command()(demo)
app.command()(serve)
app.command()(bench)


def main(arguments: list[str] | None = None, name: str = "python -m inference") -> None:
    """Run the command line and exit with its status, see `data.__main__.main`.

    After an interruption it does not wait for threads that still decode.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")  # pictures' flaws get rows, not warnings
    try:
        app(arguments, prog_name=name)
    except SystemExit as ended:
        if ended.code != INTERRUPTED:
            raise
        sys.stderr.flush()
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
