#!/usr/bin/env bash
# Runs the demo on every class of processor, emulated by qemu, and compares the results with this machine's: texts must be
# equal, numbers within the tolerance of their precision (docs/devices.md, "Processors").
#
#   scripts/test_processors.sh [--quick] [PROCESSOR...]
#
#   Nehalem      x86-64 without AVX: Atom and Celeron boards
#   Haswell      x86-64 with AVX2, without VNNI
#   cortex-a72   ARM without dot products: Raspberry Pi 4
#   cortex-a76   ARM with dot products: Raspberry Pi 5
#
# --quick uses the tests' synthetic Whisper (tests/fixtures/tiny) in every precision instead of tiny.en, and fewer cases. The
# ARM processors also need the requirements of scripts/test_aarch64.sh. BINARY names an x86-64 program that is already built.
# Exit code 77: nothing could be run; the output says why.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

quick=false
processors=()
for argument; do
    case $argument in
        --quick) quick=true ;;
        Nehalem | Haswell | cortex-a72 | cortex-a76) processors+=("$argument") ;;
        *)
            echo "usage: scripts/test_processors.sh [--quick] [Nehalem|Haswell|cortex-a72|cortex-a76]..." >&2
            exit 2
            ;;
    esac
done
((${#processors[@]} > 0)) || processors=(Nehalem Haswell cortex-a72 cortex-a76)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
source scripts/edgefuse_tools/checks/emulation.sh

if [[ $(uname -m) != x86_64 ]]; then
    echo "processors: not run: the comparison needs an x86-64 machine, and this is $(uname -m)" >&2
    exit 77
fi
targets=${CARGO_TARGET_DIR:-target}
here=${BINARY:-}
if [[ -z $here ]]; then
    cargo build --release --locked
    here=$targets/release/edgefuse
fi
board=$targets/$aarch64_target/release/edgefuse
# This machine's library, which the emulated x86 processors use too.
library=${ORT_DYLIB_PATH:-$PWD/lib/libonnxruntime.so}

# --- Cases ------------------------------------------------------------------------------------------------------------

# Precisions are explicit: `auto` depends on the processor, and would compare different precisions. One thread: threads that
# spin would take the emulator's time, and two processors run side by side.
cat >"$scratch/demo.yaml" <<YAML
device: demo
runtime: {threads: {intra: 1, inter: 1, spinning: false}}
models:
  blip: {path: $PWD/onnx/blip-easyvqa, precision: fp32}
  student: {path: $PWD/onnx/student, precision: fp32}
pipeline: [caption, ask, fuse]
YAML
# A second of speech, greedy, in the shortest context: everything is about fifty times slower here.
whisper=$PWD/onnx/whisper-tiny.en
if $quick; then
    whisper=$PWD/tests/fixtures/tiny/whisper.en
fi
for precision in fp32 int8 q8; do
    cat >"$scratch/$precision.yaml" <<YAML
device: $precision
runtime: {threads: {intra: 1, inter: 1, spinning: false}}
models: {whisper: {path: $whisper, precision: $precision}}
pipeline:
  - transcribe: {encoder_context: adaptive, temperature: 0}
YAML
done

# Name, tolerance, arguments of edgefuse.
picture=tests/data/easyvqa-23.png
question="what color is the shape?"
titles=() tolerances=() commands=()
case_of() {
    titles+=("$1")
    tolerances+=("$2")
    shift 2
    commands+=("$(printf '%q ' "$@")")
}
case_of "student" 1e-3 fuse --config "$scratch/demo.yaml" --embeddings --image "$picture" --text "$question"
case_of "caption" 1e-3 caption --config "$scratch/demo.yaml" "$picture"
case_of "transcript, int8" 5e-2 transcribe tests/data/cards-001.wav --config "$scratch/int8.yaml"
case_of "transcript, q8" 5e-2 transcribe tests/data/cards-001.wav --config "$scratch/q8.yaml"
case_of "transcript, fp32" 1e-3 transcribe tests/data/cards-001.wav --config "$scratch/fp32.yaml"
if ! $quick; then
    case_of "answer" 1e-3 ask --config "$scratch/demo.yaml" "$picture" "$question"
    case_of "match" 1e-3 match --config "$scratch/demo.yaml" "$picture" --text "a red circle" --text "a blue rectangle"
    case_of "student, sound" 1e-3 fuse --config "$scratch/demo.yaml" --embeddings --audio tests/data/cards-001.wav
fi

# run CASE COMMAND...: prints the results of a case.
run() {
    local -a arguments
    eval "arguments=(${commands[$1]})" # quoted by case_of
    shift
    "$@" --quiet --format json "${arguments[@]}"
}

for index in "${!titles[@]}"; do
    ORT_DYLIB_PATH=$library run "$index" "$here" >"$scratch/here-$index.jsonl"
done

# --- Processors -------------------------------------------------------------------------------------------------------

# examine PROCESSOR LIBRARY PROGRAM: runs every case on the processor; prints one line each.
examine() {
    local processor=$1 found=$2 program=$3 index there started failed=0
    for index in "${!titles[@]}"; do
        there=$scratch/$processor-$index
        started=$SECONDS
        if ! ORT_DYLIB_PATH=$found run "$index" "${emulate[@]}" "$program" >"$there.jsonl" 2>"$there.log"; then
            echo "$processor: ${titles[$index]}: FAILED to run: $(tail -n 1 "$there.log")"
            failed=1
        elif ! .venv/bin/python scripts/dev.py compare_results "$scratch/here-$index.jsonl" "$there.jsonl" \
            --tolerance "${tolerances[$index]}" >"$there.differences"; then
            echo "$processor: ${titles[$index]}: DIFFERS: $(head -n 3 "$there.differences" | paste -sd ';')"
            failed=1
        else
            echo "$processor: ${titles[$index]}: equal within ${tolerances[$index]} ($((SECONDS - started)) s), $(<"$there.differences")"
        fi
    done
    return "$failed"
}

# Builds edgefuse for aarch64, if possible.
prepare_aarch64() {
    command -v objdump >/dev/null || absent "objdump is not installed" || return 1
    find_aarch64_linker && find_aarch64_library || return 1
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$linker cargo build --release --locked --target "$aarch64_target"
}

ran=0
failed=0
arm=""
jobs=()
# Two processors are emulated at a time.
reap() {
    wait "${jobs[0]}" || failed=1
    jobs=("${jobs[@]:1}")
}
for processor in "${processors[@]}"; do
    case $processor in
        cortex-*)
            if [[ -z $arm ]]; then
                arm=ready
                prepare_aarch64 || arm=${missing:-the build for $aarch64_target failed}
            fi
            missing=$arm
            [[ $arm == ready ]] && emulate_aarch64 "$processor" && found=$PWD/$aarch64_library program=$board && missing=""
            ;;
        *)
            missing=""
            emulate_x86_64 "$processor" && found=$library program=$here || true
            ;;
    esac
    if [[ -n $missing ]]; then
        echo "$processor: not run: $missing"
        continue
    fi
    ran=$((ran + 1))
    ((${#jobs[@]} < 2)) || reap
    examine "$processor" "$found" "$program" &
    jobs+=($!)
done
while ((${#jobs[@]} > 0)); do reap; done

((ran > 0)) || exit 77
exit "$failed"
