#!/bin/bash
# Runs all c-tests in a root that has gcc and g++ (see roots.sh), compiled there and under the C library there. The program
# that runs them is static, so that it runs in any.
#
#     c-tests.sh ROOT [NAME...]      after make dist
set -euo pipefail
cd "$(dirname "$0")/../.."
repo=$PWD
root=$(realpath "$1")
shift
dist=$(echo "$repo"/target/dist/faultless-*/)
export RUSTFLAGS="-C target-feature=+crt-static"
harness=$(cargo test -q --no-run --target x86_64-unknown-linux-gnu --target-dir target/static-tests \
    -p faultless-integration --test c_tests --message-format json |
    sed -n 's/.*"executable":"\([^"]*\/c_tests-[^"]*\)".*/\1/p')
# The workspace is where it was when it was compiled: /matrix by its own name.
mkdir -p "$root/$(dirname "$repo")"
[ -e "$root/$repo" ] || ln -s /matrix "$root/$repo"
exec integration/matrix/enter.sh "$root" "$dist" "$repo" \
    env FAULTLESS_TEST_LIB=/opt/faultless/lib/faultless/libfaultless.so "$harness" "$@"
