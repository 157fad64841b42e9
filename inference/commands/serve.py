"""The command `serve`: an HTTP API for programs."""

import os
from importlib.util import find_spec
from typing import Annotated

import typer

from data.cli import UsageError, failing_on
from inference.commands.errors import user_errors
from inference.commands.options import (
    MODELS,
    AllowedHosts,
    ClassifyOrigin,
    Host,
    Models,
    Password,
    Port,
    Providers,
    User,
    login_of,
)


def serve(
    models: Models = MODELS,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    page: Annotated[
        bool | None,
        typer.Option(
            "--page/--no-page",
            help="Also serve the page of `demo`, at /. Left out: with one worker.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(envvar="WEB_CONCURRENCY", min=1, max=64, help="Number of processes.")
    ] = 1,
    queue: Annotated[
        int,
        typer.Option(min=16, help="Pictures that may wait in a process; more get 503."),
    ] = 64,
    per_client: Annotated[
        int,
        typer.Option(
            min=16, help="Pictures and requests that one client may have there; more get 429."
        ),
    ] = 32,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for a request; more get 504.")
    ] = 30.0,
    grace: Annotated[
        int, typer.Option(min=1, help="Seconds for requests under way when it is stopped.")
    ] = 30,
    user: User = None,
    password: Password = None,
    allowed_hosts: AllowedHosts = "",
    classify_origin: ClassifyOrigin = False,
    _providers: Providers = None,
) -> None:
    """Serve an HTTP API for programs, and the page beside it.

    POST /v1/faces takes pictures as a form (curl -F images=@photo.jpg) or as JSON with base64, and
    gives boxes, landmarks and what the model says of each face; /docs describes it. GET /v1/models,
    /healthz, /readyz and /metrics (Prometheus) as well. FACE_CLASSIFIER_API_KEY in the environment
    holds the keys that clients need (Authorization: Bearer KEY), with commas between. When
    `make export` writes new models they are checked and take the place of the old ones.

    Example: python -m inference serve --models artifacts/models --workers 2
    """
    login, keys = login_of(user, password), os.environ.get("FACE_CLASSIFIER_API_KEY", "")
    has_page = workers == 1 if page is None else page
    if has_page:
        _check_page(workers, has_keys=bool(keys), has_login=bool(login))
    _check_packages()
    with user_errors():
        from inference.bundle import models_folder
        from inference.service.server import serve as serve_api
        from inference.service.settings import Settings

        settings = Settings(
            models_folder(models), host, port, tuple(allowed_hosts.split(",")), keys, login,
            has_page, workers, queue, per_client, timeout, grace, classify_origin,
        )  # fmt: skip
        with failing_on(ValueError, error=UsageError):
            status = serve_api(settings)
    raise typer.Exit(status)


def _check_page(workers: int, has_keys: bool, has_login: bool) -> None:
    if workers > 1:
        raise UsageError("the page needs all of a visitor's calls in one process: --workers 1")
    if has_keys != has_login:
        raise UsageError(
            "the page and the API give the same: FACE_CLASSIFIER_API_KEY needs --user and "
            "--password beside it, and these need it, or --no-page"
        )


def _check_packages() -> None:
    for package in ("prometheus_client", "fastapi_offline"):
        if not find_spec(package):
            raise UsageError(f"the package {package} is not installed: pip install '.[service]'")
