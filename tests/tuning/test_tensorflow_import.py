"""What every process sets where it imports TensorFlow."""

import os

import pytest

from tuning.tensorflow_import import import_tensorflow


def test_float32_is_float32_and_memory_is_taken_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    tf.config.experimental.enable_tensor_float_32_execution(True)
    import_tensorflow()
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


def test_gpus_can_be_left_to_others() -> None:
    import tensorflow as tf

    import_tensorflow(gpus=False)
    assert not tf.config.get_visible_devices("GPU")
    assert tf.config.get_visible_devices("CPU")


@pytest.mark.parametrize(("chosen", "expected"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_the_user_has_chosen(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, expected: str
) -> None:
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if chosen:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", chosen)
    import_tensorflow()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == expected
