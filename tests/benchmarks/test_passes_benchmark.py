from benchmarks import passes
from tuning.backbones.registry import BACKBONES
from tuning.runs.settings import Settings


def test_each_way_is_timed_at_each_cut_and_batch_size() -> None:
    settings = Settings(
        data="synthetic", backbones=("googlenet",), preset="quick", size=64, weights="none",
        algorithm="random",
    )  # fmt: skip
    speeds = passes.run(settings, [1, 2])
    first = BACKBONES["googlenet"].attach[0]
    measured = [(speed.cut, speed.batch_size) for speed in speeds]
    assert measured == [(first, 1), (first, 2), (4, 1), (4, 2)]
    for speed in speeds:
        assert list(speed.milliseconds) == ["TensorFlow", "as trained", "onnxruntime"]
        assert min(speed.milliseconds.values()) > 0 and speed.ratio > 0
    assert speeds[0].gmacs < speeds[2].gmacs
    assert passes.table(settings, speeds, 50.0).row_count == 4
    content = passes.content(settings, speeds, 50.0)
    assert content["peak_gmacs"] == 50 and len(content["passes"]) == 4
