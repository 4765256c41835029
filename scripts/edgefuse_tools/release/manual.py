"""The manual page, from the program's own help."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

#: Columns of the help, so that its indented lines fit into a page of 80.
COLUMNS = "72"
_COMMAND = re.compile(r"^  ([a-z-]+)  ", re.MULTILINE)


def page(program: Path, version: str, description: str) -> str:
    """The page edgefuse(1): one section per command."""
    overall = _help(program)
    commands = [name for name in _COMMAND.findall(overall.partition("Options:")[0]) if name != "help"]
    parts = [
        f'.TH EDGEFUSE 1 "" "edgefuse {version}" "User Commands"',
        f".SH NAME\nedgefuse \\- {_text(description[0].lower() + description[1:])}",
        ".SH SYNOPSIS\n.B edgefuse\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR ...",
        f".SH DESCRIPTION\n{_block(overall)}",
        *(f".SH {_text('edgefuse ' + name).upper()}\n{_block(_help(program, name))}" for name in commands),
        ".SH FILES\n.TP\n.I /etc/edgefuse/device.yaml\nThe device file, unless "
        "\\fB\\-\\-config\\fR or the environment variable \\fBEDGEFUSE_CONFIG\\fR names another one.",
        ".SH SEE ALSO\nhttps://github.com/edgefuse/edgefuse",
    ]
    return "\n".join(parts) + "\n"


def _help(program: Path, *command: str) -> str:
    environment = {**os.environ, "COLUMNS": COLUMNS}
    words: list[str | Path] = [program, *command, "--help"]
    return subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.rstrip()


def _block(text: str) -> str:
    lines = [line if line[:1] not in (".", "'") else f"\\&{line}" for line in _text(text).splitlines()]
    return "\n".join([".nf", *lines, ".fi"])


def _text(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")
