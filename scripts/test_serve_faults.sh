#!/usr/bin/env bash
# Overloads `edgefuse serve`, attacks it, kills it under load, and sends it thousands of mixed requests: 10 minutes of overload,
# a million hostile requests, 10,000 idle connections, 200 kills, a soak of 5,000 requests. Takes about an hour; --help lists
# options. scripts/test_serve.sh runs a short form. Only addresses of this machine are used. Takes the release binary, or
# the one that EDGEFUSE names.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

environment=''
# shellcheck source=scripts/edgefuse_tools/setup/client_environment.sh
. scripts/edgefuse_tools/setup/client_environment.sh
client_environment serve

exec env PYTHONPATH=scripts "$environment/bin/python" -m edgefuse_tools.serve_clients.faults \
    --binary "${EDGEFUSE-target/release/edgefuse}" "$@"
