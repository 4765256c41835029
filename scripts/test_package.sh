#!/usr/bin/env bash
# Builds the Python package as a wheel, installs it into an environment of its own that sees the packages of .venv, and
# tests it there with the real models. --profile dev builds faster.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

profile=release
case "${1-} ${2-}" in
    " ") ;;
    "--profile dev") profile=dev ;;
    *)
        echo "usage: scripts/test_package.sh [--profile dev]" >&2
        exit 2
        ;;
esac

environment=build/package-environment
.venv/bin/maturin build --quiet --locked --profile "$profile" --interpreter .venv/bin/python --out build/wheels
[[ -d $environment ]] || .venv/bin/python -m venv --without-pip "$environment"
site=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$site/setup.pth"
.venv/bin/python -m pip --python "$environment/bin/python" install --quiet --force-reinstall --no-deps --no-index \
    --find-links build/wheels edgefuse
exec "$environment/bin/python" -m pytest tests/python/test_package.py
