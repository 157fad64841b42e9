"""TensorBoard's logs, read back as its HParams tab reads them."""

from pathlib import Path

from small_search import completed
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tracked_run import begun_run

from tuning.runs.schema import TrialRecord
from tuning.tracking.hparams import HParamsLog


def read(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def content(events: EventAccumulator, tag: str) -> bytes:
    return events.summary_metadata[tag].plugin_data.content


def test_each_trial_is_a_session_with_its_values_and_curves(tmp_path: Path) -> None:
    run = begun_run(tmp_path, note="out of memory")
    HParamsLog(run).update()
    domains = metadata.parse_experiment_plugin_data(
        content(read(run.tensorboard / "all"), metadata.EXPERIMENT_TAG)
    )
    by_name = {info.name: info for info in domains.hparam_infos}
    rate = by_name["learning_rate"].domain_interval
    assert (rate.min_value, rate.max_value) == (5e-5, 1e-3)
    assert len(by_name["backbone"].domain_discrete.values) == 5
    assert {info.name.tag for info in domains.metric_infos} == {
        "trial/val_accuracy", "trial/val_brier", "trial/val_auc", "trial/seconds",
    }  # fmt: skip
    events = read(run.tensorboard / "googlenet" / "trial-0")
    session = metadata.parse_session_start_info_plugin_data(
        content(events, metadata.SESSION_START_INFO_TAG)
    )
    assert session.group_name == "faces: googlenet 0"
    assert session.hparams["backbone"].string_value == "googlenet"
    assert session.hparams["depth"].number_value == 0
    assert {tensor.step for tensor in events.Tensors("epoch/val_accuracy")} == {1, 2, 3}
    assert len(events.Tensors("trial/val_brier")) == 1
    failed = read(run.tensorboard / "googlenet" / "trial-1")
    assert "trial/val_brier" not in failed.Tags()["tensors"]


def test_a_log_is_written_once_and_nothing_else_is_left(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    log = HParamsLog(run)
    log.update()
    before = {path: path.stat().st_mtime_ns for path in run.tensorboard.rglob("*")}
    log.update()
    run.study("googlenet").write_trial(completed("2", 1, 0.95))
    HParamsLog(run).update()
    after = {path: path.stat().st_mtime_ns for path in run.tensorboard.rglob("*events*")}
    assert len(after) == 3
    assert all(before.get(path, time) == time for path, time in after.items())
    assert not list(run.path.glob(".tensorboard-*"))


def test_a_trial_whose_name_is_a_path_is_left_out(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    record = run.study("googlenet").trials()[0]
    hostile = TrialRecord(**record.model_dump() | {"trial": "../../../outside"})
    run.study("googlenet").trial_path("0").write_text(hostile.model_dump_json())
    HParamsLog(run).update()
    assert not list(tmp_path.rglob("*outside*"))
    assert [path.name for path in run.tensorboard.iterdir()] == ["all"]
