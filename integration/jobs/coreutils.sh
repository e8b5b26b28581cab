#!/bin/bash
# Sorting much text, sums, tac, shuf, ls, split and join; what reads a closed pipe.
# needs: sort=coreutils
set -eu
seq 1 $((SIZE * 250000)) >numbers
shuf --random-source=numbers numbers >shuffled
sha256sum shuffled
sort -n shuffled | cmp - numbers
sort --parallel=4 -S 16M shuffled | sha256sum
sort -S 64M -r shuffled | uniq | tac | md5sum
tac numbers | head -n 3
split -l 40000 numbers part.
ls
ls -l --time-style=+ part.aa
cat part.* | cksum
sort numbers >a
sort shuffled | join - a | wc -l
yes | head -n 100000 | wc -c
od -An -tx1 -N 64 shuffled
cut -c1-3 numbers | sort -u | wc -l
ls /no/such/folder
