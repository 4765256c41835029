#!/usr/bin/env bash
# Runs `edgefuse serve` with the real models, and judges it by OpenAI's Python client, the client classes of Wyoming's
# reference implementation, Prometheus's parser, clients that misbehave, and Chromium, which uses the page. The clients are
# installed into an environment of their own, and Chromium by apt-get if this runs as root. Takes the release binary, or the
# one that EDGEFUSE names.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

environment=${SERVE_ENVIRONMENT-build/serve-environment}
stamp=$environment/requirements.txt
if ! cmp --silent scripts/requirements/serve.txt "$stamp"; then
    rm -rf "$environment"
    .venv/bin/python -m venv "$environment"
    if ! "$environment/bin/python" -m pip install --quiet --require-hashes -r scripts/requirements/serve.txt; then
        echo "not run: the clients of scripts/requirements/serve.txt cannot be installed here"
        exit 77
    fi
    cp scripts/requirements/serve.txt "$stamp"
fi
[[ -n ${EDGEFUSE-} ]] || cargo build --release --locked
exec env PYTHONPATH=scripts "$environment/bin/python" -m edgefuse_tools.serve_clients --binary "${EDGEFUSE-target/release/edgefuse}" "$@"
