#!/bin/sh
# Installs the bundle that contains this script, and starts it as a service. Run it as root on the board.
#
#   ./install.sh [--prefix DIR] [--no-service] [--root DIR]
#
# --prefix DIR   install into DIR instead of /opt/edgefuse
# --no-service   copy the files only: no user, no systemd unit
# --root DIR     install into an image mounted at DIR; the service starts when the image boots
#
# If systemd is not running (in a chroot, or a container that is being built), the service is enabled but not started.
set -eu

machine='@MACHINE@'
loader='@LOADER@'
glibc='@GLIBC@'
config='@CONFIG@'
prefix=/opt/edgefuse
service=yes
root=

fail() {
    echo "install: $1" >&2
    exit "${2:-1}"
}

usage() {
    echo "usage: ./install.sh [--prefix DIR] [--no-service] [--root DIR]" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
        --prefix | --root)
            [ $# -gt 1 ] && [ -n "$2" ] || { echo "install: $1 needs a folder" >&2; exit 2; }
            if [ "$1" = --prefix ]; then prefix=$2; else root=$2; fi
            shift
            ;;
        --no-service) service=no ;;
        *) usage ;;
    esac
    shift
done

# Absolute, without a trailing slash.
full() {
    case $1 in
        /*) path=$1 ;;
        *) path=$(pwd)/$1 ;;
    esac
    while [ "$path" != "${path%/}" ]; do path=${path%/}; done
}
full "$prefix"
prefix=$path
if [ -n "$root" ]; then
    full "$root"
    root=$path
    [ -d "$root" ] || fail "--root $root: no such folder" 2
fi

# The prefix becomes part of the unit, where other characters have a meaning for systemd.
case $prefix in
    *[!A-Za-z0-9/._+@=,\ -]*) fail "--prefix may have letters (A to Z), digits, spaces and / . _ - + @ = , in it" 2 ;;
    '' | *' ' | */../* | */..) fail "--prefix $prefix: not a folder of its own" 2 ;;
esac
target=$root$prefix
if [ -e "$target" ] && ! { [ -f "$target/SHA256SUMS" ] && [ -f "$target/edgefuse" ]; }; then
    fail "$target is there and is no installation of edgefuse; remove it or choose another --prefix" 2
fi

user_is_there() {
    if [ -n "$root" ]; then grep -q '^edgefuse:' "$root/etc/passwd"; else id edgefuse >/dev/null 2>&1; fi
}

cd -- "$(dirname -- "$0")"
case $target/ in
    "$(pwd)"/?*) fail "--prefix $target is inside the bundle; choose a folder outside it" 2 ;;
esac
here=yes
if [ "$(uname -m)" != "$machine" ]; then
    [ -n "$root" ] || fail "this bundle is for $machine, and this machine is $(uname -m)" 3
    here=no
fi
needs="this bundle needs a 64-bit glibc system${glibc:+ (glibc $glibc or newer)}"
[ -e "$root$loader" ] || fail "$needs, and there is no $root$loader here (musl, or a 32-bit user space)" 3
if [ -z "$root" ] && [ -n "$glibc" ]; then
    # "glibc 2.36"
    has=$(getconf GNU_LIBC_VERSION 2>/dev/null || true)
    has=${has#glibc }
    minor=${has#2.}
    minor=${minor%%[!0-9]*}
    if [ "$has" != "${has#2.}" ] && [ -n "$minor" ] && [ "$minor" -lt "${glibc#2.}" ]; then
        fail "$needs, and this system has glibc $has" 3
    fi
fi
[ "$service" = no ] || [ "$(id -u)" = 0 ] || fail "run it as root, or with --no-service"
[ "$service" = no ] || [ -d "$root/etc/systemd" ] || command -v systemctl >/dev/null || fail "no systemd here; use --no-service"
sums=$(LC_ALL=C sha256sum -c SHA256SUMS 2>&1) || {
    echo "$sums" | grep -v ': OK$' >&2
    fail "a file is damaged: copy the bundle again" 3
}

# Everything in the device file must run here before anything is replaced.
if [ "$here" = yes ]; then
    ./edgefuse --config "configs/$config" doctor || fail "the bundle does not run here; see above" 3
else
    echo "doctor not run: this machine is $(uname -m); run it on the board"
fi

echo "installing to $target"
mkdir -p -- "$(dirname -- "$target")"
rm -rf -- "$target.new" "$target.old"
cp -R . "$target.new"
# The prefix contains no character that is special in a sed replacement.
sed "s#{PREFIX}#$prefix#g" edgefuse.service >"$target.new/edgefuse.service"
[ ! -e "$target" ] || mv -- "$target" "$target.old"
mv -- "$target.new" "$target"
rm -rf -- "$target.old"

if [ "$service" = yes ]; then
    units=$root/etc/systemd/system
    user_is_there || useradd ${root:+--root "$root"} --system --user-group --home-dir /var/lib/edgefuse --shell /usr/sbin/nologin edgefuse
    mkdir -p -- "$units/multi-user.target.wants"
    cp -- "$target/edgefuse.service" "$units/edgefuse.service"
    if [ -z "$root" ] && [ -d /run/systemd/system ] && [ "${SYSTEMD_OFFLINE:-0}" != 1 ]; then
        systemctl daemon-reload
        systemctl enable edgefuse.service
        systemctl restart edgefuse.service
        systemctl --no-pager --lines=0 status edgefuse.service
    else
        # The same as `systemctl enable`, without a running systemd.
        ln -sf -- /etc/systemd/system/edgefuse.service "$units/multi-user.target.wants/edgefuse.service"
        echo "enabled, not started: systemd is not running here; it starts with the next boot"
    fi
fi
echo "done"
