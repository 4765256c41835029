#!/usr/bin/env bash
# Builds edgefuse for aarch64 boards and runs it in an emulator: checks that it needs no glibc newer than JetPack 5's, runs the
# unit tests, and compares the demo's steps with this machine's results. Needs scripts/setup.sh aarch64, and:
#
#   Rust's standard library for the target   rustup target add aarch64-unknown-linux-gnu
#   a linker against glibc 2.31 or older     CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER names it, or
#                                            bin/aarch64-linux-gnu-gcc-glibc2.31 in AARCH64_HOME, or aarch64-linux-gnu-gcc
#   objdump, zstd, qemu-aarch64              Debian's binutils, zstd, and qemu-user or qemu-user-static
#   an aarch64 C and C++ library             AARCH64_SYSROOT, or sysroot in AARCH64_HOME, or /usr/aarch64-linux-gnu
#
# AARCH64_HOME defaults to ~/.cache/aarch64-build. Exit code 77: a requirement is missing; the output says which.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

python=.venv/bin/python
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
source scripts/edgefuse_tools/checks/emulation.sh
target=$aarch64_target
library=$aarch64_library

unavailable() {
    echo "aarch64: not run: $1" >&2
    exit 77
}

for tool in cargo objdump zstd; do
    command -v "$tool" >/dev/null || unavailable "$tool is not installed"
done
{ find_aarch64_linker && emulate_aarch64 cortex-a57 && find_aarch64_library; } || unavailable "$missing"

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$linker
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="${emulate[*]}"
echo "linker $linker, $("$qemu" --version | head -n 1), sysroot $sysroot"

# --- Build ----------------------------------------------------------------------------------------------------------

cargo build --release --locked
cargo build --release --locked --target "$target"
targets=${CARGO_TARGET_DIR:-target}
here=$targets/release/edgefuse
board=$targets/$target/release/edgefuse
needed=$(glibc_of "$board")
echo "the binary needs glibc $needed"
no_newer_than "$needed" || { echo "aarch64: FAILED: JetPack 5 has glibc $newest_glibc" >&2 && exit 1; }

# --- Unit tests -----------------------------------------------------------------------------------------------------

cargo test --release --locked --lib --target "$target"

# --- The demo's steps: the same results as on this machine -----------------------------------------------------------------------

failed=0
# same TITLE TOLERANCE ARGUMENT...: runs edgefuse here and emulated, and compares the results.
same() {
    local title=$1 tolerance=$2 started=$SECONDS
    shift 2
    "$here" --quiet --format json "$@" >"$scratch/here.jsonl"
    if ! ORT_DYLIB_PATH=$library "${emulate[@]}" "$board" --quiet --format json "$@" >"$scratch/board.jsonl"; then
        echo "$title: the emulated run failed"
        failed=1
    elif ! "$python" scripts/dev.py compare_results "$scratch/here.jsonl" "$scratch/board.jsonl" --tolerance "$tolerance"; then
        echo "$title: the results differ"
        failed=1
    else
        echo "$title: equal within $tolerance ($((SECONDS - started)) s)"
    fi
}

same "student, picture and text" 1e-3 fuse --embeddings --image tests/data/easyvqa-23.png --text "what color is the shape?"
same "student, sound" 1e-3 fuse --embeddings --audio tests/data/cards-001.wav
export ORT_DYLIB_PATH=${ORT_DYLIB_PATH:-$PWD/lib/libonnxruntime.so}
# Precisions are explicit: `auto` depends on the processor, and results include its reason.
cat >"$scratch/blip.yaml" <<EOF
device: board
models: {blip: {path: $PWD/onnx/blip-easyvqa, precision: fp32}}
EOF
same "BLIP, caption" 1e-3 caption tests/data/easyvqa-23.png --config "$scratch/blip.yaml"
same "BLIP, answer" 1e-3 ask tests/data/easyvqa-23.png "what color is the shape?" --config "$scratch/blip.yaml"
# A second of speech, greedy, in the shortest context: everything is about a hundred times slower here.
cat >"$scratch/whisper.yaml" <<EOF
device: board
models: {whisper: {path: $PWD/onnx/whisper-tiny.en, precision: fp32}}
pipeline:
  - transcribe: {encoder_context: adaptive, temperature: 0}
EOF
same "Whisper, a second of speech" 1e-3 transcribe tests/data/cards-001.wav --config "$scratch/whisper.yaml"

# --- A bundle: reproducible, and runs from where it is unpacked -------------------------------------------------------

mkdir -p "$scratch/clone/configs"
ln -s "$PWD/onnx" "$scratch/clone/onnx"
config=configs/board.yaml
cat >"$scratch/clone/$config" <<EOF
device: board
models: {student: {path: onnx/student}}
pipeline: [fuse]
EOF
for number in 1 2; do
    "$here" --config "$scratch/clone/$config" --quiet bundle --target aarch64 --binary "$board" --library "$library" \
        --out "$scratch/$number.tar.zst"
done
cmp "$scratch/1.tar.zst" "$scratch/2.tar.zst"
zstd --quiet -d -c "$scratch/1.tar.zst" | tar -x -C "$scratch"
(cd "$scratch/edgefuse" && sha256sum -c --quiet SHA256SUMS)
run_bundle() {
    env -u ORT_DYLIB_PATH -u EDGEFUSE_CONFIG "${emulate[@]}" "$scratch/edgefuse/edgefuse" --config "$scratch/edgefuse/$config" "$@"
}
if run_bundle doctor && run_bundle --quiet fuse --image tests/data/easyvqa-23.png --text "what color is the shape?" | grep "^blue "; then
    echo "bundle: runs"
else
    echo "bundle: does not run"
    failed=1
fi

exit "$failed"
