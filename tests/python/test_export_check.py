"""Exporters check their output with edgefuse."""

from pathlib import Path

import pytest

from edgefuse_tools.export import check
from edgefuse_tools.export.blip.config import load_image_settings
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.model_folder import new_model_folder


def program(folder: Path, script: str) -> Path:
    """A stand-in for edgefuse."""
    path = folder / "edgefuse"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def build(target: Path) -> None:
    with new_model_folder(target) as building:
        (building / "model.yaml").write_text("format: 1\n")


def test_a_folder_that_edgefuse_rejects_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """printf '{"ok": false, "error": "%s/model.yaml: no graph"}\\n' "$4"; exit 3"""
    monkeypatch.setattr(check, "newest_program", lambda: program(tmp_path, script))
    target = tmp_path / "out" / "model"
    with pytest.raises(ExportError, match=f"edgefuse rejects the model folder: {target}/model.yaml: no graph"):
        build(target)
    assert list(target.parent.iterdir()) == []


def test_a_folder_that_edgefuse_accepts_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "newest_program", lambda: program(tmp_path, """echo '{"ok": true, "error": null}'"""))
    build(tmp_path / "model")
    assert (tmp_path / "model" / "model.yaml").is_file()


@pytest.mark.parametrize("script", [None, "echo 'error: ONNX Runtime not found' >&2; exit 3", "exit 2"])
def test_without_a_program_that_can_check_a_warning_is_printed(
    script: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "newest_program", lambda: program(tmp_path, script) if script else None)
    build(tmp_path / "model")
    assert f"{tmp_path / 'model'}: not checked: " in capsys.readouterr().err
    assert (tmp_path / "model" / "model.yaml").is_file()


def test_a_filter_that_edgefuse_does_not_have_is_refused(tmp_path: Path) -> None:
    settings = tmp_path / "preprocessor_config.json"
    for number, name in ((1, "lanczos"), (4, "box"), (5, "hamming")):
        settings.write_text(f'{{"resample": {number}, "size": 32}}')
        assert load_image_settings(tmp_path, 32)["resample"] == name
    settings.write_text('{"resample": 0, "size": 32}')
    with pytest.raises(ExportError, match="resample is 0"):
        load_image_settings(tmp_path, 32)
