#!/usr/bin/env bash
# Bare processes, Ray Data and Spark on the same records, while workers are killed at random, and then the driver with all of them:
# every record once, errors in place, results equal. 200 records, or --records N; one worker of each engine is killed per 100.
#
# Needs the wheel that scripts/test_package.sh builds, and Java for Spark. Installs scripts/requirements/scale.txt into an environment of
# its own, builds the release binary unless EDGEFUSE names one, and exits with 77 if something cannot be had.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

records=200
case "${1-}" in
    "") ;;
    --records) records=${2:?"a number of records"} ;;
    *)
        echo "usage: scripts/test_scale.sh [--records N]" >&2
        exit 2
        ;;
esac

command -v java >/dev/null || { echo "not run: Spark needs Java, which is not installed" && exit 77; }
compgen -G "build/wheels/edgefuse-*.whl" >/dev/null || { echo "not run: scripts/test_package.sh builds the wheel first" && exit 77; }
environment=''
# shellcheck source=scripts/edgefuse_tools/setup/client_environment.sh
. scripts/edgefuse_tools/setup/client_environment.sh
client_environment scale
# Pillow, which makes the pictures, is in .venv.
site=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$site/setup.pth"
"$environment/bin/python" -m pip install --quiet --force-reinstall --no-deps --no-index --find-links build/wheels edgefuse
edgefuse=$(realpath -- "${EDGEFUSE-target/release/edgefuse}")
python=$PWD/$environment/bin/python
cd scripts
exec "$python" -m edgefuse_tools.scale.command --records "$records" --kills $((records / 100)) --resume --edgefuse "$edgefuse"
