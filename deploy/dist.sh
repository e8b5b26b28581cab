#!/bin/bash
# make dist: one archive for every x86-64 Linux of the last ten years, and the list of its files' sums.
# What must hold: the same commit and tools give the same bytes, wherever the checkout lies and whoever builds; nothing of
# the machine that built it is inside; what the archive promises (needs of the library, a command without a loader) is
# read from the files that go into it, or there is no archive.
#
#     deploy/dist.sh [FOLDER]        into FOLDER (default target/dist)
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
cd "$(dirname "$0")/.."
root=$PWD
target=x86_64-unknown-linux-gnu
out=$(realpath -m "${1:-${CARGO_TARGET_DIR:-target}/dist}")
build=$out/build
fail() { echo "dist: $*" >&2; exit 1; }

command -v gcc >/dev/null || fail "no gcc (apt-get install gcc libc6-dev)"
[ -e "$(gcc -print-file-name=libc.a)" ] || fail "no static C library (apt-get install libc6-dev; elsewhere glibc-static)"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || true)}
[ -n "$SOURCE_DATE_EPOCH" ] || fail "no git history here: set SOURCE_DATE_EPOCH to the commit's time in seconds"
export SOURCE_DATE_EPOCH

# Flags of the builder's own would make other bytes; paths are the same words on every machine.
unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET
cargo_home=$(realpath "${CARGO_HOME:-$HOME/.cargo}")
words="--remap-path-prefix=$root=/faultless --remap-path-prefix=$cargo_home=/cargo"
words+=" --remap-path-prefix=$(rustc --print sysroot)=/rust"
export CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_INCREMENTAL=0

# Two calls, as in `make build`. The command is static, so that it runs beside any C library, and where there is none.
RUSTFLAGS="$words" cargo build --release --locked --target $target --target-dir "$build/shim" -p faultless-shim
RUSTFLAGS="$words -C target-feature=+crt-static" \
    cargo build --release --locked --target $target --target-dir "$build/cli" -p faultless-cli
library=$build/shim/$target/release/libfaultless.so
faultless=$build/cli/$target/release/faultless

version=$("$faultless" --version | awk '{print $2}')
name=faultless-$version-x86_64-linux
tree=$build/$name
rm -rf "$tree"
share=$tree/share
docs=$share/doc/faultless
mkdir -p "$tree"/{bin,lib/faultless} "$share"/man/man1 "$docs" \
    "$share"/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d}
install -m 755 "$faultless" "$tree/bin/faultless"
install -m 755 "$library" "$tree/lib/faultless/libfaultless.so"
"$faultless" man "$share/man/man1"
"$faultless" completions bash >"$share/bash-completion/completions/faultless"
"$faultless" completions zsh >"$share/zsh/site-functions/_faultless"
"$faultless" completions fish >"$share/fish/vendor_completions.d/faultless.fish"

deploy/policies.sh "$faultless" "$share/faultless/policies"

cp README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE docs/design.md docs/kernel.md "$docs"
[ ! -e docs/platforms.md ] || cp docs/platforms.md "$docs"
{
    echo "What is compiled into the command and the library besides this project, with its licences."
    echo
    echo "The C library in the command is the GNU C Library, LGPL-2.1-or-later: to link it with another version, build this"
    echo "project's source. Its and the compiler's support code is under the GCC Runtime Library Exception. Rust's standard"
    echo "library is MIT or Apache-2.0."
    cargo tree --locked --target $target -e normal --prefix none --format '{p}|{l}' -p faultless-cli -p faultless-shim |
        sed 's/ (.*)|/|/' | sort -u | while IFS='|' read -r package licence; do
        crate=${package% v*} number=${package##* v}
        case $crate in faultless-* | '') continue ;; esac
        printf '\n======== %s %s: %s\n' "$crate" "$number" "$licence"
        for folder in "$cargo_home"/registry/src/*/"$crate-$number"; do
            for file in "$folder"/{LICENSE,COPYING,NOTICE,COPYRIGHT,UNLICENSE}*; do
                if [ -f "$file" ] && [ "${file##*/}" != LICENSE-APACHE ]; then
                    printf '\n---- %s\n' "${file##*/}"
                    cat "$file"
                fi
            done
            break
        done
    done
} >"$docs/THIRD-PARTY"

# What the archive promises.
if readelf -lW "$tree/bin/faultless" | grep -q INTERP; then fail "the command wants a loader"; fi
if grep -qaF -e "$root" -e "$cargo_home" "$tree/bin/faultless" "$tree/lib/faultless/libfaultless.so"; then
    fail "a path of this machine is inside"
fi
needs=$(readelf -dW "$tree/lib/faultless/libfaultless.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | xargs)
[ "$needs" = libc.so.6 ] || fail "the library needs $needs"
newest=$(readelf -VW "$tree/lib/faultless/libfaultless.so" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
[ "$(printf '%s\n' "$newest" GLIBC_2.17 | sort -V | tail -n 1)" = GLIBC_2.17 ] || fail "the library wants $newest"

(cd "$tree" && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum) >"$build/SHA256SUMS"
mv "$build/SHA256SUMS" "$tree/SHA256SUMS"
archive=$out/$name.tar.gz
tar -C "$build" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu -cf - "$name" |
    gzip -9n >"$archive.new"
mv "$archive.new" "$archive"
rm -rf "${out:?}/$name"
mv "$tree" "$out/$name"
(cd "$out" && sha256sum "$name.tar.gz" >SHA256SUMS)
echo "dist: the library needs libc.so.6, nothing above $newest; the command is static"
echo "dist: $archive"
cat "$out/SHA256SUMS"
