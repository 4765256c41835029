#!/usr/bin/env bash
# Runs `edgefuse serve` with sources and sinks, and judges it by Mosquitto, paho-mqtt, a receiver of webhooks and a full disk.
# Outages last seconds, or ten minutes with --full. Takes the release binary, or the one that
# EDGEFUSE names; further arguments are parts of the names of the checks to run.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

environment=build/live-environment
if ! cmp --silent scripts/requirements/live.txt "$environment/requirements.txt"; then
    rm -rf "$environment"
    .venv/bin/python -m venv "$environment"
    if ! "$environment/bin/python" -m pip install --quiet --require-hashes -r scripts/requirements/live.txt; then
        echo "not run: paho-mqtt of scripts/requirements/live.txt cannot be installed here"
        exit 77
    fi
    cp scripts/requirements/live.txt "$environment/requirements.txt"
fi
[[ -n ${EDGEFUSE-} ]] || cargo build --release --locked
export PYTHONPATH=scripts
exec "$environment/bin/python" -m edgefuse_tools.live --binary "${EDGEFUSE-target/release/edgefuse}" "$@"
