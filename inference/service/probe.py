"""Is the service of this container ready? Run as a module, it exits with 0 if so."""

import http.client
import os
import sys

_SECONDS = 4


def is_ready(port: int) -> bool:
    """Whether a service on this machine takes requests.

    Args:
        port: Port that it listens on.

    Example:
        >>> is_ready(1)
        False
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(int(os.environ.get("PORT", "8000"))))
