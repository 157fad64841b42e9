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
    assert (rate.min_value, rate.max_value) == (5e-5, 6e-4)
    assert {"stages", "depth", "grid", "head_units", "dropout"} <= set(by_name)
    assert len(by_name["backbone"].domain_discrete.values) == 5
    assert {info.name.tag for info in domains.metric_infos} == {
        "trial/score", "trial/val_accuracy", "trial/val_brier", "trial/val_auc", "trial/seconds",
    }  # fmt: skip
    events = read(run.tensorboard / "googlenet" / "trial-1")
    session = metadata.parse_session_start_info_plugin_data(
        content(events, metadata.SESSION_START_INFO_TAG)
    )
    assert session.group_name == "faces: googlenet 1"
    assert session.hparams["backbone"].string_value == "googlenet"
    assert session.hparams["depth"].number_value == 1
    assert {tensor.step for tensor in events.Tensors("leg/val_accuracy")} == {1000, 2000, 3000}
    assert len(events.Tensors("trial/val_brier")) == 1
    head = read(run.tensorboard / "googlenet" / "trial-0")
    assert [tensor.step for tensor in head.Tensors("leg/val_accuracy")] == [1000]
    failed = read(run.tensorboard / "googlenet" / "trial-2")
    assert "trial/val_brier" not in failed.Tags()["tensors"]


def test_a_trial_grows_by_its_legs_and_each_is_written_once(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    log = HParamsLog(run)
    log.update()
    before = {path: path.stat().st_mtime_ns for path in run.tensorboard.rglob("*events*")}
    log.update()
    assert len(list(run.tensorboard.rglob("*events*"))) == len(before) == 3
    run.study("googlenet").write_trial(completed("1", 1, 0.5, 0.7, 0.9, 0.95, 0.96))
    HParamsLog(run).update()
    after = {path: path.stat().st_mtime_ns for path in run.tensorboard.rglob("*events*")}
    assert len(after) == 4
    assert all(before.get(path, time) == time for path, time in after.items())
    events = read(run.tensorboard / "googlenet" / "trial-1")
    steps = [tensor.step for tensor in events.Tensors("leg/val_accuracy")]
    assert steps == [1000, 2000, 3000, 4000, 5000]
    assert [tensor.step for tensor in events.Tensors("trial/val_brier")] == [3000, 5000]
    assert not list(run.path.glob(".tensorboard-*"))


def test_a_head_that_is_solved_again_is_written_again(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    HParamsLog(run).update()
    record = run.study("googlenet").trials()[0]
    assert record.result
    leg = record.result.history[0].model_copy(update={"images": 4000})
    more = record.result.model_copy(update={"history": (leg,), "val_accuracy": 0.85})
    run.study("googlenet").write_trial(record.model_copy(update={"result": more}))
    HParamsLog(run).update()
    events = read(run.tensorboard / "googlenet" / "trial-0")
    assert [tensor.step for tensor in events.Tensors("trial/val_accuracy")] == [1000, 4000]


def test_a_trial_whose_name_is_a_path_is_left_out(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    record = run.study("googlenet").trials()[0]
    hostile = TrialRecord(**record.model_dump() | {"trial": "../../../outside"})
    run.study("googlenet").record_path("0").write_text(hostile.model_dump_json())
    HParamsLog(run).update()
    assert not list(tmp_path.rglob("*outside*"))
    assert [path.name for path in (run.tensorboard / "googlenet").iterdir()] == ["trial-1"]
