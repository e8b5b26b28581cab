#!/bin/bash
# deploy/policies.sh COMMAND FOLDER: a file of rules for each built-in policy that has any, as the command shows them: a
# start for one of one's own. The archive and the packages have the same.
set -euo pipefail
command=$1 folder=$2
mkdir -p "$folder"
# What does not begin with a blank is a name.
"$command" policy list | sed -n 's/^\([a-z]\+\) .*/\1/p' | while read -r policy; do
    rules=$("$command" policy show "$policy" | sed -n 's/^ *[0-9]\+ \([a-z]\+[@=:].*\)$/\1/p')
    [ -z "$rules" ] || printf '# The built-in policy %s, to copy and to change: faultless run --policy /path/to/copy -- CMD\n%s\n' \
        "$policy" "$rules" >"$folder/$policy.rules"
done
