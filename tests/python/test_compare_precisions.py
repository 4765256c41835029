"""scripts/dev.py compare_precisions on a tiny BLIP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefuse_tools.export.blip.command import main as export
from edgefuse_tools.measure import compare_precisions
from edgefuse_tools.parity.photographs import FIXTURES, with_cuts
from tiny_blip import tiny_tensors, write_checkpoint


def test_every_precision_is_compared_with_fp32(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    checkpoint = write_checkpoint(tmp_path / "caption", "caption", tiny_tensors("caption"))
    model = tmp_path / "model"
    assert export(["--caption", str(checkpoint), "--out", str(model), "--precision", "fp32", "fp16", "q8"]) == 0
    capfd.readouterr()
    pictures = [str(FIXTURES / f"photo-{name}.png") for name in ("rgb", "gray")]
    arguments = ["dev.py compare_precisions", str(model), *pictures, "--threads", "1", "--repeat", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", arguments)
        assert compare_precisions.main() == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [row["precision"] for row in rows] == ["fp32", "fp16", "q8"]
    assert rows[0]["logit_difference"] == 0 and rows[0]["texts_identical"] == "2 of 2"
    assert all(0 < row["logit_difference"] < 1 for row in rows[1:])
    assert rows[1]["logit_difference"] < rows[2]["logit_difference"]
    assert len(compare_precisions.table(rows).splitlines()) == 2 + len(rows)


def test_the_crops_of_the_photographs_differ() -> None:
    from PIL import Image

    pictures = {name: Image.open(FIXTURES / f"photo-{name}.png").convert("RGB") for name in ("rgb", "gray", "palette")}
    found = with_cuts(pictures, 40)
    assert len(found) == 40 and list(found)[:3] == list(pictures)
    assert len({picture.resize((16, 16)).tobytes() for picture in found.values()}) == 40
