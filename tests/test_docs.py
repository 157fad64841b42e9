"""What pages and Dockerfile say about the tree holds: links, paths, settings."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
PACKAGES = "data|tuning|export|inference|benchmarks|tests|docs|examples"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", page.read_text(encoding="utf-8")):
        file, _, heading = target.partition("#")
        text = (page.parent / file if file else page).read_text(errors="replace")
        titles = {re.sub(r"\W+", "-", title.lower()) for title in re.findall(r"(?m)^#+ (.*)", text)}
        assert not heading or heading in titles, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_are_there(page: Path) -> None:
    words = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    paths = [word for word in words if re.fullmatch(rf"(?:{PACKAGES})/[\w/.-]*", word)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    pages = [page for page in folder.glob("*.md") if page.name != "README.md"]
    assert [page.name for page in pages if f"]({page.name})" not in index] == []


def test_every_setting_of_tune_is_in_the_architecture() -> None:
    commands = (ROOT / "tuning" / "__main__.py").read_text(encoding="utf-8")
    settings = set(re.findall(r'envvar="([A-Z_]+)"', commands)) - {"ARTIFACTS"}
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert settings
    assert [name for name in sorted(settings) if f"`{name}`" not in page] == []


def test_what_the_dockerfile_copies_is_sent_to_docker() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]}
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied == {line.removeprefix("!") for line in sent if line.startswith("!")}
