"""What can go wrong in serving, a class a cause. Each message is one line that says what to do."""


class ServingError(RuntimeError):
    """Base of the errors below: one line for the person who runs the program, no defect of it."""


class BundleError(ServingError):
    """An exported model that is missing, damaged, foreign or of another version."""


class HubError(BundleError):
    """A hub that refuses, or a repository there without a bundle that can be trusted."""


class UnreachableError(HubError):
    """A hub that cannot be asked now: no network, no response, too many requests."""


class ProviderError(ServingError):
    """A runtime that has no such name."""


class DetectorError(ServingError):
    """A face detector that is not installed, or holds other weights than the known ones."""


class PhotosError(ServingError):
    """A folder without photos that can be read."""


class OutputError(ServingError):
    """An output that must not be written, or not be continued."""


class VideoError(ServingError):
    """A video or camera that cannot be read, without its name."""
