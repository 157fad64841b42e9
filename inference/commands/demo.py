"""The command `demo`: a web page for photos."""

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


def demo(
    models: Models = MODELS,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    user: User = None,
    password: Password = None,
    allowed_hosts: AllowedHosts = "",
    classify_origin: ClassifyOrigin = False,
    _providers: Providers = None,
) -> None:
    """Open a web page for photos, many files at once, and all models side by side.

    No picture is kept, nothing is sent anywhere, and only this machine can reach it by default.
    The same functions are an HTTP API: see "Use via API" at the foot of the page.
    """
    login = login_of(user, password)
    with user_errors():
        from inference.bundle import models_folder
        from inference.demo.server import serve

        folder, names = models_folder(models), allowed_hosts.split(",")
        serve(folder, host, port, login, names, classify_origin=classify_origin)
