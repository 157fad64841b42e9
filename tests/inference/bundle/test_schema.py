import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_bundles import make_info

SHARES = st.floats(0, 1)


@given(st.lists(SHARES, min_size=3, max_size=3).map(sorted), SHARES, SHARES)
def test_label_follows_the_band(cuts: list[float], first: float, second: float) -> None:
    low, threshold, high = cuts
    info = make_info(threshold=threshold, band={"low": low, "high": high})
    order = ["woman", "uncertain", "man"]
    smaller, larger = (info.label_of(p) for p in sorted((first, second)))
    assert order.index(smaller) <= order.index(larger)
    assert (info.label_of(first) == "uncertain") == (low < first < high)


@given(SHARES, SHARES)
def test_without_a_band_the_threshold_decides(threshold: float, p_man: float) -> None:
    info = make_info(threshold=threshold, band=None)
    assert info.label_of(p_man) == ("man" if p_man >= threshold else "woman")


def test_a_probability_that_is_no_number_is_uncertain() -> None:
    assert make_info(band=None).label_of(float("nan")) == "uncertain"


def test_a_band_beside_the_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="inside the uncertainty band"):
        make_info(threshold=0.2)
