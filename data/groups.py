"""Numbers that say what belongs together: rows of one person, files of one picture."""

import numpy as np


def joined(numbers: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Give those one number that are in a pair, and whatever hangs together by pairs.

    Args:
        numbers: Numbers of N things, 0..P-1, int64 [N].
        pairs: Pairs of such numbers, int64 [M, 2].

    Returns:
        Other numbers of the N things, 0..Q-1, int64 [N].

    Example:
        >>> joined(np.array([0, 1, 1, 2, 3]), pairs=np.array([[1, 3]])).tolist()
        [0, 1, 1, 2, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = numbers.max(initial=-1) + 1
    links = coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(count, count))
    return connected_components(links, directed=False)[1][numbers].astype(np.int64)


def with_first(numbers: np.ndarray) -> np.ndarray:
    """Pair each row but the first of a number with that first row.

    Args:
        numbers: Numbers of N rows, int64 [N].

    Returns:
        Pairs of rows, the first of the number and another one, int64 [M, 2].

    Example:
        >>> with_first(np.array([7, 5, 7, 7])).tolist()
        [[0, 2], [0, 3]]
    """
    first = first_rows(numbers)
    others = np.flatnonzero(first != np.arange(len(first)))
    return np.stack([first[others], others], axis=1)


def first_rows(numbers: np.ndarray) -> np.ndarray:
    """Find for each row the first one with its number.

    Args:
        numbers: Numbers of N rows, int64 [N].

    Returns:
        Rows, int64 [N].

    Example:
        >>> first_rows(np.array([7, 5, 7])).tolist()
        [0, 1, 0]
    """
    _, first, of_row = np.unique(numbers, return_index=True, return_inverse=True)
    return first[of_row.reshape(-1)]
