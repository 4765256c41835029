"""The Python programs of scripts/: found by name, listed without importing them, and clear about missing packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dev
from edgefuse_tools import ROOT, launcher

SCRIPTS = ROOT / "scripts"


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_every_program_has_a_name_of_its_own_and_a_description() -> None:
    found = [
        file
        for folder in dev.FOLDERS
        for file in (SCRIPTS / "edgefuse_tools" / folder).glob("*.py")
        if "\ndef main(" in file.read_text("utf-8")
    ]
    assert len(found) > 25
    assert sorted(dev.programs()) == sorted(file.stem for file in found)
    assert all(launcher.description(file) for file in found)
    assert all((SCRIPTS / "edgefuse_tools" / folder / "README.md").is_file() for folder in dev.FOLDERS)


def test_the_list_names_every_program() -> None:
    ran = run("dev.py")
    assert ran.returncode == 0
    assert all(f"\n  {name} " in ran.stdout for name in dev.programs())


@pytest.mark.parametrize("program", ["dev.py", "export.py"])
def test_an_unknown_name_is_wrong_usage(program: str) -> None:
    ran = run(program, "no_such_name")
    assert ran.returncode == 2
    assert "no_such_name" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("--unknown", 2)])
def test_a_program_without_options_does_not_run_with_arguments(argument: str, code: int) -> None:
    ran = run("dev.py", "make_fixtures_student", argument)
    assert ran.returncode == code
    assert "Needs scripts/requirements/train.txt" in ran.stdout or "takes no arguments" in ran.stderr


@pytest.mark.parametrize("kind", ["whisper", "blip", "blip2", "vad"])
def test_every_exporter_describes_itself(kind: str) -> None:
    ran = run("export.py", kind, "--help")
    assert ran.returncode == 0 and ran.stdout.startswith(f"usage: export.py {kind} ")


def test_export_help_needs_no_package_at_all() -> None:
    ran = subprocess.run([sys.executable, "-S", str(SCRIPTS / "export.py"), "--help"], capture_output=True, text=True)
    assert ran.returncode == 0 and "blip2" in ran.stdout


@pytest.mark.parametrize(
    ("docstring", "remedy"),
    [
        ("Needs scripts/requirements/train.txt.", "-m pip install -r scripts/requirements/train.txt"),
        ("Compares.", "run it with .venv/bin/python, which scripts/setup.sh creates"),
    ],
)
def test_a_missing_package_is_one_line(
    docstring: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scripts").mkdir()
    name = f"program_{len(docstring)}"
    (tmp_path / f"scripts/{name}.py").write_text(f'"""{docstring}"""\nimport no_such_package.part\n')
    monkeypatch.setattr(launcher, "ROOT", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "scripts"))
    monkeypatch.setattr("sys.argv", [])
    assert launcher.launch(name, "name", []) == launcher.CANNOT_LOAD
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no_such_package is not installed" in error and remedy in error
