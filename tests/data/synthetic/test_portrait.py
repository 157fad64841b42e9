import numpy as np
import pytest

from data.synthetic.people import person, shot
from data.synthetic.portrait import draw


@pytest.mark.parametrize("seed", range(12))
def test_the_face_is_where_celeba_has_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    who = person(seed % 2, rng)
    image = np.asarray(draw(who, shot(who, rng)).convert("L"), dtype=float)
    # An eye with its lid, iris and brow varies more than the skin of the cheek below it.
    for x in (69, 109):
        eye = image[103:118, x - 9 : x + 9]
        cheek = image[124:134, x - 5 : x + 5]
        assert eye.std() > cheek.std()
