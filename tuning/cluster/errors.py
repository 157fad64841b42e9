"""What can go wrong with a cluster that a user can do something about."""

from __future__ import annotations


class ClusterError(RuntimeError):
    """The cluster cannot be used, or gave up on a step; the message says what to do.

    Example:
        >>> str(ClusterError("RAY_ADDRESS=head:6379: nobody listens there"))
        'RAY_ADDRESS=head:6379: nobody listens there'
    """
