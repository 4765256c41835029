#!/usr/bin/env bash
# Fuzzes every reader, or the given targets. See docs/development.md.
#
#     scripts/fuzz.sh [--minutes N] [--jobs N] [--sanitizer address|none] [TARGET...]
#
# N minutes are the total for all targets (default 10), with --jobs of them at a time (default 2). AddressSanitizer is used if
# the toolchain has its runtime; without it, the build takes half the time. Ends with a table, and exit code 1 if an input
# was found that crashes, hangs or takes too much memory: its path is printed, and `cargo test --test fuzz` replays it from
# then on. The fuzzer's corpus is kept in build/fuzz/ for the next run.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

minutes=10
jobs=2
sanitizer=
selected=()
while (($#)); do
    case $1 in
        --minutes | --jobs)
            if [[ ! ${2-} =~ ^[1-9][0-9]*$ ]]; then
                echo "$1: expected a positive whole number" >&2
                exit 2
            fi
            if [[ $1 == --jobs ]]; then jobs=$2; else minutes=$2; fi
            shift
            ;;
        --sanitizer)
            if [[ ! ${2-} =~ ^(address|none)$ ]]; then
                echo "$1: expected address or none" >&2
                exit 2
            fi
            sanitizer=$2
            shift
            ;;
        -*)
            echo "usage: scripts/fuzz.sh [--minutes N] [--jobs N] [--sanitizer address|none] [TARGET...]" >&2
            exit 2
            ;;
        *) selected+=("$1") ;;
    esac
    shift
done

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is not installed; run: cargo install cargo-fuzz --locked"
    exit 77
fi

# NAME LONGEST_INPUT, one line per target.
targets=$(sed -nE 's/^ *target\("([a-z0-9_]+)", *([0-9_]+),.*/\1 \2/p' tests/fuzz/targets/mod.rs | awk '{gsub("_", "", $2); print}')
for name in "${selected[@]}"; do
    if ! grep -q "^$name " <<<"$targets"; then
        echo "unknown target $name; the targets are: $(cut -d' ' -f1 <<<"$targets" | tr '\n' ' ')" >&2
        exit 2
    fi
done
if ((${#selected[@]})); then
    targets=$(grep -E "^($(IFS='|' && echo "${selected[*]}")) " <<<"$targets")
fi

# The stable compiler accepts the fuzzer's options only with this. The crates are those of the program.
export RUSTC_BOOTSTRAP=1
triple=$(rustc -vV | sed -n 's/^host: //p')
if [[ $sanitizer ]]; then
    :
elif compgen -G "$(rustc --print sysroot)/lib/rustlib/$triple/lib/librustc*_rt.asan.a" >/dev/null; then
    sanitizer=address
else
    sanitizer=none
fi
cp Cargo.lock tests/fuzz/Cargo.lock
cargo fuzz build --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer "$sanitizer" reader
program=target/fuzz/$triple/release/reader

logs=build/fuzz/logs
mkdir -p "$logs"
scratch=$(mktemp -d -p "$(test -w /dev/shm && echo /dev/shm || echo "${TMPDIR:-/tmp}")" edgefuse-fuzz-XXXXXX)
trap 'rm -rf "$scratch"' EXIT

count=$(wc -l <<<"$targets")
seconds=$((minutes * 60 * jobs / count))
if ((seconds < 2)); then seconds=2; fi

# fuzz NAME LONGEST_INPUT: ignores the fuzzer's exit code; the results are in its log.
fuzz() {
    local name=$1 longest=$2 learned=build/fuzz/corpus/$1
    mkdir -p "$learned" "tests/fuzz/found/$name" "$scratch/$name"
    # No leak detection: it needs ptrace, which containers do not have, and safe Rust rarely leaks.
    EDGEFUSE_TARGET=$name TMPDIR=$scratch/$name nice "$program" "$learned" "tests/fuzz/corpus/$name" \
        -max_total_time="$seconds" -max_len="$longest" -timeout=10 -rss_limit_mb=2048 -detect_leaks=0 \
        -print_final_stats=1 -artifact_prefix="tests/fuzz/found/$name/" >"$logs/$name" 2>&1 || true
    rmdir --ignore-fail-on-non-empty "tests/fuzz/found/$name"
}

echo "$count targets, $seconds s each, $jobs at a time, sanitizer: $sanitizer"
while read -r name longest; do
    while (($(jobs -rp | wc -l) >= jobs)); do wait -n || true; done
    fuzz "$name" "$longest" &
done <<<"$targets"
wait

printf '%-12s %12s %10s %8s\n' target executions new found
total=0
findings=()
while read -r name _; do
    statistic() { sed -n "s/^stat::$1: *//p" "$logs/$name" | tail -n 1; }
    executions=$(statistic number_of_executed_units)
    new=$(statistic new_units_added)
    mapfile -t inputs < <(sed -n 's/^artifact_prefix=.* Test unit written to //p' "$logs/$name")
    printf '%-12s %12s %10s %8s\n' "$name" "${executions:-?}" "${new:-?}" "${#inputs[@]}"
    total=$((total + ${executions:-0}))
    findings+=("${inputs[@]}")
    if [[ -z $executions && ${#inputs[@]} == 0 ]]; then
        findings+=("$logs/$name (it did not run)")
    fi
done <<<"$targets"
rmdir --ignore-fail-on-non-empty tests/fuzz/found 2>/dev/null || true
printf '%-12s %12s\n' "all" "$total"

if ((${#findings[@]})); then
    printf '\nFindings (see %s/TARGET for the logs):\n' "$logs"
    printf '    %s\n' "${findings[@]}"
    exit 1
fi
