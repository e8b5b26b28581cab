#!/bin/bash
# Commits with fixed dates, a branch, a merge, gc, fsck, log, blame, archive.
# needs: git=git
set -eu
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q -b main work
cd work
git config gc.auto 0
for i in $(seq 1 $((SIZE * 8))); do
    export GIT_AUTHOR_DATE="2020-01-01T00:00:$((i % 60)) +0000" GIT_COMMITTER_DATE="2020-01-01T00:00:$((i % 60)) +0000"
    seq "$i" $((i * 700)) >numbers
    seq -f "%g $i" 1 100 >"file$i"
    git add .
    git commit -q -m "commit $i"
done
git checkout -q -b side HEAD~3
echo side >side
git add side
git commit -q -m side
git checkout -q main
git merge -q -m merge side
git gc -q --aggressive --prune=now
git fsck --full --strict 2>/dev/null
git log --format='%H %T %s' --stat | sha256sum
git rev-parse HEAD
git blame --porcelain numbers | sha256sum
git archive HEAD | sha256sum
git cat-file --batch-all-objects --batch-check | sha256sum
git diff --exit-code HEAD~1 >/dev/null
