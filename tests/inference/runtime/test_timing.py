from inference.runtime.timing import interleaved


def test_rounds_are_interleaved_and_the_first_is_not_timed() -> None:
    calls: list[str] = []
    seconds = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert calls == ["a", "b"] * 3
    assert all(0 < value < 1 for value in seconds.values())
