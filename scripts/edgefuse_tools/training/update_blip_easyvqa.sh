#!/usr/bin/env bash
# Run after scripts/dev.py train_blip: exports the trained checkpoints to onnx/blip-easyvqa and rewrites the fixtures that
# depend on it. PYTHON names an interpreter with scripts/requirements/train.txt installed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.."

python=${PYTHON:-python3}
checkpoints=build/checkpoints/blip-easyvqa
"$python" scripts/export.py blip --caption "$checkpoints/caption" --vqa "$checkpoints/vqa" \
    --retrieval "$checkpoints/retrieval" --out onnx/blip-easyvqa --precision fp32 --weights "a small BLIP trained on easy-VQA pictures: coloured shapes and nothing else" \
    --origin "scripts/dev.py train_blip, from random weights; data: PyPI easy-vqa 1.0 (MIT)" \
    --license "MIT OR Apache-2.0"
"$python" scripts/dev.py make_fixtures_blip
