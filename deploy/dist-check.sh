#!/bin/bash
# make dist-check: builds the archive a second time, as somebody else would: from a copy of the files in another folder,
# with another home of cargo's, user mask, language and time zone. Fails unless the bytes are those of `make dist`.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath "${CARGO_TARGET_DIR:-target}/dist")
first=$(echo "$out"/faultless-*.tar.gz)
[ -e "$first" ] || { echo "dist-check: make dist first" >&2; exit 1; }
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
mkdir "$elsewhere/another-checkout" "$elsewhere/cargo"
git ls-files -z | tar --null -T - -cf - | tar -C "$elsewhere/another-checkout" -xf -
# The packages that are there already, by another path.
for part in registry config.toml config git; do
    [ ! -e "${CARGO_HOME:-$HOME/.cargo}/$part" ] || cp -rs "$(realpath "${CARGO_HOME:-$HOME/.cargo}/$part")" "$elsewhere/cargo/"
done
(
    umask 077
    export TZ=Asia/Tokyo LANG=C.UTF-8 CARGO_HOME="$elsewhere/cargo"
    unset CARGO_TARGET_DIR
    "$elsewhere/another-checkout/deploy/dist.sh" "$elsewhere/dist"
)
second=$(echo "$elsewhere"/dist/faultless-*.tar.gz)
if cmp "$first" "$second"; then
    echo "dist-check: two builds, the same bytes: $(sha256sum <"$first" | cut -d' ' -f1)"
else
    diff <(cd "$out"/faultless-*/ && cat SHA256SUMS) <(cd "$elsewhere"/dist/faultless-*/ && cat SHA256SUMS) || true
    echo "dist-check: two builds differ" >&2
    exit 1
fi
