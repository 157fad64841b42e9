"""Settings of the service, as the command line takes them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What the service is started with; every process of it gets the same.

    Attributes:
        models: Folder that the export wrote.
        host: Address to listen on; "0.0.0.0" and "::" are all addresses of the machine.
        port: Port to listen on, from 1 to 65535.
        allowed_hosts: Names, besides this machine's own, by which clients reach the server.
        keys: API keys, with commas between; empty lets everyone in.
        login: User and password of the page; None lets everyone in.
        has_page: Whether the page is served as well.
        workers: Number of processes.
        queue: Largest number of pictures in a process that wait or are worked on.
        of_one_client: Largest number of them, and of open requests, of one client.
        seconds: Time within which a request must be answered.
        seconds_to_end: Time for requests under way when the server is stopped.
        classify_origin: Whether faces are classified by labels of origin as well.

    Example:
        >>> Settings(Path("artifacts/models"), "127.0.0.1", 8000).has_page
        True
    """

    models: Path
    host: str
    port: int
    allowed_hosts: tuple[str, ...] = ()
    keys: str = ""
    login: tuple[str, str] | None = None
    has_page: bool = True
    workers: int = 1
    queue: int = 64
    of_one_client: int = 32
    seconds: float = 30.0
    seconds_to_end: int = 30
    classify_origin: bool = False
