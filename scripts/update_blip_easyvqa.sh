#!/usr/bin/env bash
# After scripts/train_blip.py: exports the trained checkpoints to onnx/blip-easyvqa and rewrites the fixtures that depend on it.
# PYTHON names an interpreter with scripts/requirements/train.txt installed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
checkpoints=build/checkpoints/blip-easyvqa
"$python" scripts/export_blip.py --caption "$checkpoints/caption" --vqa "$checkpoints/vqa" \
    --retrieval "$checkpoints/retrieval" --out onnx/blip-easyvqa --precision fp32 --weights "a small BLIP trained on easy-VQA pictures: coloured shapes and nothing else" \
    --origin "scripts/train_blip.py, from random weights; data: PyPI easy-vqa 1.0 (MIT)" \
    --license "MIT OR Apache-2.0"
"$python" scripts/make_fixtures_blip.py
