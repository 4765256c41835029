#!/usr/bin/env python3
"""Measures edgefuse against other engines: see --help, and edgefuse_tools/bench/command.py."""

import sys

from edgefuse_tools.launcher import launch

if __name__ == "__main__":
    sys.exit(launch("edgefuse_tools.bench.command", "bench.py", sys.argv[1:]))
