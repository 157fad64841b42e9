"""The documentation in a real browser, which may load nothing from elsewhere."""

import pytest

pytestmark = pytest.mark.browser
