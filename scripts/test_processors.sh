#!/usr/bin/env bash
# The demo's results on every class of processor, emulated by qemu and compared with this machine's: texts equal, numbers within
# the bound of their precision (docs/devices.md, "Processors").
#
#   scripts/test_processors.sh [--quick] [PROCESSOR...]
#
#   Nehalem      x86-64 without AVX: Atom and Celeron boards
#   Haswell      x86-64 with AVX2, without VNNI
#   cortex-a72   ARM without dot products: Raspberry Pi 4
#   cortex-a76   ARM with dot products: Raspberry Pi 5
#
# --quick takes the tests' made Whisper (tests/fixtures/tiny) in every precision instead of tiny.en, and fewer cases. The ARM half also needs what scripts/test_aarch64.sh needs; the x86 half
# does not. BINARY names an x86-64 program that is already built. Exit code 77: nothing could be run, and why is printed.
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
    echo "processors: not run here: the results are compared with an x86-64 machine's, and this is $(uname -m)" >&2
    exit 77
fi
targets=${CARGO_TARGET_DIR:-target}
here=${BINARY:-}
if [[ -z $here ]]; then
    cargo build --release --locked
    here=$targets/release/edgefuse
fi
board=$targets/$aarch64_target/release/edgefuse
# The library of this machine: the emulated x86 processors run the same file.
library=${ORT_DYLIB_PATH:-$PWD/lib/libonnxruntime.so}

# --- Cases ------------------------------------------------------------------------------------------------------------

# Every precision is named: `auto` chooses by processor, and what differs then is not the processor's arithmetic.
cat >"$scratch/demo.yaml" <<YAML
device: demo
models:
  blip: {path: $PWD/onnx/blip-easyvqa, precision: fp32}
  student: {path: $PWD/onnx/student, precision: fp32}
pipeline: [caption, ask, fuse]
YAML
# A second of speech, greedily, in the shortest context: everything runs some fifty times slower here.
whisper=$PWD/onnx/whisper-tiny.en
if $quick; then
    whisper=$PWD/tests/fixtures/tiny/whisper.en
fi
for precision in fp32 int8 q8; do
    cat >"$scratch/$precision.yaml" <<YAML
device: $precision
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

# run CASE COMMAND...: the results of a case, on standard output.
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

# examine PROCESSOR LIBRARY PROGRAM: every case there; one line each.
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
            echo "$processor: ${titles[$index]}: equal within ${tolerances[$index]} ($((SECONDS - started)) s)"
        fi
    done
    return "$failed"
}

# Whether aarch64 programs can be made and run here; builds edgefuse once.
prepare_aarch64() {
    command -v objdump >/dev/null || absent "objdump is not installed" || return 1
    find_aarch64_linker && find_aarch64_library || return 1
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$linker cargo build --release --locked --target "$aarch64_target"
}

ran=0
failed=0
arm=""
jobs=()
# Each processor's run has one of two cores.
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
        echo "$processor: not run here: $missing"
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
