#!/usr/bin/env bash
# Runs every program in examples/ on files of tests/data and checks its output.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

cargo build --release --locked --examples
folder=${CARGO_TARGET_DIR:-target}/release/examples
failed=0

# example NAME EXPECTED: runs it without arguments and looks for EXPECTED in its output.
example() {
    local output
    if output=$("$folder/$1" 2>&1) && grep --quiet --ignore-case --fixed-strings -- "$2" <<<"$output"; then
        printf '%-12s %s\n' "$1" "ok"
    else
        printf '%-12s expected "%s" in:\n%s\n' "$1" "$2" "$output"
        failed=1
    fi
}

example transcribe "how much there might be prudently in his power"
example caption "a blue rectangle"
example ask "rectangle"
example fuse "blue"
example beside "beside a long recording"
example threads "16 of 16 threads transcribed as one alone does"
# The samples after the header of a WAV file, as a recording program sends them.
tail -c +45 tests/data/librivox-0880.wav | example live "0."

exit $failed
