import numpy as np

from data.synthetic.people import person


def test_cues_overlap_so_that_none_decides() -> None:
    women = [person(0, np.random.default_rng((0, i))) for i in range(400)]
    men = [person(1, np.random.default_rng((1, i))) for i in range(400)]
    cues = ("face_width", "jaw", "chin", "brow", "eye_size", "nose", "lips", "neck", "hair_length")
    for cue in cues:
        low = np.array([float(getattr(who, cue)) for who in women])
        high = np.array([float(getattr(who, cue)) for who in men])
        thresholds = np.unique(np.concatenate([low, high]))
        best = max(
            max(accuracy, 1 - accuracy)
            for t in thresholds
            if (accuracy := (np.mean(low <= t) + np.mean(high > t)) / 2) is not None
        )
        assert 0.65 < best < 0.93, cue
