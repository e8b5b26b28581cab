#!/bin/bash
# Pipes, subshells, traps, here-documents, arrays, background jobs, exit statuses.
# needs: bash=bash
set -u
trap 'echo "trapped USR1"' USR1
trap 'echo "leaving with $?"' EXIT
kill -USR1 $$
total=$(for i in $(seq 1 $((SIZE * 200))); do (echo $((i * i))); done | while read -r x; do echo "$x"; done | awk '{s += $1} END {print s}')
echo "$total"
declare -A seen
for ((i = 0; i < SIZE * 5000; i++)); do seen[$((i * 7919 % 10007))]=$i; done
echo "${#seen[@]}"
printf '%s\n' "${!seen[@]}" | sort -n | sha256sum
cat <<END | tr '[:lower:]' '[:upper:]' | tee copy | wc -c
$(seq 1 20000)
END
cmp copy <(seq 1 20000) && echo same
(sleep 0.1; exit 4) & wait $!; echo "background $?"
{ timeout -s KILL 0.1 sleep 5; } 2>/dev/null
echo "killed $?"
(kill -TERM "$BASHPID"); echo "signalled $?"
false | true; echo "${PIPESTATUS[*]}"
no_such_program_here 2>&1 | sed 's/^.*: line/line/'
echo to stderr >&2
exit 42
