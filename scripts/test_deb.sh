#!/usr/bin/env bash
# Builds the Debian package, checks it with lintian, and installs, uses, upgrades, removes and purges it in Debian bookworm.
#
#   scripts/test_deb.sh [BINARY]
#
# The first run builds cargo-deb (build/cargo-tools) and lets debootstrap make the system (build/bookworm.tar); both take minutes and
# a package mirror. Needs root, debootstrap, lintian, dpkg-dev and zstd. Exit code 77: a requirement is missing.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

lacks() {
    echo "not run: $1"
    exit 77
}
fail() {
    echo "FAILED: $1" >&2
    exit 1
}
[[ $(id -u) -eq 0 ]] || lacks "a system in a chroot needs root"
for program in debootstrap lintian dpkg-shlibdeps zstd unshare; do
    command -v "$program" >/dev/null || lacks "$program is not installed (Debian: debootstrap lintian dpkg-dev zstd util-linux)"
done

tools=build/cargo-tools
if [[ ! -x $tools/bin/cargo-deb ]] && ! command -v cargo-deb >/dev/null; then
    cargo install --quiet --locked --root "$tools" cargo-deb@3.8.0 || lacks "cargo-deb cannot be built here"
fi
mirror=$(sed -nE 's/^(URIs:|deb) +(\[[^]]*\] +)?([a-z]+:[^ ]+\/debian)\/?( .*)?$/\3/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1 || true)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
base=build/bookworm.tar
if [[ ! -f $base ]]; then
    debootstrap --variant=minbase --include=systemd-standalone-sysusers bookworm "$work/base" \
        "${mirror:-http://deb.debian.org/debian}" >"$work/debootstrap.log" 2>&1 ||
        lacks "debootstrap failed: $(tail -n 1 "$work/debootstrap.log")"
    rm -rf -- "$work/base/var/cache/apt" "$work/base/var/lib/apt/lists"
    tar -C "$work/base" -cf "$base.part" .
    mv -- "$base.part" "$base"
    rm -rf -- "$work/base"
fi
if [[ $# -gt 0 ]]; then
    binary=$(realpath -- "$1")
else
    cargo build --release --locked
    binary=$(realpath -- "${CARGO_TARGET_DIR:-target}/release/edgefuse")
fi

# --- The package ----------------------------------------------------------------------------------------------------

.venv/bin/python scripts/dev.py build_deb --fast --binary "$binary" --out "$work"
package=$(echo "$work"/edgefuse_*.deb)
lintian --allow-root --fail-on error,warning "$package" >"$work/lintian" 2>&1 &
linting=$!

# later VERSION [LINE]: the same package with another version, and with a line added to its device file.
later() {
    dpkg-deb -R "$package" "$work/later"
    sed -i "s/^Version: .*/Version: $1/" "$work/later/DEBIAN/control"
    [[ -z ${2-} ]] || echo "$2" >>"$work/later/etc/edgefuse/device.yaml"
    dpkg-deb -Znone --root-owner-group -b "$work/later" "$work/system/tmp/edgefuse-$1.deb" >/dev/null
    rm -rf -- "$work/later"
}

# --- Install --------------------------------------------------------------------------------------------------------

mkdir "$work/system"
tar -C "$work/system" -xf "$base"
system=$work/system
device=$system/etc/edgefuse/device.yaml
# The mounts of the system's commands end with them.
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 unshare --mount --pid --fork --mount-proc="$system/proc" chroot "$system" "$@"; }
as_service() { inside setpriv --reuid=edgefuse --regid=edgefuse --clear-groups -- "$@"; }
expect_file() { [[ -e $1 || -L $1 ]] || fail "$2: ${1#"$system"} is missing"; }
expect_none() { [[ ! -e $1 && ! -L $1 ]] || fail "$2: ${1#"$system"} is left"; }

cp -- "$package" "$system/tmp/edgefuse.deb"
inside dpkg -i /tmp/edgefuse.deb
grep -q '^edgefuse:.*:/var/lib/edgefuse:/usr/sbin/nologin$' "$system/etc/passwd" || fail "there is no user edgefuse"
inside edgefuse doctor | tee "$work/doctor"
grep -q 'usr/lib/edgefuse/lib/libonnxruntime.so' "$work/doctor" || fail "doctor uses another library"
for service in serve watch; do
    [[ -z $(find "$system/etc/systemd" -name "edgefuse-$service.service") ]] || fail "edgefuse-$service is enabled"
    expect_file "$system/usr/lib/systemd/system/edgefuse-$service.service" install
done
if command -v systemd-analyze >/dev/null; then
    # Units of the system itself are not installed there; only complaints about these two count.
    systemd-analyze --root="$system" verify edgefuse-serve.service edgefuse-watch.service 2>&1 | tee "$work/verify" || true
    ! grep 'edgefuse-[a-z]*\.service:[0-9]' "$work/verify" || fail "systemd does not accept a unit"
fi
echo "install: the program, its library, the user and both disabled services are there"

# --- A bundle's models ----------------------------------------------------------------------------------------------

mkdir -p "$work/device/configs" "$work/device/onnx"
cp -r onnx/whisper-tiny.en "$work/device/onnx/"
cat >"$work/device/configs/board.yaml" <<EOF
device: board
models: {whisper: {path: onnx/whisper-tiny.en, precision: int8}}
pipeline: [transcribe]
EOF
"$binary" --quiet --config "$work/device/configs/board.yaml" bundle --target "$(uname -m)" --binary "$binary" \
    --library lib/libonnxruntime.so --out "$work/bundle.tar.zst"
zstd -dqc "$work/bundle.tar.zst" | tar xf - -C "$system/opt"
cat >"$device" <<EOF
# changed here
device: board
models: {whisper: {path: /opt/edgefuse/onnx/whisper-tiny.en, precision: int8}}
pipeline: [transcribe]
EOF
cp tests/data/librivox-0870.wav "$system/tmp/speech.wav"
here=$(ORT_DYLIB_PATH=$PWD/lib/libonnxruntime.so "$binary" --quiet --config "$work/device/configs/board.yaml" transcribe tests/data/librivox-0870.wav)
there=$(as_service edgefuse --quiet transcribe /tmp/speech.wav)
[[ -n $there && ${there//\/tmp\/speech.wav/} == "${here//tests\/data\/librivox-0870.wav/}" ]] ||
    fail "transcript '$there', and '$here' outside"
echo "transcribe: $there"

# --- The command of the unit that watches, as its user ----------------------------------------------------------------

inside install -d -o edgefuse -g edgefuse -m 770 /var/lib/edgefuse /var/lib/edgefuse/in /var/lib/edgefuse/out /var/cache/edgefuse
mv -- "$system/tmp/speech.wav" "$system/var/lib/edgefuse/in/"
read -ra words < <(sed -n 's/^ExecStart=//p' "$system/usr/lib/systemd/system/edgefuse-watch.service")
as_service timeout 120 "${words[@]}" >/dev/null 2>"$work/watch.log" &
watching=$!
for _ in $(seq 240); do
    [[ ! -s $system/var/lib/edgefuse/out/speech.wav.jsonl ]] || break
    kill -0 "$watching" 2>/dev/null || fail "watch ended: $(tail -n 1 "$work/watch.log")"
    sleep 0.5
done
kill "$watching"
wait "$watching" 2>/dev/null || true
expect_file "$system/var/lib/edgefuse/out/speech.wav.jsonl" watch
echo "watch: the unit's command writes results"

# --- Upgrade, remove, purge -------------------------------------------------------------------------------------------

sum=$(sha256sum <"$device")
later 9.0-1
inside dpkg -i /tmp/edgefuse-9.0-1.deb
[[ $(sha256sum <"$device") == "$sum" ]] || fail "an upgrade changed /etc/edgefuse/device.yaml"
later 9.1-1 "# another key"
inside dpkg --force-confdef --force-confold -i /tmp/edgefuse-9.1-1.deb
[[ $(sha256sum <"$device") == "$sum" ]] || fail "an upgrade with another device file changed the one here"
expect_file "$device.dpkg-dist" upgrade
echo "upgrade: the changed device file is kept"

echo secret >"$system/etc/edgefuse/key"
inside dpkg -r edgefuse
expect_none "$system/usr/bin/edgefuse" remove
expect_none "$system/usr/lib/edgefuse" remove
for path in "$device" "$system/var/lib/edgefuse/out/speech.wav.jsonl" "$system/opt/edgefuse/onnx"; do
    expect_file "$path" remove
done
inside dpkg -P edgefuse
for path in "$device" "$system/var/lib/edgefuse" "$system/var/cache/edgefuse"; do
    expect_none "$path" purge
done
for path in "$system/etc/edgefuse/key" "$system/opt/edgefuse/onnx"; do
    expect_file "$path" purge
done
echo "remove and purge: state and the device file are gone, the administrator's own files and the models are kept"

wait "$linting" || { cat "$work/lintian" >&2 && fail "lintian"; }
echo "lintian: no errors, no warnings"
