"""ONNX Runtime's shared library, extracted from a wheel into `lib/`."""

from __future__ import annotations

import os
import platform
import struct
import sys
from pathlib import Path

from edgefuse_tools.setup import paths, pip
from edgefuse_tools.setup.artifacts import OLDEST_ONNX_RUNTIME, ONNX_RUNTIME, Runtime
from edgefuse_tools.setup.errors import SetupError
from edgefuse_tools.setup.files import Stamp, digest, replace_link, scratch_folder

OWN_BUILD = "build ONNX Runtime for it and name the library in ORT_DYLIB_PATH or under runtime.library"


def ensure() -> bool:
    """Makes sure that `lib/` contains the pinned library; returns whether there was anything to do."""
    return _ensure(ONNX_RUNTIME, paths.LIBRARIES)


def ensure_oldest() -> bool:
    """Makes sure that `build/oldest-onnxruntime` contains the oldest supported library, which only a test needs."""
    return _ensure(OLDEST_ONNX_RUNTIME, paths.BUILD / "oldest-onnxruntime")


def ensure_aarch64() -> bool:
    """Makes sure that `lib/aarch64` contains the pinned library for aarch64, for bundles and tests for such boards."""
    return _ensure(ONNX_RUNTIME, paths.LIBRARIES / "aarch64", "aarch64")


def check_machine(runtime: Runtime = ONNX_RUNTIME) -> str:
    """The key of this machine in the list of wheels; raises SetupError if none of them can run here."""
    if sys.platform != "linux":
        raise SetupError(f"edgefuse runs on Linux; this is {sys.platform}")
    machine = platform.machine()
    # A 32-bit system on a 64-bit kernel reports aarch64 too.
    if machine not in runtime.wheels or struct.calcsize("P") != 8:
        bits = 8 * struct.calcsize("P")
        known = " and ".join(f"64-bit {name}" for name in sorted(runtime.wheels))
        raise SetupError(f"ONNX Runtime's wheels are for {known}; this is {bits}-bit {machine}: {OWN_BUILD}")
    found = _glibc()
    if found is None or found < runtime.glibc:
        has = "another C library" if found is None else f"glibc {found[0]}.{found[1]}"
        needed = f"glibc {runtime.glibc[0]}.{runtime.glibc[1]}"
        raise SetupError(f"ONNX Runtime {runtime.version} needs {needed} or newer; this system has {has}: {OWN_BUILD}")
    return machine


def _ensure(runtime: Runtime, folder: Path, machine: str | None = None) -> bool:
    """`machine`, if given, is a machine other than this one."""
    wheel = runtime.wheels[machine or check_machine(runtime)]
    library = folder / f"libonnxruntime.so.{runtime.version}"
    stamp = Stamp("-".join(["onnxruntime", runtime.version, *([machine] if machine else [])]))
    made_from = digest(wheel, runtime.library, runtime.notices, str(folder))
    if stamp.is_current(made_from):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    made = [library]
    with scratch_folder() as scratch, pip.fetch(paths.PYTHON, wheel, scratch) as archive:
        for member, target in [
            (runtime.library, library),
            *((notice, folder / f"onnxruntime-{Path(notice).name}") for notice in runtime.notices),
        ]:
            Path(archive.extract(member, scratch)).replace(target)
            made.append(target)
    # Names for programs that are linked against it, and for those that load it.
    for name in ("libonnxruntime.so.1", "libonnxruntime.so"):
        replace_link(folder / name, library.name)
        made.append(folder / name)
    stamp.write(made_from, made)
    return True


def _glibc() -> tuple[int, int] | None:
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
        major, minor = version.split(".")[:2]
    except (ValueError, OSError):
        return None
    return (int(major), int(minor)) if name == "glibc" else None
