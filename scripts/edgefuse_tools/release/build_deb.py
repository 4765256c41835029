"""Builds the Debian package of a board's installation: program, ONNX Runtime, units, device file, manual page.

scripts/dev.py build_deb --binary target/release/edgefuse --out build

Writes what the package contains beside the program to build/deb, and runs `cargo deb`, whose configuration is in Cargo.toml.
Needs cargo-deb (`cargo install cargo-deb`; scripts/test_deb.sh builds one) and Debian's dpkg-dev. The program and the library
must be of this machine's kind, since their dependencies are read from the packages that are installed here.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from edgefuse_tools import ROOT
from edgefuse_tools.release import manual

STAGE = ROOT / "build" / "deb"
UNIT = ROOT / "src" / "bundle" / "edgefuse.service"
NOT_RUN = 77
STATE = "/var/lib/edgefuse"
DEVICE_FILE = "/etc/edgefuse/device.yaml"

#: Values for the template of a bundle's unit. The device file is not known yet, so the services may use accelerators, cameras
#: and microphones, and the administrator limits memory.
COMMON = {
    "@MEMORY@": "# MemoryMax=: set it to the device file's runtime.memory_budget (systemctl edit)",
    "@DEVICES@": "SupplementaryGroups=video render audio",
}
UNITS = {
    "edgefuse-serve": {
        "@DESCRIPTION@": "the device's models for other programs",
        "@COMMAND@": "--log-format json serve\nExecReload=/bin/kill -HUP $MAINPID\nTimeoutStopSec=75s",
        "@NETWORK@": "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    },
    "edgefuse-watch": {
        "@DESCRIPTION@": f"the pipeline for what is put into {STATE}/in",
        "@COMMAND@": f"--format json watch {STATE}/in --results {STATE}/out",
        "@NETWORK@": "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    },
}


def main() -> int:
    """Prints the path of the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/edgefuse", help="the program")
    parser.add_argument("--library", type=Path, default=ROOT / "lib/libonnxruntime.so", help="ONNX Runtime")
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="folder of the package")
    parser.add_argument("--fast", action="store_true", help="compress less, for tests")
    options = parser.parse_args()
    tool = cargo_deb()
    missing = [name for name in ("dpkg-shlibdeps", "git", "strip") if not shutil.which(name)]
    if tool is None or missing:
        print(f"not run: {missing[0] if missing else 'cargo-deb'} is not installed", file=sys.stderr)
        return NOT_RUN
    for path in (options.binary, options.library):
        if not path.is_file():
            parser.error(f"{path} does not exist")
    stage(options.binary.resolve(), options.library.resolve())
    words = [
        tool,
        "--no-build",
        "--no-strip",
        "--quiet",
        "--manifest-path",
        ROOT / "Cargo.toml",
        "--output",
        options.out,
    ]
    if options.fast:
        words += ["--fast", "--compress-type", "gz", "--compress-system"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(STAGE / "target")}
    return subprocess.run(words, cwd=ROOT, env=environment).returncode


def cargo_deb() -> str | None:
    """The tool: the one that scripts/test_deb.sh builds, or an installed one."""
    local = ROOT / "build" / "cargo-tools" / "bin" / "cargo-deb"
    return str(local) if local.is_file() else shutil.which("cargo-deb")


def stage(binary: Path, library: Path) -> None:
    """Writes everything in the package that is neither in the repository nor compiled by cargo."""
    shutil.rmtree(STAGE, ignore_errors=True)
    package = metadata()
    version = package["version"]
    program = STAGE / "target/release/edgefuse"
    _copy(binary, program)
    subprocess.run(["strip", "--strip-unneeded", program], check=True)
    _copy(library, STAGE / "usr/lib/edgefuse/lib/libonnxruntime.so")
    # The library is found beside the program, wherever the device file is.
    (STAGE / "usr/bin").mkdir(parents=True)
    (STAGE / "usr/bin/edgefuse").symlink_to("../lib/edgefuse/edgefuse")
    _copy(program, STAGE / "usr/lib/edgefuse/edgefuse")
    for name in UNITS:
        _write(STAGE / f"usr/lib/systemd/system/{name}.service", unit(name))
    _write(STAGE / "usr/share/man/man1/edgefuse.1", manual.page(binary, version, package["description"]))
    _write(STAGE / "changelog", changelog(version))
    documents = STAGE / "usr/share/doc/edgefuse"
    _compress(ROOT / "CHANGELOG.md", documents / "changelog.gz")
    _compress(ROOT / "src/bundle/crate-licenses.txt", documents / "edgefuse-crate-licenses.txt.gz")
    _copy(ROOT / "src/bundle/crates.txt", documents / "edgefuse-crates.txt")
    _compress(library.parent / "onnxruntime-ThirdPartyNotices.txt", documents / "onnxruntime-ThirdPartyNotices.txt.gz")


def metadata() -> dict[str, str]:
    """This package, from cargo."""
    words = ["cargo", "metadata", "--no-deps", "--locked", "--format-version", "1"]
    found = json.loads(subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    package: dict[str, str] = found["packages"][0]
    return package


def unit(name: str) -> str:
    """A unit, from the one of bundles."""
    places = {
        '"{PREFIX}/edgefuse" --config "{PREFIX}/configs/@CONFIG@"': f"/usr/bin/edgefuse --config {DEVICE_FILE}",
        "Documentation=": "Documentation=man:edgefuse(1) ",
        **COMMON,
        **UNITS[name],
    }
    text = UNIT.read_text(encoding="utf-8")
    for place, value in places.items():
        if text.count(place) != 1:
            raise ValueError(f"{UNIT}: {place} must be in it once")
        text = text.replace(place, value)
    return text


def changelog(version: str) -> str:
    """The package's own history, which is that of the program."""
    words = ["git", "log", "-1", "--format=%cD"]
    date = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    maintainer = "The edgefuse maintainers <edgefuse@users.noreply.github.com>"
    return f"edgefuse ({version}-1) bookworm; urgency=medium\n\n  * Version {version}: see changelog.gz.\n\n -- {maintainer}  {date}\n"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _compress(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(source.read_bytes(), mtime=0))
