#!/usr/bin/env bash
# Bare processes, Ray Data and Spark on the same records, while workers are killed at random: every record once, errors in
# place, results equal. Needs scripts/requirements/scale.txt, and Java for Spark.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

records=2000
case "${1-}" in
    "") ;;
    --records) records=${2:?"a number of records"} ;;
    *)
        echo "usage: scripts/test_scale.sh [--records N]" >&2
        exit 2
        ;;
esac

python=build/package-environment/bin/python
if ! "$python" -c 'import edgefuse, ray, pyspark, pyarrow, pandas' 2>/dev/null || ! command -v java >/dev/null; then
    echo "Not run: needs scripts/test_package.sh before, .venv/bin/python -m pip install -r scripts/requirements/scale.txt, and Java"
    exit 77
fi
[[ -n ${EDGEFUSE-} ]] || cargo build --release --locked
edgefuse=$(realpath "${EDGEFUSE-target/release/edgefuse}")
cd scripts
exec "../$python" -m edgefuse_tools.scale.command --records "$records" --kills 20 --edgefuse "$edgefuse"
