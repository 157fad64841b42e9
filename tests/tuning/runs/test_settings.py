"""Settings that are the same wherever a run goes on, though machines differ."""

import pytest
from pydantic import ValidationError

from tuning import precision
from tuning.runs.settings import Settings


def settings(value: str) -> Settings:
    return Settings.model_validate(
        {"data": "faces", "backbones": ["vgg16"], "size": 96, "precision": value}
    )


@pytest.mark.parametrize(("amx", "policy"), [(True, "mixed_bfloat16"), (False, "float32")])
def test_auto_is_kept_and_resolved_where_it_computes(
    amx: bool, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_capabilities", list)
    monkeypatch.setattr(precision, "_multiplies_bfloat16", lambda: amx)
    chosen = settings("auto")
    assert chosen.policy == policy
    assert chosen.model_dump()["precision"] == chosen.environment()["PRECISION"] == "auto"
    assert chosen.fingerprint() == settings("auto").fingerprint()


@pytest.mark.parametrize("value", ["mixed_float16", "", "double", None])
def test_other_words_are_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="precision"):
        settings(value)
