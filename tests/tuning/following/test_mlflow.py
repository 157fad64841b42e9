"""MLflow as it meets a search: all of it logged, once, and nothing lost to a server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest
from small_search import completed
from tracked_run import begun_run, winner_of

from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import Clock
from tuning.tracking import mlflow_server
from tuning.tracking.mlflow_log import STEP, MlflowLog, TrackedRun
from tuning.tracking.mlflow_thread import MlflowThread
from tuning.tracking.trackers import tracked

mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")

_SERVER = os.environ.get("MLFLOW_COMMAND") or (find_spec("flask") and shutil.which("mlflow"))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """MLflow's own store of files, which speaks the client's language without a server."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv(mlflow_server.URI, (tmp_path / "store").as_uri())
    monkeypatch.delenv(mlflow_server.EXPERIMENT, raising=False)
    return (tmp_path / "store").as_uri()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return begun_run(tmp_path, note="out of memory")


def update(run: RunFolder, state: str = "RUNNING") -> TrackedRun:
    log = MlflowLog(run, mlflow_server.client(), mlflow_server.server() or "")
    logged = log.update(state)  # type: ignore[arg-type]
    assert logged
    return logged


def children(parent: TrackedRun) -> dict[str, mlflow.entities.Run]:
    wanted = f"tags.`mlflow.parentRunId` = '{parent.run}'"
    found = mlflow_server.client().search_runs([parent.experiment], wanted)
    names = [child.data.tags[STEP] for child in found]
    assert len(names) == len(set(names))
    return dict(zip(names, found, strict=True))


def test_a_search_is_a_parent_and_trials_and_winners_its_children(
    store: str, run: RunFolder
) -> None:
    run.write_winner(winner_of("googlenet"))
    run.winner("googlenet").touch()
    run.report.write_text("<p>report</p>")
    parent = update(run, "FINISHED")
    client = mlflow_server.client()
    search = client.get_run(parent.run)
    assert search.info.status == "FINISHED" and search.data.params["backbones"] == "googlenet,vgg16"
    assert search.data.tags["label"] == "gender" and search.data.tags["data"] == "CelebA"
    assert search.data.metrics["best_score"] == pytest.approx(0.1)
    (given,) = search.inputs.dataset_inputs
    assert given.dataset.digest == ("0a1b" * 16)[:32]
    files = {file.path for file in client.list_artifacts(parent.run)}
    assert files == {"config.json", "leaderboard.csv", "report.html"}
    found = children(parent)
    names = ["googlenet/trial-0", "googlenet/trial-1", "googlenet/trial-2", "googlenet/winner"]
    assert sorted(found) == names
    head, trial, failed, winner = (found[name] for name in names)
    assert head.info.status == "FINISHED" and head.data.tags["ended"] == "solved"
    assert trial.data.params["depth"] == "1" and trial.data.metrics["val_accuracy"] == 0.9
    assert legs_of(trial) == [(1000, 0.5), (2000, 0.7), (3000, 0.9)]
    assert failed.info.status == "FAILED" and failed.data.tags["ended"] == "out of memory"
    assert winner.data.metrics["test_accuracy"] == 0.8 and winner.data.tags["trial"] == "1"


def test_a_trial_grows_by_its_legs_and_each_is_logged_once(store: str, run: RunFolder) -> None:
    log = MlflowLog(run, mlflow_server.client(), mlflow_server.server() or "")
    first = log.update("RUNNING")
    assert first and children(first)["googlenet/trial-1"].info.status == "RUNNING"
    run.study("googlenet").write_trial(completed("1", 1, 0.5, 0.7, 0.9, 0.95, ended=""))
    log.update("KILLED")
    trial = children(first)["googlenet/trial-1"]
    assert legs_of(trial) == [(1000, 0.5), (2000, 0.7), (3000, 0.9), (4000, 0.95)]
    assert trial.info.status == "KILLED"
    update(run)
    trial = children(first)["googlenet/trial-1"]
    assert trial.info.status == "RUNNING" and len(legs_of(trial)) == 4
    run.study("googlenet").write_trial(completed("1", 1, 0.5, 0.7, 0.9, 0.95, 0.95))
    update(run)
    trial = children(first)["googlenet/trial-1"]
    assert trial.info.status == "FINISHED" and len(legs_of(trial)) == 5
    assert trial.data.tags["ended"] == "converged"


def test_a_winner_that_is_brought_up_to_date_stays_one_child(store: str, run: RunFolder) -> None:
    run.winner("googlenet").parent.mkdir(exist_ok=True)
    run.winner("googlenet").touch()
    for trial, seconds in (("0", 60), ("1", 120)):
        run.write_clock(Clock(seconds=seconds))
        facts = winner_of("googlenet").model_copy(
            update={"trial": trial, "created": f"2026-11-26T19:{trial}0:00+00:00"}
        )
        run.write_winner(facts)
        for _ in range(2):
            parent = update(run)
    winner = children(parent)["googlenet/winner"]
    client = mlflow_server.client()
    curve = client.get_metric_history(winner.info.run_id, "test_accuracy")
    assert [point.step for point in curve] == [60, 120]
    assert winner.data.tags["trial"] == "1"


def legs_of(trial: mlflow.entities.Run) -> list[tuple[int, float]]:
    client = mlflow_server.client()
    curve = client.get_metric_history(trial.info.run_id, "leg/val_accuracy")
    return [(point.step, point.value) for point in curve]


def test_a_run_that_goes_on_goes_on_in_the_same_runs(store: str, run: RunFolder) -> None:
    first = update(run, "KILLED")
    before = children(first)
    run.study("googlenet").write_trial(completed("3", 1, 0.95))
    second = update(run)
    assert second == first
    assert mlflow_server.client().get_run(first.run).info.status == "RUNNING"
    after = children(second)
    assert set(after) - set(before) == {"googlenet/trial-3"}
    assert after["googlenet/trial-0"].info.run_id == before["googlenet/trial-0"].info.run_id


@pytest.mark.parametrize("call", ["log_batch", "log_inputs", "set_terminated"])
def test_what_was_begun_before_a_failure_is_finished(
    store: str, run: RunFolder, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = mlflow_server.client()
    log = MlflowLog(run, client, mlflow_server.server() or "")
    with monkeypatch.context() as patched:
        patched.setattr(client, call, lambda *_, **__: (_ for _ in ()).throw(OSError("no")))
        with pytest.raises(OSError, match="no"):
            log.update("RUNNING")
    parent = update(run)
    found = client.search_runs([parent.experiment])
    assert sum("mlflow.parentRunId" not in one.data.tags for one in found) == 1
    (given,) = client.get_run(parent.run).inputs.dataset_inputs
    assert given.dataset.name == "CelebA"
    assert children(parent)["googlenet/trial-0"].data.metrics["val_brier"] == pytest.approx(0.25)


def test_a_run_that_was_deleted_there_is_logged_anew(store: str, run: RunFolder) -> None:
    first = update(run)
    mlflow_server.client().delete_run(first.run)
    assert update(run).run != first.run


def test_names_of_labels_that_mlflow_refuses(store: str, run: RunFolder) -> None:
    facts = winner_of("googlenet", "../../x")
    several = (*facts.labels, *winner_of("googlenet", "<b>é").labels)
    run.write_winner(facts.model_copy(update={"labels": several}))
    run.winner("googlenet").touch()
    metrics = children(update(run))["googlenet/winner"].data.metrics
    assert {"______x/test_auc", "_b__/test_auc"} <= set(metrics)


class _Refuses(BaseHTTPRequestHandler):
    """A tracking server that takes no work: 401 with the password in its words, or silence."""

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        if self.server.server_name == "silent":
            time.sleep(5)
            return
        self.send_response(401)
        self.end_headers()
        self.wfile.write(b"who is ann:s3cret%21 or s3cret!\x1b[2J")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["refuses", "silent", "down"])
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refuses)
    server.daemon_threads = True
    server.server_name = request.param
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    monkeypatch.setenv(mlflow_server.URI, f"http://ann:s3cret%21@{address}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    if request.param == "down":
        server.server_close()
    yield f"http://{address}"
    server.shutdown()


def test_a_broken_server_costs_a_line_and_no_secret(
    broken: str, run: RunFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    assert mlflow_server.server() == broken
    thread = MlflowThread(run, broken, said.append)
    for _ in range(2):
        thread.wake()
    thread.finish("FINISHED")
    assert len(said) == 2 and all(broken in line for line in said)
    silence = f"MLflow at {broken}: it does not respond; the search goes on without it"
    assert said[0] == silence or ("401" in said[0] and "the search goes on" in said[0])
    assert "the same command logs what is missing" in said[1]
    printed = capfd.readouterr()
    for text in (*said, printed.out, printed.err):
        assert "s3cret" not in text and "\x1b" not in text
    assert not run.mlflow.exists()


def test_what_a_server_missed_is_logged_when_it_answers(
    store: str, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(mlflow_server, "client", lambda: 1 / 0)
    thread = MlflowThread(run, "store", said.append)
    thread.wake()
    while not said:
        time.sleep(0.01)
    monkeypatch.undo()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv(mlflow_server.URI, store)
    thread.finish("FINISHED")
    assert said[1:] == ["MLflow at store has all of this run now"]
    assert len(children(update(run))) == 3


def test_without_an_address_mlflow_is_not_imported(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(mlflow_server.URI, raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    said: list[str] = []
    with tracked(run, said.append) as track:
        track()
    assert not said and not run.mlflow.exists() and run.tensorboard.is_dir()
    code = "import sys, tuning.tracking.mlflow_thread; print('mlflow' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == "False\n"


@pytest.mark.skipif(
    not _SERVER,
    reason="needs all of mlflow, whose pins differ from ours: pip install it elsewhere, and give "
    "MLFLOW_COMMAND=<its venv>/bin/mlflow",
)
def test_a_real_server_with_sqlite(
    tmp_path: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [
        str(_SERVER), "server", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db",
        "--artifacts-destination", str(tmp_path / "files"), "--port", port, "--workers", "1",
    ]  # fmt: skip
    log = (tmp_path / "server.log").open("w")
    with subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as server:
        try:
            monkeypatch.setenv(mlflow_server.URI, f"http://ann:s3cret@127.0.0.1:{port}")
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
            first, second = update(run, "KILLED"), update(run, "FINISHED")
            assert (
                len(children(first)) == 3
                and len(legs_of(children(first)["googlenet/trial-1"])) == 3
            )
            assert first == second and "s3cret" not in run.mlflow.read_text()
        finally:
            os.killpg(server.pid, signal.SIGTERM)


@pytest.mark.parametrize(
    "missing, uri, words",
    [
        ("mlflow", "http://127.0.0.1:9", "mlflow is not installed: pip install '.[mlflow]'"),
        ("sqlalchemy", "sqlite:///runs.db", "such an address needs pip install mlflow"),
    ],
)
def test_what_is_not_installed_is_said(
    missing: str, uri: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mlflow_server.URI, uri)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr(mlflow_server, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError) as raised:
        mlflow_server.client()
    assert words in mlflow_server.reason(raised.value)


@pytest.mark.parametrize(
    "uri, shown",
    [
        ("http://ann:s3/cr?et#@host:5000/x", "http://host:5000/x"),
        ("http://ann:s3cret@[bad", "http://[bad"),
        ("https://host/mlflow?token=s3cret", "https://host/mlflow"),
        ("  databricks  ", "databricks"),
        ("postgresql+psycopg2://ann:s%40crets3cr@db/mlflow", "postgresql+psycopg2://db/mlflow"),
        ("http://host\x1b[2J\n", "http://host\\x1b[2J"),
    ],
)
def test_an_address_is_shown_without_its_secrets(
    uri: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mlflow_server.URI, uri)
    assert mlflow_server.server() == shown
    said = mlflow_server.reason(ValueError(f"cannot ask {uri}"))
    assert "s3c" not in said and "s3/c" not in said and "\x1b" not in said
