"""Serving the page: on which address, until when, and what is left behind."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from inference.demo.app import guarded_app
from inference.demo.guards.logins import Login
from inference.demo.guards.uploads import Uploads
from inference.demo.page import build_page
from inference.demo.temporary_folder import temporary_folder
from inference.detection.finder import FaceFinder
from inference.served.guards.hosts import Hosts
from inference.served.http_server import end_on_signals, listening, make_server
from inference.served.models import ServedModels

_SECONDS_TO_END = 2  # for responses under way when the server is stopped


def serve(
    models: Path,
    host: str,
    port: int,
    login: tuple[str, str] | None = None,
    allowed_hosts: Iterable[str] = (),
    framed_by: Iterable[str] = (),
    proxies: str | None = None,
    classify_origin: bool = False,
) -> None:
    """Serve the page until it is interrupted, and leave no picture behind.

    Args:
        models: Folder that the export wrote.
        host: Address to listen on; "0.0.0.0" and "::" are all addresses of the machine.
        port: Port to listen on, from 1 to 65535.
        login: User and password to ask for; None lets everyone in.
        allowed_hosts: Names, besides this machine's own, by which visitors reach the page.
        framed_by: Origins whose pages may show this one in a frame.
        proxies: Networks of proxies before the server, e.g. "10.0.0.0/8,172.16.0.0/12", whose word
            counts for who the client is. None is what FORWARDED_ALLOW_IPS says, else 127.0.0.1.
        classify_origin: Whether faces are classified by labels of origin as well.

    Raises:
        BundleError: No model can be used.
        DetectorError: The face detector is not installed, or is another one.
        OSError: The server cannot listen there.
    """
    end_on_signals()
    FaceFinder().loaded()
    hosts = Hosts.of(host, allowed_hosts)
    with listening(host, port) as listener, temporary_folder() as temporary:
        uploads, examples = Uploads(temporary / "uploads"), temporary / "examples"
        os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
        examples.mkdir()
        page = build_page(ServedModels.read(models, classify_origin), examples, uploads)
        uploads.keep_what_is_there()
        app = guarded_app(page, uploads, hosts, Login(*login) if login else None, framed_by)
        print(_welcome(host, port, hosts), flush=True)
        with suppress(KeyboardInterrupt):
            make_server(app, proxies, _SECONDS_TO_END).run([listener])


def _welcome(host: str, port: int, hosts: Hosts) -> str:
    if not hosts.everywhere:
        name = f"[{hosts.address}]" if ":" in hosts.address else host
        return f"Open http://{name}:{port} in a browser; Ctrl+C stops the server."
    names = ", ".join(sorted(hosts.named)) or "none yet"
    return (
        f"Open http://localhost:{port} in a browser; from other machines use this one's IP "
        f"address, or a name listed in ALLOWED_HOSTS ({names}). Ctrl+C stops the server."
    )
