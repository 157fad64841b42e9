"""Classify every photo in a folder from Python and write a table, a row a face.

    python examples/classify_folder.py photos/ faces.csv

`python -m inference predict` does this for folders of any size, and resumes; here is what it
takes to have the faces as objects of your own program. Models are those of `make export`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from data.listing import find_images
from inference import Classifier, ImageError


def main() -> None:
    """Read the arguments, write the table and print how many faces have which label."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder, searched with all folders below it")
    parser.add_argument("table", type=Path, help="CSV to write")
    parser.add_argument("--models", type=Path, default=Path("artifacts/models"))
    given = parser.parse_args()

    classifier = Classifier.load(given.models)
    table = pd.DataFrame(rows(classifier, given.photos))
    table.to_csv(given.table, index=False)
    print(table["label"].value_counts().to_string())


def rows(classifier: Classifier, folder: Path) -> Iterator[dict[str, object]]:
    """A row for each face in the photos below `folder`; photos that can't be read are named."""
    for photo in find_images(folder).images:
        try:
            faces = classifier.predict(photo)
        except ImageError as error:
            print(f"{photo}: {error}")
            continue
        for face in faces:
            yield {"photo": photo, **face.to_dict()}


if __name__ == "__main__":
    main()
