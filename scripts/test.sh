#!/usr/bin/env bash
# Every check of the project, from a fresh clone: goes on after a failure, and ends with a table and exit code 1 if
# anything failed. --fast leaves out the documentation, the demo, the oldest ONNX Runtime, the limits of memory and aarch64.
#
# shellcheck disable=SC2329  # the functions are called through `check`
set -uo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit 1

fast=false
case "${1-}" in
    "") ;;
    --fast) fast=true ;;
    *)
        echo "usage: scripts/test.sh [--fast]" >&2
        exit 2
        ;;
esac

table=()
passed=0
failed=0

# check TITLE COMMAND...: runs the command and notes how it went; one that ends with 77 has said what it lacks here.
check() {
    local title=$1 started=$SECONDS result=ok code=0
    shift
    printf '\n==> %s\n' "$title"
    "$@" || code=$?
    case $code in
        0) passed=$((passed + 1)) ;;
        77) result="not run" ;;
        *)
            result=FAILED
            failed=$((failed + 1))
            ;;
    esac
    table+=("$(printf '%-8s %5d s  %s' "$result" $((SECONDS - started)) "$title")")
}

python_tests() {
    if .venv/bin/python -c 'import torch, transformers' 2>/dev/null; then
        .venv/bin/python -m pytest
    else
        echo "The tests marked 'training' are left out: PyTorch and transformers are not installed in .venv."
        echo "To run them: .venv/bin/python -m pip install -r scripts/requirements/train.txt"
        .venv/bin/python -m pytest -m "not training"
    fi
}

shell_scripts() {
    .venv/bin/shellcheck scripts/*.sh scripts/*/*.sh src/bundle/install.sh .ci/run
}

# What the demo asks, on the oldest library that edgefuse promises to run on.
oldest_runtime() {
    ORT_DYLIB_PATH=$PWD/build/oldest-onnxruntime/libonnxruntime.so EDGEFUSE_CONFIG=configs/cpu-ort-1.17.yaml scripts/demo.sh
}

# With what scripts/test_aarch64.sh needs, where that can build.
extras=(test whisper-base)
if compgen -G "$(rustc --print sysroot)/lib/rustlib/aarch64-unknown-linux-gnu/lib/libstd-*.rlib" >/dev/null; then
    extras+=(aarch64)
fi

# Everything in the release profile: the demo needs that build anyway, and no crate is compiled twice.
# Whisper base too: only a multilingual model detects languages.
check "set-up" scripts/setup.sh "${extras[@]}"
check "rustfmt" cargo fmt --check
check "clippy" cargo clippy --release --locked --all-targets -- -D warnings
$fast || check "cargo doc" env RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --no-deps
check "cargo test" cargo test --release --locked
check "ruff check" .venv/bin/ruff check .
check "ruff format" .venv/bin/ruff format --check .
check "shellcheck" shell_scripts
check "list of crates" .venv/bin/python scripts/list_crates.py --check
check "pytest" python_tests
$fast || check "demo" scripts/demo.sh
$fast || check "demo on the oldest ONNX Runtime" oldest_runtime
$fast || check "limits of memory" scripts/test_memory.sh --quick
$fast || check "fuzzing" scripts/fuzz.sh --minutes 1
$fast || check "aarch64" scripts/test_aarch64.sh

printf '\n'
printf '%s\n' "${table[@]}"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
exit $((failed > 0))
