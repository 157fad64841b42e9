"""A bundle to a Hugging Face style hub: the model's repository, and the Space that shows it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export import hub_card, hub_thumbnail, space
from export.hub_repository import RECORD, Changes, Content, Hub
from inference import bundle
from inference.bundle import Bundle, BundleError
from inference.bundle.hub_requests import home

_AUDIT = "audit.csv"


@dataclass(frozen=True)
class Push:
    """What is pushed to where.

    Attributes:
        item: Bundle to push.
        repository: User or organization and name on the hub, such as "ann/faces".
        private: Whether nobody else may see new repositories.
        with_space: Whether a Space of the same name is pushed as well.
        force: Whether files are replaced that this program did not put there.
        license_id: License of the model as hubs name it; None for what its data set demands.
    """

    item: Bundle
    repository: str
    private: bool = False
    with_space: bool = False
    force: bool = False
    license_id: str | None = None

    def planned(self) -> Iterator[str]:
        """Yield in lines what would be sent. No hub is asked.

        Raises:
            BundleError: A file of the bundle is missing or changed, or it has no model card.
            SpaceError: The Space can't be written.
            OSError: Something cannot be written.
        """
        with tempfile.TemporaryDirectory(prefix="face-classifier-") as folder:
            contents = self._contents(Path(folder))
            for content in contents:
                yield from _listed(content, self.private)
            card = contents[0].files["README.md"].read_text("utf-8")
            yield "README.md of the model begins:"
            yield card[: card.index("\n---\n") + 4]
        yield "nothing was sent, and no hub was asked"

    def run(self) -> Iterator[str]:
        """Push, and yield in lines what was done.

        Nothing is sent before it is known that all may be.

        Raises:
            NoTokenError: There is no token.
            TakenError: A repository holds what this program did not put there.
            HubError: The hub refuses, or cannot be asked.
            BundleError: A file of the bundle is missing or changed, or it has no model card.
            SpaceError: The Space can't be written.
            OSError: Something cannot be written.
        """
        hub = Hub.connected()
        with tempfile.TemporaryDirectory(prefix="face-classifier-") as folder:
            contents = self._contents(Path(folder))
            changes = [
                hub.changes(content, private=self.private, force=self.force) for content in contents
            ]
            for change in changes:
                yield from self._pushed(hub, change)
        yield f"anyone who may read it uses it by --models hf://{self.repository}"

    def _pushed(self, hub: Hub, changes: Changes) -> Iterator[str]:
        content = changes.content
        if changes.is_empty:
            yield f"{content.url} holds this already: nothing changed"
            return
        size = sum(content.files[path].stat().st_size for path in changes.added)
        yield f"sending {len(changes.added)} files, {_megabytes(size)}, to {content.url}"
        message = f"Push {self.item.info.backbone} by face-classifier"
        commit = hub.push(changes, private=self.private, message=message)
        kept = len(content.files) - len(changes.added)
        yield (
            f"{content.url} is at commit {commit[:10]}: {len(changes.added)} files sent, "
            f"{len(changes.deleted)} deleted, {kept} as they were"
        )

    def _contents(self, folder: Path) -> list[Content]:
        """Put together what each repository is to hold."""
        models, name = folder / "models", self.item.folder.name
        space.copy_served(self.item, models / name)
        bundle.write_index(models, name, [name])
        contents = [Content(self.repository, "model", self._model_files(models / name))]
        if self.with_space:
            space.write(models, folder / "space")
            contents.append(Content(self.repository, "space", _tree(folder / "space")))
        return contents

    def _model_files(self, folder: Path) -> dict[str, Path]:
        """The bundle as it is served, and beside it what a hub shows and what the card tells of."""
        pushed = bundle.read(folder)
        if not pushed.card:
            raise BundleError(f"{self.item.folder} has no model card: run `make export` again")
        files = _tree(folder)
        extras = folder.with_name(f"{folder.name}-extras")
        extras.mkdir()
        text = hub_card.readme(pushed.info, pushed.card, self.repository, self.license_id, home())
        (extras / "README.md").write_text(text, encoding="utf-8")
        hub_thumbnail.draw(pushed.info, extras / hub_card.THUMBNAIL)
        if (self.item.folder / _AUDIT).is_file():
            shutil.copyfile(self.item.folder / _AUDIT, extras / _AUDIT)
        return files | _tree(extras)


def _tree(folder: Path) -> dict[str, Path]:
    """All files of a folder by their paths in it; hubs have a `.gitattributes` of their own."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".gitattributes"
    }


def _listed(content: Content, private: bool) -> Iterator[str]:
    who = "private" if private else "public"
    yield (
        f"to {content.url} (a {content.kind}, {who} if it is new): {len(content.files)} files, "
        f"{_megabytes(content.size)}, and {RECORD}"
    )
    if content.kind == "model":
        for name, path in content.files.items():
            yield f"  {_megabytes(path.stat().st_size):>10}  {name}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
