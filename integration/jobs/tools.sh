#!/bin/bash
# Programs that allocate much before any constructor has run: curl and gdb.
# needs: curl=curl gdb=gdb
set -eu
curl --version
curl -s "file://$PWD/no/such/file" || echo "curl $?"
seq 1 10000 >numbers
curl -s "file://$PWD/numbers" | sha256sum
gdb --version
gdb -q -nx -batch -ex 'print 6 * 7' -ex 'python print(sum(range(1000)))' 2>&1
