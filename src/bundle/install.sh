#!/bin/sh
# Installs the bundle that this script lies in, and starts it as a service. Run it as root on the board.
#
#   ./install.sh [--prefix DIR] [--no-service]
#
# --prefix DIR   where to, /opt/edgefuse if not given
# --no-service   the files only: no user, no systemd unit
set -eu

machine=@MACHINE@
config=@CONFIG@
prefix=/opt/edgefuse
service=yes
while [ $# -gt 0 ]; do
    case $1 in
        --prefix)
            [ $# -gt 1 ] || { echo "install: --prefix needs a folder" >&2; exit 2; }
            prefix=$2
            shift
            ;;
        --no-service) service=no ;;
        *)
            echo "usage: ./install.sh [--prefix DIR] [--no-service]" >&2
            exit 2
            ;;
    esac
    shift
done
case $prefix in
    /*) ;;
    *) prefix=$(pwd)/$prefix ;;
esac

fail() {
    echo "install: $1" >&2
    exit "${2:-1}"
}

cd "$(dirname "$0")"
[ "$(uname -m)" = "$machine" ] || fail "this bundle is for $machine, and this machine is $(uname -m)" 3
[ "$service" = no ] || [ "$(id -u)" = 0 ] || fail "run it as root, or with --no-service"
[ "$service" = no ] || command -v systemctl >/dev/null || fail "no systemd here; use --no-service"
sums=$(sha256sum -c SHA256SUMS 2>&1) || {
    echo "$sums" | grep -v ': OK$' >&2
    fail "a file is damaged: copy the bundle again" 3
}

# Everything that the device file names must run here before anything is replaced.
./edgefuse --config "configs/$config" doctor || fail "the bundle does not run here; see above" 3

echo "installing to $prefix"
mkdir -p "$(dirname "$prefix")"
rm -rf "$prefix.new" "$prefix.old"
cp -R . "$prefix.new"
sed "s#@PREFIX@#$prefix#g" edgefuse.service >"$prefix.new/edgefuse.service"
[ ! -e "$prefix" ] || mv "$prefix" "$prefix.old"
mv "$prefix.new" "$prefix"
rm -rf "$prefix.old"

if [ "$service" = yes ]; then
    id edgefuse >/dev/null 2>&1 || useradd --system --home-dir /var/lib/edgefuse --shell /usr/sbin/nologin edgefuse
    cp "$prefix/edgefuse.service" /etc/systemd/system/edgefuse.service
    systemctl daemon-reload
    systemctl enable edgefuse.service
    systemctl restart edgefuse.service
    systemctl --no-pager --lines=0 status edgefuse.service
fi
echo "done"
