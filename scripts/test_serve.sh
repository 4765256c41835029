#!/usr/bin/env bash
# Runs `edgefuse serve` with the real models, and judges it by OpenAI's Python and JavaScript clients, the client classes of
# Wyoming's reference implementation, Prometheus's parser, Schemathesis, clients that misbehave, and Chromium, which uses the
# page. The clients are installed into an environment of their own, and Chromium by apt-get if this runs as root. Takes the
# release binary, or the one that EDGEFUSE names.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

environment='' javascript=''
# shellcheck source=scripts/edgefuse_tools/setup/client_environment.sh
. scripts/edgefuse_tools/setup/client_environment.sh
client_environment serve
# shellcheck source=scripts/edgefuse_tools/serve_clients/javascript.sh
. scripts/edgefuse_tools/serve_clients/javascript.sh

export PYTHONPATH=scripts
binary=${EDGEFUSE-target/release/edgefuse}
"$environment/bin/python" -m edgefuse_tools.serve_clients --binary "$binary" ${javascript:+--javascript "$javascript"} "$@"
"$environment/bin/python" -m edgefuse_tools.serve_clients.faults --binary "$binary" --quick
