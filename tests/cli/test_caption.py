"""`finealign caption`: one line per picture, those that cannot be read included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.questioner import annotated
from tests.questioner.pretraining.test_train import params

from pipeline.cli.caption import caption_pictures, find_pictures
from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.questioner.pretraining.train import Pretraining


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a pre-trained model and a folder of pictures."""
    paths = Paths.of(tmp_path_factory.mktemp("repository"), "pretrain")
    annotated.write_pairs(paths.pairs)
    Pretraining(params(), paths).run()
    pictures = paths.root / "pictures"
    (pictures / "inside").mkdir(parents=True)
    annotated.picture(0).save(pictures / "b.png")
    annotated.picture(1).save(pictures / "inside" / "a.JPG")
    (pictures / "c.jpg").write_bytes(b"no picture")
    (pictures / "notes.txt").write_text("not for captions", encoding="utf-8")
    return paths.root


@pytest.mark.parametrize("beams", [1, 3])
def test_every_picture_has_its_line(root: Path, beams: int):
    found = dict(caption_pictures(root, root / "pictures", beams))
    assert [path.name for path in found] == ["b.png", "c.jpg", "a.JPG"]
    assert found[root / "pictures" / "c.jpg"].startswith("<")
    alone = dict(caption_pictures(root, root / "pictures" / "b.png", beams))
    assert alone == {root / "pictures" / "b.png": found[root / "pictures" / "b.png"]}


def test_without_a_picture_or_a_model_the_way_out_is_told(root: Path, tmp_path: Path, jpeg: Callable[..., bytes]):
    with pytest.raises(UserError, match="no picture"):
        find_pictures(tmp_path)
    with pytest.raises(UserError, match="no picture"):
        find_pictures(tmp_path / "nowhere")
    (tmp_path / "a.jpg").write_bytes(jpeg())
    with pytest.raises(UserError, match="dvc repro pretrain"):
        list(caption_pictures(tmp_path, tmp_path / "a.jpg", 1))
