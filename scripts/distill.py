#!/usr/bin/env python3
"""Trains a small fused student from a manifest of records: see --help, and edgefuse_tools/distill/command.py."""

import sys

from edgefuse_tools.launcher import launch

if __name__ == "__main__":
    sys.exit(launch("edgefuse_tools.distill.command", "distill.py", sys.argv[1:]))
