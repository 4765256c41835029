# shellcheck shell=bash
# Sourced in the repository's root: installs the clients into an environment of their own, whose path is $environment.
# Exits with 77 if they cannot be installed.

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
