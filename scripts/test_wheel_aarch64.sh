#!/usr/bin/env bash
# Builds the Python package's wheel for aarch64, checks its manylinux tag, and runs it with Debian's Python in an emulator.
# --profile dev builds faster.
#
# Needs what scripts/test_aarch64.sh needs to build and emulate, and mirrors of Debian's packages and PyPI, from which it fills
# build/aarch64-python once. Exit code 77: a requirement is missing; the output says which.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

profile=release
case "${1-} ${2-}" in
    " ") ;;
    "--profile dev") profile=dev ;;
    *)
        echo "usage: scripts/test_wheel_aarch64.sh [--profile dev]" >&2
        exit 2
        ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
source scripts/edgefuse_tools/checks/emulation.sh

unavailable() {
    echo "not run: $1"
    exit 77
}
{ find_aarch64_linker && find_qemu aarch64; } || unavailable "$missing"

# --- The wheel ------------------------------------------------------------------------------------------------------

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$linker
.venv/bin/maturin build --quiet --locked --profile "$profile" --target "$aarch64_target" --out "$scratch/wheels"
wheel=$(echo "$scratch"/wheels/edgefuse-*.whl)
echo "${wheel##*/}"
# maturin reads which symbols the module needs, and names the oldest glibc that has them.
[[ $wheel =~ -cp39-abi3-manylinux_([0-9]+)_([0-9]+)_aarch64 ]] || { echo "FAILED: no manylinux wheel for aarch64" >&2 && exit 1; }
tag=${BASH_REMATCH[1]}.${BASH_REMATCH[2]}
no_newer_than "$tag" || { echo "FAILED: JetPack 5 has glibc $newest_glibc, and the wheel needs $tag" >&2 && exit 1; }

# --- An aarch64 Python with NumPy and ONNX Runtime ----------------------------------------------------------------------

python=build/aarch64-python
packages=(libbz2-1.0 libc6 libexpat1 libffi8 libgcc-s1 liblzma5 libpython3.11-minimal libpython3.11-stdlib libssl3 libstdc++6
    python3.11-minimal zlib1g)
if [[ ! -e $python/complete ]]; then
    rm -rf -- "$python"
    mkdir -p "$python" "$scratch/apt/lists/partial" "$scratch/debs" "$scratch/py"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n' \
        >"$scratch/apt/sources.list"
    options=(-qq -oAPT::Architecture=arm64 -oAPT::Architectures=arm64 -oDir::State::Lists="$scratch/apt/lists"
        -oDir::Etc::SourceList="$scratch/apt/sources.list" -oDir::Etc::SourceParts=/nonexistent -oAPT::Sandbox::User=root
        -oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache=)
    (apt-get "${options[@]}" update && cd "$scratch/debs" && apt-get "${options[@]}" download "${packages[@]}") ||
        unavailable "Debian's packages for arm64 cannot be downloaded"
    for package in "$scratch"/debs/*.deb; do dpkg -x "$package" "$python"; done
    .venv/bin/python -m pip install --quiet --target "$python/site" --only-binary :all: --python-version 3.11 --implementation cp \
        --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 \
        --no-deps numpy onnxruntime || unavailable "NumPy and ONNX Runtime for aarch64 cannot be downloaded"
    touch "$python/complete"
fi

# --- Run ------------------------------------------------------------------------------------------------------------

.venv/bin/python -m pip install --quiet --target "$scratch/package" --no-deps --no-index --platform "manylinux_${tag/./_}_aarch64" \
    --python-version 3.11 --only-binary :all: "$wheel"
AARCH64_SYSROOT=$python emulate_aarch64 cortex-a72 || unavailable "$missing"
# Debian has more libraries there.
ln -sfn "$PWD/$python/usr" "$scratch/sysroot-cortex-a72/usr"
ORT_DISABLE_TELEMETRY=1 PYTHONHOME=$PWD/$python/usr PYTHONPATH=$scratch/package:$PWD/$python/site \
    "${emulate[@]}" "$python/usr/bin/python3.11" - <<'PYTHON'
import platform

import edgefuse

pipeline = edgefuse.Pipeline("tests/fixtures/tiny/device.yaml", threads=1)
result = pipeline.run({"id": "a", "image": "tests/data/easyvqa-23.png"})
assert platform.machine() == "aarch64" and result.ok, (platform.machine(), result.errors)
print("aarch64: imported, and a picture has the result", result.text)
PYTHON
