#!/usr/bin/env python3
"""Runs a program for people who work on edgefuse itself: fixtures, training, comparisons, measurements.

python scripts/dev.py                       lists the programs
python scripts/dev.py verify_blip --help    usage of one of them, and the packages that it needs
"""

from __future__ import annotations

import sys
from pathlib import Path

from edgefuse_tools.launcher import description, launch

PACKAGE = Path(__file__).resolve().parent / "edgefuse_tools"
#: Folders whose modules with a `main` function are programs. Each has a README.
FOLDERS = ("fixtures", "training", "parity", "measure", "checks", "release")
WRONG_USAGE = 2
_PARAGRAPH = "\n\n"


def programs() -> dict[str, Path]:
    """Files of the programs by name, in the order of `FOLDERS`."""
    files = (file for folder in FOLDERS for file in sorted((PACKAGE / folder).glob("*.py")))
    return {file.stem: file for file in files if "\ndef main(" in file.read_text(encoding="utf-8")}


def main(arguments: list[str]) -> int:
    known = programs()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{__doc__}\n{_list(known)}")
        return 0
    name, *rest = arguments
    if name not in known:
        print(f"dev.py: unknown program {name}; python scripts/dev.py lists them", file=sys.stderr)
        return WRONG_USAGE
    if rest and "argparse" not in known[name].read_text(encoding="utf-8"):
        if rest[0] in ("-h", "--help"):
            print(description(known[name]))
            return 0
        print(f"dev.py: {name} takes no arguments", file=sys.stderr)
        return WRONG_USAGE
    return launch(f"edgefuse_tools.{known[name].parent.name}.{name}", f"dev.py {name}", rest)


def _list(known: dict[str, Path]) -> str:
    lines = []
    for folder in FOLDERS:
        lines.append(f"{folder}:")
        for name, file in known.items():
            if file.parent.name == folder:
                lines.append(f"  {name:24} {' '.join(description(file).split(_PARAGRAPH)[0].split())}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
