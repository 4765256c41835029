#!/usr/bin/env bash
# Writes the hash-locked NAME.txt of every NAME.in in this folder, for Python 3.9 and later on x86-64 and aarch64.
# Pass --upgrade to update the pins.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

environment=../../build/lock-environment
python3 -m venv "$environment"
"$environment/bin/python" -m pip install --quiet uv==0.13.9
for list in *.in; do
    "$environment/bin/uv" pip compile "$@" --quiet --universal --python-version 3.9 --only-binary :all: \
        --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command scripts/requirements/lock.sh "$list" --output-file "${list%.in}.txt"
done
