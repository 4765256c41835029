#!/usr/bin/env bash
# Kills `run` with a step `index` at random moments, 1000 times or as often as the argument says, and checks that the index
# contains whatever had been reported as indexed, and is never damaged. The suite does the same six times.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

EDGEFUSE_KILLS=${1-1000} exec cargo test --locked --test cli -- --nocapture --exact \
    index::a_kill_loses_nothing_that_was_acknowledged
