#!/usr/bin/env bash
# Runs the pipeline under memory limits and checks that it stays below them: 256 MiB with Whisper tiny.en and the small BLIP,
# 512 MiB with Whisper base and a captioning BLIP base if its folder exists, and a soak test over 5,000 pictures with
# questions. Prints one line of JSON for each.
# --quick skips 512 MiB and uses 1,000 records for the soak test; --full adds a soak test over 1,000 recordings.
#
# To create the folder: scripts/dev.py make_blip_base build/memory/blip-base. BLIP_BASE names another folder.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

soak=5000
growth=0.02
large=true
sounds=false
case "${1-}" in
    "") ;;
    --quick)
        soak=1000
        growth=0.04 # unlike the first five hundred records, the first hundred do not include every shape
        large=false
        ;;
    --full) sounds=true ;;
    *)
        echo "usage: scripts/test_memory.sh [--quick | --full]" >&2
        exit 2
        ;;
esac

cargo build --release --locked
python=.venv/bin/python
failed=0

echo "==> 256 MiB: Whisper tiny.en int8, the small BLIP, the student; 20 records"
$python scripts/dev.py run_limited --config configs/cpu-ort-1.17.yaml --limit-mib 256 || failed=1

blip=${BLIP_BASE-build/memory/blip-base}
if ! $large; then
    echo "==> 512 MiB: skipped by --quick"
elif [[ -f onnx/whisper-base/model.yaml && -f $blip/model.yaml ]]; then
    echo "==> 512 MiB: Whisper base int8, BLIP base int8 for captions, the student; 20 records"
    $python scripts/dev.py run_limited --config configs/cpu-ort-1.17.yaml --limit-mib 512 --keys \
        "models: {whisper: {path: $PWD/onnx/whisper-base}, blip: {path: $(realpath "$blip"), precision: int8}}
pipeline: [transcribe: {language: auto}, caption: {max_tokens: 20}, fuse]" || failed=1
else
    echo "==> 512 MiB: skipped; it needs onnx/whisper-base (scripts/setup.sh whisper-base) and BLIP base in $blip or BLIP_BASE"
fi

echo "==> soak: $soak records of pictures and questions, resident memory after the first tenth"
$python scripts/dev.py run_limited --config configs/cpu-ort-1.17.yaml --limit-mib 256 --records "$soak" --text-only \
    --growth "$growth" || failed=1

if $sounds; then
    echo "==> soak: 1000 records of pictures and recordings, resident memory after the first tenth"
    $python scripts/dev.py run_limited --config configs/cpu-ort-1.17.yaml --limit-mib 256 --records 1000 --growth 0.02 ||
        failed=1
fi

exit "$failed"
