#!/usr/bin/env bash
# Kills `run --resume` and `watch` at random moments, fills the disk, removes the results folder, limits file handles, and
# checks that no result is lost, duplicated or half-written and that all equal those of an undisturbed run.
# --quick kills 6 times, otherwise 200 times each. Uses the release binary, or the one named by EDGEFUSE.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

case "${1-}" in
    "") kills=200 ;;
    --quick) kills=6 ;;
    *)
        echo "usage: scripts/test_kills.sh [--quick]" >&2
        exit 2
        ;;
esac

[[ -n ${EDGEFUSE-} ]] || cargo build --release --locked
exec .venv/bin/python scripts/dev.py kill_processes --binary "${EDGEFUSE-target/release/edgefuse}" --kills "$kills"
