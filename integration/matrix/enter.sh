#!/bin/bash
# Runs a command in a root of its own, in a mount namespace that ends with it: nothing of this machine is changed.
#
#     enter.sh ROOT DIST WORK COMMAND...     DIST (what make dist built) is /opt/faultless there, WORK is /matrix
#
# WITHOUT="proc shm" leaves these out; READ_ONLY=1 makes all but /matrix, /tmp and /dev/shm read-only.
set -euo pipefail
if [ "${INSIDE:-}" != 1 ]; then
    exec env INSIDE=1 unshare --mount --propagation private "$0" "$@"
fi
root=$1 dist=$2 work=$3
shift 3
mkdir -p "$root"/{opt/faultless,matrix}
mount --bind "$root" "$root"
mount --bind "$dist" "$root/opt/faultless"
mount --bind "$work" "$root/matrix"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
[[ " ${WITHOUT:-} " == *" proc "* ]] || mount -t proc proc "$root/proc"
if [[ " ${WITHOUT:-} " != *" shm "* ]]; then
    mkdir "$root/dev/shm"
    # as container engines have it
    mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"
fi
if [ "${READ_ONLY:-}" = 1 ]; then
    mount -o remount,bind,ro "$root"
fi
unset INSIDE WITHOUT READ_ONLY
exec chroot "$root" "$@"
