"""The images that a study works on: a sample that grows as far as time and disk allow."""

from __future__ import annotations

from collections.abc import Callable

from tuning.runs.schema import SearchImages
from tuning.runs.study_folder import StudyFolder
from tuning.search.context import SearchContext

_FIRST = 1000  # training images of the first sample
_LEAST = 250  # of one for which time is short
_SHARE = 1 / 2  # of the time, for a pass and heads before what comes behind them


class StudyImages:
    """Number of images and of their views by now.

    Args:
        context: Run, data and settings.
        folder: Folder of the study, which keeps it between sessions.
        of_image: Size of what is cached of an image in one view, bytes.
        expect: Function of a number of images that returns the expected seconds of their pass.
        expect_solving: Function of a number of images, each view counted, that returns the expected
            seconds until the best head is solved on them.
    """

    def __init__(
        self,
        context: SearchContext,
        folder: StudyFolder,
        of_image: int,
        expect: Callable[[int], float],
        expect_solving: Callable[[int], float],
    ) -> None:
        self._context, self._folder = context, folder
        self._of_image, self._expect, self._expect_solving = of_image, expect, expect_solving
        self._now = folder.read_images()
        self.all = context.all_images()
        self.held_out = self.all.val + context.count("test")

    @property
    def now(self) -> SearchImages:
        """The images that trials work on by now."""
        assert self._now is not None, "begun first"
        return self._now

    @property
    def planned(self) -> SearchImages:
        """The same, or before the beginning those that it begins with where there is time."""
        train = min(_FIRST, self.all.train)
        return self._now or SearchImages(train=train, val=self.all.val, views=1)

    @property
    def are_all(self) -> bool:
        """Whether there are no more training images."""
        return self.now.train >= self.all.train

    def begin(self, seconds: float) -> None:
        """Take as many images as leave most of the time for what comes behind their pass.

        Args:
            seconds: Time for the backbone, infinite without a limit.
        """
        if self._now is not None:
            return
        usual = train = self.planned.train
        why = self._what_hinders(train, seconds)
        while train >= 2 * _LEAST and self._what_hinders(train, seconds):
            train //= 2
        if train < usual:
            say = self._context.progress.say
            say(f"  begins with {train:,} of {self.all.train:,} training images: {why}")
        self._take(SearchImages(train=train, val=self.all.val, views=1))

    def grow(self, seconds: float) -> bool:
        """Take all training images, or twice as many, where there are time and room for them.

        Args:
            seconds: Time that nobody needs for a first winner, infinite without a limit.

        Returns:
            Whether there are more now.
        """
        for train in (self.all.train, 2 * self.now.train):
            train, views = min(train, self.all.train), self.now.views
            takes = self._expect((train - self.now.train) * views)
            in_time = takes + self._expect_solving(train * views) <= _SHARE * seconds
            if train > self.now.train and in_time and self._fits(train):
                self._take(self.now.model_copy(update={"train": train}))
                return True
        return False

    def add_mirrored(self, seconds: float) -> bool:
        """Take the mirrored views as well, where there is time for them.

        Args:
            seconds: Time that nobody needs for a first winner, infinite without a limit.

        Returns:
            Whether they have been added.
        """
        if self.now.views == 2:
            return False
        takes = self._expect(self.now.train) + self._expect_solving(2 * self.now.train)
        if takes > _SHARE * seconds:
            return False
        self._take(self.now.model_copy(update={"views": 2}))
        return True

    def _what_hinders(self, train: int, seconds: float) -> str:
        """Why a first sample is too large; empty where it is not."""
        # Those held out pass in any case: fewer to learn from save none of their time.
        if self._expect(train) > _SHARE * (seconds - self._expect(self.held_out)):
            return "the time is short"
        return "" if self._fits(train) else "CACHE_GB leaves no room for more"

    def _take(self, images: SearchImages) -> None:
        self._now = images
        self._folder.write_images(images)

    def _fits(self, train: int) -> bool:
        """Whether the cache has room for so many images in both views, beside other backbones."""
        room = self._context.cache.budget / len(self._context.settings.backbones)
        return self._of_image * (2 * train + self.held_out) <= room
