#!/usr/bin/env bash
# Traces edgefuse while it captions, transcribes, watches a folder and runs `doctor`, and fails on any network use, any host
# lookup, and any file written outside the folders listed in README.
#
#   scripts/test_offline.sh [BINARY]
#
# With strace (Debian: apt install strace) it checks every call. Without it, the commands run in a separate network namespace,
# and only the files that they leave behind are checked.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

if [[ $# -gt 0 ]]; then
    binary=$(realpath -- "$1")
else
    cargo build --release --locked
    binary=$(realpath -- "${CARGO_TARGET_DIR:-target}/release/edgefuse")
fi

if strace -qq -o /dev/null true 2>/dev/null; then
    how=strace
elif unshare --map-root-user --net true 2>/dev/null; then
    how=namespace
else
    echo "not run: neither strace (Debian: apt install strace) nor a network namespace is available"
    exit 77
fi
echo "method: $how"

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/home" "$work/tmp" "$work/in" "$work/out"
cp tests/data/easyvqa-23.png "$work/in/"
failed=0

# The folders listed in README: the cache, results, and the temporary folder.
watched() {
    local title=$1 code=0
    shift
    printf '==> %s\n' "$title"
    local clean=(env -u ORT_DISABLE_TELEMETRY -u XDG_CACHE_HOME -u EDGEFUSE_CACHE -u CACHE_DIRECTORY "HOME=$work/home"
        "TMPDIR=$work/tmp" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=scripts)
    if [[ $how == strace ]]; then
        strace -f -yy -qq -s 256 -o "$work/trace" -e trace=network,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat \
            "${clean[@]}" "$@" >/dev/null || code=$?
        .venv/bin/python scripts/dev.py offline_trace "$work/trace" --allow "$work/home/.cache/edgefuse" "$work/tmp" "$work/out" || code=1
    else
        unshare --map-root-user --net "${clean[@]}" "$@" >/dev/null || code=$?
        local stray
        stray=$(find "$work/home" -type f -not -path "$work/home/.cache/edgefuse/*")
        [[ -z $stray ]] || { printf 'written: %s\n' "$stray"; code=1; }
    fi
    [[ $code -eq 0 ]] || { echo "FAILED with exit code $code"; failed=1; }
}

watched "doctor" "$binary" --quiet doctor
watched "prepare" "$binary" --quiet prepare
watched "caption" "$binary" --quiet caption tests/data/easyvqa-23.png
watched "transcribe" "$binary" --quiet transcribe tests/data/question-color.wav
watched "watch, 20 s after its last file" "$binary" --quiet watch "$work/in" --results "$work/out" --until-idle 20
watched "bench" "$binary" --quiet bench student --repeat 2 --cold 1
# Longer than the library waits before it first sends its events.
watched "a session in Python" .venv/bin/python -c "
from edgefuse_tools import offline
import time, onnxruntime
onnxruntime.InferenceSession('onnx/student/student.onnx', providers=['CPUExecutionProvider'])
time.sleep(12)"

if [[ $failed -eq 0 ]]; then
    echo "no lookup, no connection, no file outside the folders in README"
fi
exit "$failed"
