"""The options of `make tune` that say what is learned, and of which images."""

from pathlib import Path

import pytest

from data import AGES
from tuning import __main__ as command
from tuning.runs.settings import Settings

VARIABLES = ("DATA", "LABEL", "LABELS", "AGES", "FRAMING", "DROP_SUSPECTS", "WEIGHTS", "RUN")


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What would be run."""
    seen: list[Settings] = []
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(command, "_run", lambda settings, *_: seen.append(settings))
    return seen


def status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        command.main([*arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_options_are_those_of_the_settings(chosen: list[Settings]) -> None:
    asked = ["--label", " age,race", "--ages", "0-17,18+", "--framing", "detect", "--drop-suspects"]
    assert status("--data", "synthetic", *asked) == 0
    [settings] = chosen
    assert settings.label == "age,race" and settings.ages == "0-17,18+"
    assert settings.framing == "detect" and settings.drop_suspects


def test_variables_are_those_of_the_settings(
    chosen: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Settings(
        data="synthetic", backbones=("vgg16",), size=96, label="Smiling", ages="0-17,18+",
        framing="detect", drop_suspects=True, preset="quick", samples=10, budget=3,
    )  # fmt: skip
    for name, value in first.environment().items():
        monkeypatch.setenv(name, value)
    assert status() == 0
    assert chosen == [first]


def test_left_out_they_change_nothing(
    chosen: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert status("--data", "synthetic") == 0
    [settings] = chosen
    assert (settings.label, settings.ages, settings.drop_suspects) == ("", AGES, False)
    assert settings.framing is None


def test_portraits_alone_take_few_minutes_unless_more_is_asked_for(
    chosen: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PRESET", "BUDGET"):
        monkeypatch.delenv(name, raising=False)
    for asked in ([], ["--budget", "9"], ["--preset", "quick"], ["--preset", "full"]):
        assert status("--data", "synthetic", *asked) == 0
    assert [(settings.preset, settings.budget) for settings in chosen] == [
        ("quick", 5), ("quick", 9), ("quick", None), ("full", None)
    ]  # fmt: skip


def test_several_data_sets_are_resolved_each(
    chosen: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c,d"):
        Path(name).mkdir()
    assert status("--data", "a, b,synthetic") == 0
    assert status("--data", "c,d") == 0
    assert [settings.data for settings in chosen] == [
        f"{tmp_path / 'a'},{tmp_path / 'b'},synthetic", str(tmp_path / "c,d")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "synthetic,no/such"], "DATA=no/such: no such file or folder"),
        (["--data", "synthetic,"], "DATA=synthetic,: a path is missing beside a comma"),
        (["--data", "synthetic,synthetic"], "DATA=synthetic,synthetic: names synthetic twice"),
        (["--label", "Smiling,smiling"], "LABEL=Smiling,smiling: names 'smiling' twice"),
        (["--label", " , "], "names no label"),
        (["--ages", "0-17,19+"], "AGES=0-17,19+: '19+' leaves a gap behind '0-17'"),
        (["--ages", "young"], "AGES=young: 'young' is no group of ages"),
        (["--framing", "found"], "'found' is not one of"),
    ],
)
def test_wrong_ones_are_refused_in_one_line(
    chosen: list[Settings],
    arguments: list[str],
    message: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = [] if "--data" in arguments else ["--data", "synthetic"]
    assert status(*data, *arguments) == 2 and chosen == []
    [error] = capfd.readouterr().err.splitlines()
    assert error.startswith("error: ") and message in error
