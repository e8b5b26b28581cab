#!/bin/bash
# Hashes, sorting, growing strings, substitutions, fork and wait.
# needs: perl=perl
set -eu
exec perl -e '
use strict; my $n = 50_000 * shift; my %h; my $x = 12345;
for my $i (1 .. $n) { $x = ($x * 1103515245 + 12345) % 2147483648; $h{"k$x"} .= $i; }
my $s = join ",", map { "$_=$h{$_}" } sort keys %h;
print scalar(keys %h), " ", length $s, "\n";
(my $t = $s) =~ s/([0-9])k/$1K/g; $t = reverse $t; print unpack("%32C*", $t), "\n";
my $big = ""; $big .= chr(65 + $_ % 26) x 4096 for 1 .. 5000; print length $big, " ", unpack("%32C*", $big), "\n";
$| = 1;
my $pid = fork; if (!$pid) { my @a = map { $_ * 2 } 1 .. 100_000; exit @a % 7 } waitpid $pid, 0; print $? >> 8, "\n";
die "as it should\n";
' "$SIZE"
