#!/bin/bash
# Arrays and string work in awk, a long substitution in sed.
# needs: awk=mawk sed=sed
set -eu
seq 1 $((SIZE * 60000)) | awk '{k = $1 * 7919 % 65537; a[k] = a[k] "," $1; n++}
    END {for (i = 0; i < 65537; i++) if (i in a) {c++; l += length(a[i])} print n, c, l}'
seq 1 $((SIZE * 60000)) | sed -e 's/\([0-9]\)\([0-9]\)/\2\1/g' -e '/7$/d' -e 'N;s/\n/ /' | sha256sum
awk 'BEGIN {s = "x"; for (i = 0; i < 22; i++) s = s s; print length(s); exit 6}'
