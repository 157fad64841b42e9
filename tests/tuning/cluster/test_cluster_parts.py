"""Parts of the cluster's room that need no Ray: tokens, places, checks, old images, messages."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from small_search import chosen, result_of

from tuning.bars import Bars
from tuning.cluster import connection
from tuning.cluster.checks import checked
from tuning.cluster.engines import engine_of
from tuning.cluster.errors import ClusterError
from tuning.cluster.places import Places
from tuning.cluster.token import token_in
from tuning.cluster.workplace import remove_old
from tuning.helpers import Helpers
from tuning.search.engine import OneProcess
from tuning.search.steps import Layout, Trained
from tuning.search.winner import Evaluation


def test_a_folder_with_another_token_is_not_shared(tmp_path: Path) -> None:
    with token_in(tmp_path) as token:
        assert token.is_here()
        token.path.write_text("0" * 64)
        assert not token.is_here()
    assert not list(tmp_path.iterdir())


def test_tokens_of_drivers_that_were_killed_long_ago_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / ".shared-00", tmp_path / ".shared-01"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    with token_in(tmp_path):
        assert not old.exists() and new.exists()


def test_a_step_takes_a_gpu_where_there_are_some() -> None:
    machines = [{"CPU": 8.0}, {"CPU": 32.0, "GPU": 4.0}, {"CPU": 16.0, "GPU": 2.0}]
    places = Places.of(machines, cores=4, home="ab" * 28)
    assert places.slots == 6
    assert places.of_step() == {"num_cpus": 4, "num_gpus": 1}
    assert places.on_processors() == {"num_cpus": 4, "num_gpus": 0}


def test_small_machines_give_a_step_what_they_have() -> None:
    places = Places.of([{"CPU": 1.0}] * 3, cores=4, home="ab" * 28)
    assert (places.slots, places.cores) == (3, 1)
    assert Places.of([{}], cores=4, home="ab" * 28).slots == 0


ZIP = b"PK\x03\x04"
RESULT = result_of(chosen(1), 0.9)


@pytest.mark.parametrize(
    ("step", "value"),
    [
        ("train", None),
        ("train", Trained("better than all", ZIP)),  # type: ignore[arg-type]
        ("train", Trained(RESULT, b"\x89HDF\r\n\x1a\n")),
        ("train", Trained(RESULT, ZIP, b"#!/bin/sh")),
        ("fit_head", Trained(RESULT, ZIP, out_of_fold=np.array([[2.0, -1.0]]))),
        ("fit_head", Trained(RESULT, ZIP, out_of_fold=np.array([0.5, 0.5]))),
        ("fit_head", Trained(RESULT, ZIP, out_of_fold=[[0.5, 0.5]])),  # type: ignore[arg-type]
        ("evaluate", Evaluation(np.array([[2.0, -1.0]]), ZIP, 1.0, 1)),
        ("evaluate", Evaluation(np.array([[np.nan, 0.5]]), ZIP, 1.0, 1)),
        ("evaluate", Evaluation(np.array([[0.5, 0.5]]), b"#!/bin/sh", 1.0, 1)),
        ("evaluate", Evaluation(np.array([[0.5, 0.5]]), None, 1.0, 1)),  # type: ignore[arg-type]
        ("make_pass", "5"),
        ("make_pass", None),
        ("make_pass", -1),
        ("layout", {"bytes": {}, "grids": {}}),
        ("layout", Layout({1: (2, 2, 8)}, {2: (1,)}, {0: 0.0, 1: 0.1})),
    ],
)
def test_what_a_step_does_not_return_is_refused(step: str, value: object) -> None:
    with pytest.raises(ClusterError, match=f"for the step {step}"):
        checked(step, value)


def test_what_a_step_returns_is_taken() -> None:
    evaluation = Evaluation(np.array([[0.5, 0.5]]), ZIP, 1.0, 1)
    head = Trained(RESULT, ZIP, out_of_fold=np.array([[0.5, 0.5], [np.nan, np.nan]]))
    leg = Trained(RESULT, None, ZIP)
    layout = Layout({1: (2, 2, 8)}, {1: (1, 2)}, {0: 0.0, 1: 0.1})
    steps = {"evaluate": evaluation, "fit_head": head, "train": leg, "layout": layout}
    for step, value in {**steps, "make_pass": 0}.items():
        assert checked(step, value) is value


def test_images_of_old_runs_make_room_but_not_those_of_this_one(tmp_path: Path) -> None:
    now = time.time()
    for age, name in enumerate(("new", "mine", "old")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "images-00.npy").write_bytes(bytes(100))
        os.utime(tmp_path / name, (now - age, now - age))
    remove_old(tmp_path / "mine", budget=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "new"]
    remove_old(tmp_path / "mine", budget=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_without_workers_or_an_address_this_process_works_alone(tmp_path: Path) -> None:
    with engine_of(Helpers(), tmp_path, Bars()) as engine:
        assert isinstance(engine, OneProcess)


def test_without_ray_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "find_spec", lambda _: None)
    for workers, address in ((2, None), (None, "head:6379")):
        with (
            pytest.raises(ClusterError, match=r"need Ray.*cluster\]"),
            engine_of(Helpers(workers, address), tmp_path, Bars(Console(quiet=True))),
        ):
            pass


@pytest.mark.parametrize(
    "address", ["ray://head:10001", "head", "head:port", ":6379", "http://a:1"]
)
def test_an_address_of_another_kind_is_refused_at_once(address: str, tmp_path: Path) -> None:
    with (
        pytest.raises(ClusterError, match=r"give host:port"),
        engine_of(Helpers(address=address), tmp_path, Bars(Console(quiet=True))),
    ):
        pass
