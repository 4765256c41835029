#!/usr/bin/env bash
# Installs a bundle as in an image build, without a running systemd, boots that system with the real systemd as its first
# process, puts a picture into the watched folder, and checks the result and the state of the service.
#
#   scripts/test_service.sh [BINARY]
#
# The system consists of this machine's files under an overlay, in separate namespaces, so it leaves nothing behind. Needs root,
# systemd, zstd, and a kernel that allows overlays and a new cgroup. Exit code 77: a requirement is missing.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

lacks() {
    echo "not run: $1"
    exit 77
}
[[ $(id -u) -eq 0 ]] || lacks "booting a system in namespaces needs root"
[[ -x /lib/systemd/systemd ]] || lacks "systemd is not installed (Debian: apt install systemd)"
for program in zstd unshare; do
    command -v "$program" >/dev/null || lacks "$program is not installed"
done

if [[ $# -gt 0 ]]; then
    binary=$(realpath -- "$1")
else
    cargo build --release --locked
    binary=$(realpath -- "${CARGO_TARGET_DIR:-target}/release/edgefuse")
fi

work=$(mktemp -d)
group=
# shellcheck disable=SC2329  # called by the trap
cleanup() {
    [[ -z $group ]] || find "$group" -depth -type d -exec rmdir -- {} \; 2>/dev/null || true
    rm -rf -- "$work"
}
trap cleanup EXIT

# A version 2 hierarchy, with or without version 1.
for hierarchy in /sys/fs/cgroup/unified /sys/fs/cgroup; do
    if [[ -f $hierarchy/cgroup.procs && -f $hierarchy/cgroup.controllers ]] && mkdir -- "$hierarchy/edgefuse-$$" 2>/dev/null; then
        group=$hierarchy/edgefuse-$$
        break
    fi
done
[[ -n $group ]] || lacks "cannot create a cgroup of version 2 here"

mkdir -p "$work/device/configs" "$work/device/onnx" "$work/shared" "$work/system"
cp -r onnx/student "$work/device/onnx/"
printf '%s\n' 'device: service' 'runtime: {memory_budget: 512MiB}' 'models: {student: {path: onnx/student}}' 'pipeline: [fuse]' \
    >"$work/device/configs/my board.yaml"
# bundle CONFIG FOLDER: packs a device file and unpacks the bundle.
bundle() {
    "$binary" --quiet --config "$work/device/configs/$1" bundle --target "$(uname -m)" --binary "$binary" \
        --library "${ORT_DYLIB_PATH:-lib/libonnxruntime.so}" --out "$work/bundle.tar.zst"
    mkdir -p "$2"
    zstd -dqc "$work/bundle.tar.zst" | tar xf - -C "$2"
}
bundle "my board.yaml" "$work/shared"
printf '%s\n' 'device: serving' 'extends: my board.yaml' 'server: {http: {listen: "127.0.0.1:8080"}}' >"$work/device/configs/server.yaml"
bundle server.yaml "$work/serving"
cp tests/data/easyvqa-23.png "$work/shared/picture.png"

# Runs in the booted system; leaves its results in the shared folder.
cat >"$work/shared/drive.sh" <<'DRIVE'
cp /shared/picture.png /var/lib/edgefuse/in/.picture.png
mv /var/lib/edgefuse/in/.picture.png /var/lib/edgefuse/in/picture.png
for _ in $(seq 120); do
    [ -s /var/lib/edgefuse/out/picture.png.jsonl ] && break
    sleep 0.5
done
cp /var/lib/edgefuse/out/picture.png.jsonl /shared/result.jsonl
systemctl show edgefuse.service -p ActiveState -p SubState -p Result -p NRestarts >/shared/state
find /var/lib/edgefuse /var/cache/edgefuse -type f >/shared/written
systemctl --no-block --force poweroff
DRIVE

cat >"$work/boot.sh" <<'BOOT'
set -euo pipefail
work=$1
mount --make-rprivate /
mount -t tmpfs tmpfs "$work/system"
mkdir "$work/system/upper" "$work/system/work" "$work/system/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/system/upper,workdir=$work/system/work" "$work/system/root"
root=$work/system/root
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
mkdir "$root/shared"
mount --bind "$work/shared" "$root/shared"
rm -f -- "$root"/etc/systemd/system/*.wants/*
# As in an image build: systemd is installed but not running.
chroot "$root" sh /shared/edgefuse/install.sh --prefix "/opt/edge fuse" >/dev/null
cat >"$root/etc/systemd/system/drive.service" <<UNIT
[Unit]
Wants=multi-user.target
After=edgefuse.service
[Service]
Type=oneshot
ExecStart=/bin/sh /shared/drive.sh
StandardError=file:/shared/drive.log
UNIT
cd "$root"
pivot_root . mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=drive.service --log-target=null --show-status=0
BOOT

# In its own cgroup, with a time limit in case the system does not shut down.
(
    echo "$BASHPID" >"$group/cgroup.procs"
    exec timeout --kill-after=5 180 unshare --cgroup --pid --fork --kill-child --mount --uts --ipc --net bash "$work/boot.sh" "$work"
) </dev/null || true

failed=0
# Every unit's exposure, in tenths of systemd's points from 0 to 10.
for unit in "$work/shared" "$work/serving"; do
    command=$(sed -n 's/^ExecStart=.* \(watch\|serve\).*/\1/p' "$unit/edgefuse/edgefuse.service")
    sed 's#{PREFIX}#/opt/edgefuse#g' "$unit/edgefuse/edgefuse.service" >"$work/edgefuse.service"
    if exposure=$(systemd-analyze security --offline=true --no-pager --threshold=15 "$work/edgefuse.service" 2>&1); then
        echo "ok: $command: ${exposure##*→ }"
    else
        echo "FAILED: the unit for $command: ${exposure##*→ }"
        failed=1
    fi
done
# expect WHAT FILE TEXT
expect() {
    if grep --quiet --fixed-strings -- "$3" "$work/shared/$2" 2>/dev/null; then
        echo "ok: $1"
    else
        echo "FAILED: $1; $2 contains: $(cat -- "$work/shared/$2" 2>/dev/null || echo nothing)"
        failed=1
    fi
}
expect "the picture has a result" result.jsonl '"fusion"'
expect "systemd reports the service as running" state SubState=running
expect "it was never restarted" state NRestarts=0
expect "it writes its results" written /var/lib/edgefuse/out/picture.png.jsonl
if stray=$(grep -v -e '^/var/lib/edgefuse/\(in\|out\)/' -e '^/var/cache/edgefuse/memory/' "$work/shared/written"); then
    echo "FAILED: it wrote $stray"
    failed=1
fi
exit "$failed"
