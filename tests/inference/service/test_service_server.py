"""The service as a process: how it starts, runs in several, and ends."""

import os
import signal
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest
from service_client import KEY, ROOT, form, running, start
from typer.testing import CliRunner

from inference.__main__ import app

SLOW = (
    "import time, inference.service.pipeline as pipeline; prepare = pipeline._prepare; "
    "pipeline._prepare = lambda *given: (time.sleep(2), prepare(*given))[1]"
)


@pytest.mark.parametrize(
    ("options", "variables", "said"),
    [
        (["--workers", "2", "--page"], {}, "--workers 1"),
        ([], {"FACE_CLASSIFIER_API_KEY": KEY}, "--no-page"),
        (["--user", "me", "--password", "secret"], {}, "FACE_CLASSIFIER_API_KEY"),
        (["--user", "me"], {}, "give both or neither"),
        (["--no-page"], {"FACE_CLASSIFIER_API_KEY": "short"}, "at least 16 characters"),
        (["--no-page", "--models", "nowhere"], {}, "run `make export` first"),
        (["--queue", "1"], {}, "--queue"),
    ],
)
def test_wrong_usage_is_one_line(
    exported: Path, options: list[str], variables: dict[str, str], said: str
) -> None:
    environment = {"MODELS": str(exported), "PORT": "18999", "COLUMNS": "200"} | variables
    result = CliRunner().invoke(app, ["serve", *options], env=environment)
    assert result.exit_code == 2
    assert said in result.stderr and result.stderr.count("\n") == 1


def test_a_request_under_way_is_answered_when_the_server_is_stopped(
    exported: Path, tmp_path: Path, red: bytes
) -> None:
    answers: list[httpx.Response] = []
    served = start(exported, tmp_path, "--no-page", hurry=SLOW)
    served.wait()
    with served.client() as client:
        ask = threading.Thread(
            target=lambda: answers.append(client.post("/v1/faces", files=form(("a", red))))
        )
        ask.start()
        time.sleep(1)
        served.process.send_signal(signal.SIGTERM)
        ask.join()
    assert served.process.wait(timeout=60) == 0
    assert answers[0].is_success and answers[0].json()["images"][0]["faces"]


def workers_of(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children()
    alive = [one for one in children if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in alive if "resource_tracker" not in " ".join(one.cmdline())]


def test_processes_count_together_are_replaced_and_end(
    exported: Path, tmp_path: Path, red: bytes
) -> None:
    with running(exported, tmp_path, "--workers", "2") as served, served.client() as client:
        pid = served.process.pid
        first, second = workers_of(pid)
        for _ in range(8):
            answer = client.post(
                "/v1/faces", files=form(("a", red)), headers={"Connection": "close"}
            )
            assert answer.is_success
        text = client.get("/metrics").text
        assert 'face_classifier_requests_total{path="/v1/faces",status="200"} 8.0' in text
        assert "face_classifier_queue_pictures 0.0" in text
        assert client.get("/", headers={"Connection": "close"}).status_code == 404, "no page"
        first.kill()
        deadline = time.monotonic() + 120
        while len({one.pid for one in workers_of(pid)} - {first.pid}) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert client.get("/metrics", headers={"Connection": "close"}).text.count('"200"} 8.0') == 1
        assert "another takes its place" in served.log.read_text()
    for worker in (second,):
        assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_processes_end_with_the_one_that_started_them(exported: Path, tmp_path: Path) -> None:
    served = start(exported, tmp_path, "--workers", "2")
    served.wait()
    workers = workers_of(served.process.pid)
    served.process.kill()
    served.process.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive


def test_processes_that_have_no_model_end_with_its_line(tmp_path: Path) -> None:
    served = start(tmp_path / "nowhere", tmp_path, "--workers", "2")
    assert served.process.wait(timeout=240) == 2
    lines = served.log.read_text().splitlines()
    assert any("run `make export` first" in line for line in lines)
    assert not any("Traceback" in line for line in lines)


def test_it_serves_from_a_folder_that_cannot_be_written(exported: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    environment = {"HOME": str(locked), "XDG_CACHE_HOME": str(locked / "cache")}
    with running(exported, tmp_path, "--no-page", **environment) as served:
        assert httpx.get(f"{served.url}/readyz", trust_env=False).is_success
    assert os.access(ROOT, os.R_OK)
