"""The written page in Chromium that knows no host but this machine, and a server for it."""

import base64
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from chromium import ALONE, chromium
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

_ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


@contextmanager
def serving(folder: Path, isolated: bool = False) -> Iterator[str]:
    """Serve a folder as `python -m http.server` does; yields its URL."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def end_headers(self) -> None:
            for name, value in (_ISOLATION if isolated else {}).items():
                self.send_header(name, value)
            super().end_headers()

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def lone_chromium(*more: str) -> Iterator[webdriver.Chrome]:
    with chromium(ALONE, *more) as browser:
        browser.set_script_timeout(120)
        yield browser


def run(browser: webdriver.Chrome, script: str, *arguments: Any) -> Any:
    """Run the body of an async function, `args` its arguments, and return what it returns."""
    answer = browser.execute_async_script(
        "const args = [...arguments]; const done = args.pop();"
        f"(async () => {{ {script} }})().then(value => done({{value}}), "
        "error => done({error: String(error?.message ?? error)}));",
        *arguments,
    )
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer.get("value")


def encoded(pixels: np.ndarray | bytes) -> str:
    return base64.b64encode(bytes(pixels)).decode()


def decoded(text: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)


def wait(browser: webdriver.Chrome, selector: str, text: str) -> str:
    """Wait until what a selector finds shows a text; returns all that it shows."""
    WebDriverWait(browser, 60, ignored_exceptions=[Exception]).until(
        lambda page: text in page.find_element(By.CSS_SELECTOR, selector).text,
        f"{selector} does not show {text!r}",
    )
    return browser.find_element(By.CSS_SELECTOR, selector).text


def requested(net_log: Path, origin: str) -> set[str]:
    """What pages and workers of an origin asked for, by a log of all that the browser did.

    Args:
        net_log: File of `--log-net-log` of a browser that has ended.
        origin: Scheme, host and port.
    """
    log = json.loads(net_log.read_text())
    kind = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    starts = [event.get("params", {}) for event in log["events"] if event["type"] == kind]
    return {one["url"] for one in starts if one.get("initiator") == origin and "url" in one}
