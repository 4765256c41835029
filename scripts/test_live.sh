#!/usr/bin/env bash
# Runs `edgefuse serve` with sources and sinks, and judges it by Mosquitto, paho-mqtt, a receiver of webhooks and a full disk.
# Outages last seconds, or ten minutes with --full. Takes the release binary, or the one that EDGEFUSE names; further arguments
# are parts of the names of the checks to run. As root, installs Debian's mosquitto, libasound2 and ffmpeg if they are missing.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

environment=''
# shellcheck source=scripts/edgefuse_tools/setup/client_environment.sh
. scripts/edgefuse_tools/setup/client_environment.sh
client_environment live
export PYTHONPATH=scripts
exec "$environment/bin/python" -m edgefuse_tools.live --binary "${EDGEFUSE-target/release/edgefuse}" "$@"
