#!/usr/bin/env bash
# Compares with the reference implementations at full length: everything that scripts/test.sh compares, and the long recordings and
# larger Whisper that it leaves out (some three minutes).
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

scripts/setup.sh test whisper-base
exec cargo test --release --locked --test fidelity -- --include-ignored
