import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from inference.__main__ import app
from inference.errors import ProviderError
from inference.runtime import providers
from inference.runtime.providers import PROVIDERS, chosen, parse

NAMES = st.sampled_from(PROVIDERS)


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    providers._warn_once.cache_clear()


@given(st.lists(NAMES), st.sampled_from([",", " , ", ",,"]), st.booleans())
def test_each_name_is_kept_once_in_order_and_the_cpu_is_last(
    names: list[providers.Provider], comma: str, loud: bool
) -> None:
    text = comma.join(names)
    read = parse(text.upper() if loud else text)
    assert read[-1] == "cpu" and len(set(read)) == len(read)
    assert list(read[:-1]) == [name for name in dict.fromkeys(names) if name != "cpu"]
    assert parse(",".join(read)) == read


@given(st.text())
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        assert set(parse(text)) <= set(PROVIDERS)
    except ProviderError as error:
        assert len(str(error).splitlines()) == 1 and "cuda, openvino, coreml, dml, cpu" in str(
            error
        )
        assert len(str(error)) < 150


def test_what_is_missing_is_said_once_and_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(providers, "find_spec", lambda name: None)
    monkeypatch.setattr(providers.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setenv("PROVIDERS", "cuda,openvino,coreml,dml,cpu")
    assert chosen(None) == chosen(None) == ("cpu",)
    cuda, openvino, coreml, dml = caplog.messages
    assert "onnxruntime-gpu" in cuda and "offers CPUExecutionProvider" in cuda
    assert "pip install '.[openvino]'" in openvino
    assert "macOS" in coreml and "Windows" in dml


def test_openvino_is_the_default_only_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PROVIDERS", " ")
    monkeypatch.setattr(providers, "find_spec", lambda name: None)
    assert chosen(None) == ("cpu",)
    monkeypatch.setattr(providers, "find_spec", lambda name: name)
    assert chosen(None) == ("openvino", "cpu")
    assert not caplog.messages


def test_what_is_given_counts_more_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        providers.ort, "get_available_providers", lambda: list(providers.NAMES.values())
    )
    monkeypatch.setenv("PROVIDERS", "dml")
    assert chosen(("coreml", "cpu", "cuda")) == ("coreml", "cuda", "cpu")
    with pytest.raises(ProviderError, match="'gpu'"):
        chosen(("gpu",))


@pytest.mark.parametrize("command", ["predict", "demo", "serve", "bench"])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_an_unknown_name_is_wrong_usage(
    command: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDERS", "tpu,\x1b[31m" if by == "environment" else "")
    option = ["--providers", "tpu,\x1b[31m"] if by == "option" else []
    result = CliRunner().invoke(app, [command, *option])
    assert result.exit_code == 2
    assert "tpu" in result.stderr and "cuda, openvino, coreml, dml, cpu" in result.stderr
    assert "\x1b" not in result.stderr
