#!/bin/bash
# Makes the roots that make matrix runs in: a small Debian for each C library, by debootstrap, once (as root; some minutes
# and 1.3 GB each). What must hold: a root is whole or not there.
#
#     roots.sh FOLDER SUITE...
set -euo pipefail
folder=$1
shift
with=gcc,g++,libc6-dev,gcc-multilib,golang-go,musl-tools,sudo,util-linux,procps,default-jre-headless
mkdir -p "$folder"
for suite in "$@"; do
    [ ! -e "$folder/$suite/bin/true" ] || continue
    [ "$(id -u)" = 0 ] || { echo "roots: debootstrap needs root" >&2; exit 1; }
    echo "roots: making $folder/$suite"
    rm -rf "${folder:?}/$suite.new"
    if ! debootstrap --variant=minbase --include="$with" "$suite" "$folder/$suite.new" >"$folder/$suite.log" 2>&1; then
        tail -n 3 "$folder/$suite.log" >&2
        exit 1
    fi
    mv "$folder/$suite.new" "$folder/$suite"
done
