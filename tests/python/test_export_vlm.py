"""The exporter of vision-language models: its graphs against transformers' results, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse_tools import ROOT
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.llm.hugging_face import load_config as load_llm_config
from edgefuse_tools.export.vlm.exporter import export_vlm
from edgefuse_tools.parity import vlm_random
from edgefuse_tools.parity.vlm_onnx import OnnxVlm

FIXTURES = ROOT / "tests/fixtures"
SOURCE = dict.fromkeys(("weights", "origin", "license", "exporter"), "test")


def export(folder: Path, out: Path, dialect: Dialect = Dialect.ORT) -> None:
    export_vlm(folder, out, name="test", source=SOURCE, dialect=dialect, precisions=[Precision.FP32])


def change(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content | changes), encoding="utf-8")


@pytest.mark.parametrize("name", ["vlm", "vlm-standard"])
def test_a_conversation_without_pictures_is_that_of_transformers(name: str) -> None:
    case = json.loads((FIXTURES / "vlm/replies.json").read_text("utf-8"))["conversations"][0]
    model = OnnxVlm(FIXTURES / "tiny" / name)
    tokens, _ = model.written(case["ids"], np.zeros((1, model.width), np.float32), len(case["tokens"]))
    assert tokens == case["tokens"]


@pytest.mark.parametrize("name", ["vlm", "vlm-standard"])
def test_a_row_is_read_wherever_a_token_stands_for_it(name: str) -> None:
    model = OnnxVlm(FIXTURES / "tiny" / name)
    rows = np.random.default_rng(1).normal(0, 0.2, (4, model.width)).astype(np.float32)
    ids = [7, model.token, model.token, 9, model.token, model.token, 3]
    model.restart(rows)
    whole = model.feed(ids)
    model.restart(rows)
    parts = [model.feed(ids[:2]), model.feed(ids[2:5]), model.feed(ids[5:])][-1]
    assert np.allclose(whole, parts, atol=1e-4)
    model.restart(rows[::-1].copy())
    assert not np.allclose(whole, model.feed(ids), atol=1e-2)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("preprocessor_config.json", {"do_image_splitting": False}, "do_image_splitting is false"),
        ("preprocessor_config.json", {"max_image_size": {"longest_edge": 64}}, "max_image_size is 64"),
        ("preprocessor_config.json", {"size": {"longest_edge": 9000}}, "size.longest_edge is 9000"),
        ("preprocessor_config.json", {"size": {"height": 9}}, "expected longest_edge"),
        ("config.json", {"model_type": "llava"}, "model_type is 'llava'"),
        ("config.json", {"scale_factor": 3}, "no multiple of scale_factor 3"),
        ("config.json", {"scale_factor": 0}, "scale_factor is 0"),
        ("config.json", {"image_token_id": 3}, "config.json has image_token_id 3"),
        ("config.json", {"text_config": None}, "no text_config"),
        ("tokenizer.json", {"added_tokens": []}, "no token that ends an answer|it has no token <image>"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, file: str, changes: dict[str, Any], message: str) -> None:
    folder, out = tmp_path / "source", tmp_path / "out"
    vlm_random.save(folder)
    change(folder / file, **changes)
    with pytest.raises(ExportError, match=message):
        export(folder, out)
    assert not out.exists()


def test_a_checkpoint_without_a_template_is_refused(tmp_path: Path) -> None:
    vlm_random.save(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(ExportError, match="no chat template"):
        export(tmp_path, tmp_path / "out")


def test_the_exporter_of_language_models_names_this_one(tmp_path: Path) -> None:
    vlm_random.save(tmp_path)
    with pytest.raises(ExportError, match="export.py vlm"):
        load_llm_config(tmp_path, None)
