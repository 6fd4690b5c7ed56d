#!/bin/sh
# Debian's Xen is built without shadow paging.
#
# Guess: a distribution's hypervisor can run guests with hap=0, so that shadow paging is there to be measured.
# Seen: its configuration has CONFIG_SHADOW_PAGING off, and CONFIG_TRACEBUFFER on: it traces, but has no shadow to trace.
set -eu
version='4.17.7+13-g2445b30a44-0+deb12u1'
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet=2 "xen-hypervisor-4.17-amd64=$version" 2>download.log || { cat download.log >&2; exit 1; }
dpkg -x ./*.deb xen
echo "xen-hypervisor-4.17-amd64 $version, boot/xen-4.17-amd64.config:"
grep -E 'SHADOW_PAGING|CONFIG_HVM=|TRACEBUFFER' xen/boot/xen-4.17-amd64.config | tee seen
cat >expected <<'EXPECTED'
CONFIG_HVM=y
# CONFIG_SHADOW_PAGING is not set
CONFIG_TRACEBUFFER=y
EXPECTED
cmp seen expected && echo 'as found: guests run, traces are kept, and nothing can shadow'
