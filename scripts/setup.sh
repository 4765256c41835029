#!/usr/bin/env bash
# Sets up a fresh clone: see --help. PYTHON names another interpreter.
set -euo pipefail

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "setup: Python 3.9 or newer is needed, but $python is not; on Debian and Ubuntu: apt-get install python3 python3-venv, or set PYTHON" >&2
    exit 1
fi
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
exec "$python" -m edgefuse_tools.setup "$@"
