#!/bin/bash
# An object file with and without optimisation, byte for byte, and a compile error with its exit status.
# needs: gcc=gcc
set -eu
{
    echo '#include <stdio.h>'
    for i in $(seq 1 $((SIZE * 100))); do
        echo "int f$i(int x) { int s = $i; for (int i = 0; i < x; i++) s = s * 31 + (i ^ $i); return s % 1000; }"
    done
    printf '%s\n' 'int main(void) { printf("%d %d\n", f1(10), f100(20)); return 0; }'
} >job.c
gcc -c -O0 job.c -o O0.o
gcc -c -O2 job.c -o O2.o
sha256sum O0.o O2.o
gcc -O2 job.c -o job
./job
echo 'int main(void) { return x; }' >bad.c
gcc -c bad.c
