# shellcheck shell=bash
# Sourced in the repository's root.

# client_environment NAME: installs the clients of scripts/requirements/NAME.txt into an environment of their own, builds the
# release binary unless EDGEFUSE names one, and sets $environment. Exits with 77 if they cannot be installed.
client_environment() {
    local requirements=scripts/requirements/$1.txt
    environment=build/$1-environment
    if ! cmp --silent "$requirements" "$environment/requirements.txt"; then
        rm -rf "$environment"
        .venv/bin/python -m venv "$environment"
        if ! "$environment/bin/python" -m pip install --quiet --require-hashes -r "$requirements"; then
            echo "not run: the clients of $requirements cannot be installed here"
            exit 77
        fi
        cp "$requirements" "$environment/requirements.txt"
    fi
    [[ -n ${EDGEFUSE-} ]] || cargo build --release --locked
}
