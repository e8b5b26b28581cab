#!/bin/bash
# xz, gzip and bzip2 there and back, with threads.
# needs: xz=xz-utils gzip=gzip
set -eu
seq 1 $((SIZE * 150000)) >plain
for how in "gzip -9n" "gzip -1n" "xz -1" "xz -2 -T2 --block-size=1MiB"; do
    $how <plain >packed
    sha256sum <packed
    case $how in gzip*) gzip -dc packed ;; *) xz -dc packed ;; esac | cmp - plain
done
head -c 1000 packed >cut.xz
xz -t cut.xz
