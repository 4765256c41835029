"""Checks a log of `strace -f -yy`: no network use, no host lookup, no file created outside the allowed folders.

python scripts/dev.py offline_trace LOG --allow DIR...     prints violations; exits with 1 if there are any
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

CALL = re.compile(r"^(?:\d+\s+)?(?P<name>\w+)\((?P<arguments>.*)$")
PATH = re.compile(r'(?:(?P<folder>AT_FDCWD|\d+)(?:<(?P<at>[^>]*)>)?, )?"(?P<path>(?:[^"\\]|\\.)*)"')

FILES = {"creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"}
OPENS = {"open", "openat"}
# A pair of connected sockets stays inside one process.
HARMLESS = {"socketpair", "shutdown"}
# Data on a local socket, such as the pair by which a signal wakes `watch`. The call that connects a socket is checked
# itself.
LOCAL_DATA = re.compile(r"(?:recvfrom|sendto|recvmsg|sendmsg|recvmmsg|sendmmsg)\(\d+<UNIX[^>]*\[\d+->\d+\]>")
LOOKUPS = ("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/run/nscd/socket", "/var/run/nscd/socket")
# Devices, and the kernel's files about the process itself.
NOT_FILES = ("/dev/", "/proc/")


def breaches(lines: Iterable[str], allowed: list[Path]) -> Iterator[str]:
    """One line for each call that an offline program must not make."""
    for line in lines:
        call = CALL.match(line)
        if call is None:
            continue
        name, arguments = call["name"], call["arguments"]
        paths = [_absolute(found) for found in PATH.finditer(arguments)]
        if name in OPENS:
            if paths and str(paths[0]).startswith(LOOKUPS):
                yield f"looks up a host: {line.strip()}"
            elif re.search(r"O_WRONLY|O_RDWR|O_CREAT", arguments) and not _may_write(paths[:1], allowed):
                yield f"writes: {line.strip()}"
        elif name in FILES:
            if not _may_write(paths, allowed):
                yield f"writes: {line.strip()}"
        elif name not in HARMLESS and not name.startswith("exit") and not LOCAL_DATA.search(line):
            yield f"uses the network: {line.strip()}"


def _absolute(found: re.Match[str]) -> Path:
    at = found["at"] or "."
    return Path(os.path.abspath(os.path.join(at, found["path"])))


def _may_write(paths: list[Path], allowed: list[Path]) -> bool:
    """Whether all are inside allowed folders, or are parents of these."""
    return all(
        str(path).startswith(NOT_FILES)
        or any(path == folder or folder in path.parents or path in folder.parents for folder in allowed)
        for path in paths
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("log", type=Path)
    parser.add_argument("--allow", type=Path, nargs="+", default=[], metavar="DIR")
    options = parser.parse_args()
    with options.log.open(encoding="utf-8", errors="replace") as lines:
        found = sorted(set(breaches(lines, [path.absolute() for path in options.allow])))
    for breach in found[:20]:
        print(breach)
    if len(found) > 20:
        print(f"and {len(found) - 20} more")
    return 1 if found else 0
