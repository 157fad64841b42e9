"""The command `face-classifier`: all command lines of this project under one name.

`face-classifier tune` takes the options of `python -m tuning`, and so on. Unlike `python -m`, it
also works in a folder that holds a `data` package of its own.
"""

import sys
from dataclasses import dataclass
from importlib import import_module

from data.cli import Version, command_group, exit_status


@dataclass(frozen=True)
class _Subcommand:
    """One of our command lines, or a command of one.

    Attributes:
        package: Package whose `__main__` has it.
        command: Command there; empty if it is the whole command line.
        help: What it does, in a line.
    """

    package: str
    command: str
    help: str

    def run(self, name: str, arguments: list[str]) -> None:
        """Import it and run it; it exits with its status."""
        main = import_module(f"{self.package}.__main__").main
        if self.command:
            main([self.command, *arguments], "face-classifier")
        main(arguments, f"face-classifier {name}")


_SUBCOMMANDS = {
    "data": _Subcommand("data", "", "Look at a data set, fetch CelebA, or draw a synthetic one."),
    "tune": _Subcommand("tuning", "", "Search for the best classifier of each backbone."),
    "watch": _Subcommand("tuning", "watch", "Follow a search from another terminal."),
    "export": _Subcommand("export", "", "Export a run's winners to SavedModel and ONNX."),
    "web": _Subcommand("export", "web", "Write a folder that classifies in the browser."),
    "push": _Subcommand("export", "push", "Upload an exported model to Hugging Face's hub."),
    "predict": _Subcommand("inference", "predict", "Classify the faces in images."),
    "demo": _Subcommand("inference", "demo", "Open a web page that classifies photos."),
    "serve": _Subcommand("inference", "serve", "Serve an HTTP API for programs."),
    "bench": _Subcommand("inference", "bench", "Time the exported models on this machine."),
}

app = command_group(needs_command=True)


@app.callback()
def start(_version: Version = False) -> None:
    """Choose, export and serve a fine-tuned face classifier.

    `face-classifier COMMAND --help` shows a command's options.
    """


def _list_in_help(name: str, subcommand: _Subcommand) -> None:
    app.command(name, help=subcommand.help)(lambda: None)


for _name, _subcommand in _SUBCOMMANDS.items():
    _list_in_help(_name, _subcommand)


def main() -> None:
    """Run a subcommand, which alone is imported, or show what there is."""
    name, *arguments = sys.argv[1:] or [""]
    if name in _SUBCOMMANDS:
        sys.exit(exit_status(lambda: _SUBCOMMANDS[name].run(name, arguments)))
    else:
        app(prog_name="face-classifier")


if __name__ == "__main__":
    main()
