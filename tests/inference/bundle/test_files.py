from pathlib import Path

from inference import bundle


def test_a_saved_model_folder_is_hashed_with_its_names(tmp_path: Path) -> None:
    saved = tmp_path / "saved_model"
    (saved / "variables").mkdir(parents=True)
    (saved / "variables" / "data").write_bytes(b"weights")
    form = bundle.ModelFile.of(saved)
    assert form.bytes == 7
    (saved / "variables" / "data").rename(saved / "variables" / "other")
    assert bundle.digest(saved) != form.sha256
