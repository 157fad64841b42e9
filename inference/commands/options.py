"""Options that several commands of serving have."""

import os
from typing import Annotated

import typer

from data.cli import UsageError, failing_on


def _set_providers(names: str | None) -> str | None:
    """Check the names of runtimes; where models are loaded, in workers too, they are read."""
    if names and names.strip():
        from inference.errors import ProviderError
        from inference.runtime.providers import VARIABLE, parse

        with failing_on(ProviderError, error=UsageError):
            os.environ[VARIABLE] = ",".join(parse(names))
    return names


Models = Annotated[
    str,
    typer.Option(
        "--models",
        envvar="MODELS",
        metavar="DIR",
        help="Folder that `make export` wrote, or hf://user/model of a hub, which is fetched once.",
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(help="Model to use, e.g. vgg16. Left out: the champion.", show_default=False),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, help="Number of threads. Left out: the physical cores.", show_default=False
    ),
]
Providers = Annotated[
    str | None,
    typer.Option(
        "--providers",
        envvar="PROVIDERS",
        metavar="NAMES",
        callback=_set_providers,
        help="Runtimes to choose from, with commas between: cuda, openvino, coreml, dml, cpu. Each "
        "is checked, and the fastest correct one runs the model; of equals the first. Left out: "
        "openvino where it is installed, and cpu.",
        show_default=False,
    ),
]
Host = Annotated[
    # Not HOST: conda and some shells set that by themselves, to the machine's kind or name.
    str,
    typer.Option(envvar="DEMO_HOST", help="Address to listen on; 0.0.0.0 is everyone."),
]
Port = Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port to listen on.")]
User = Annotated[
    str | None,
    typer.Option(envvar="DEMO_USER", help="Ask visitors for this name.", show_default=False),
]
Password = Annotated[
    str | None,
    typer.Option(
        envvar="DEMO_PASSWORD",
        help="And for this password; set it in the environment, where others do not see it.",
        show_default=False,
    ),
]
AllowedHosts = Annotated[
    str,
    typer.Option(
        envvar="ALLOWED_HOSTS",
        metavar="NAMES",
        help="Names, besides localhost and addresses, by which visitors reach the page, with "
        "commas between: faces.example.org,*.lan",
        show_default=False,
    ),
]
ClassifyOrigin = Annotated[
    bool,
    typer.Option(
        "--classify-origin",
        envvar="CLASSIFY_ORIGIN",
        help="Also classify faces by labels of origin (race, ethnicity, skin, ...), on the "
        "page and over HTTP. Left out, the page keeps these labels back and says why.",
    ),
]
MODELS = "artifacts/models"


def login_of(user: str | None, password: str | None) -> tuple[str, str] | None:
    """Return name and password that visitors are asked for, None for nobody.

    Args:
        user: Value of `User`.
        password: Value of `Password`.

    Raises:
        UsageError: One is given without the other.
    """
    if bool(user) != bool(password):
        raise UsageError("a user needs a password, and a password a user: give both or neither")
    return (user, password) if user and password else None
