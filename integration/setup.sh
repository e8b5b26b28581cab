#!/bin/bash
# Installs what the integration programs need: all of them, or only the set named by the first argument.
# What must hold: quick when nothing is missing; never fails, because a missing program is skipped where it is used
# (with a line of its own); says in one line what is missing and how to get it when it can't install.
set -u

# program=package (a file stands for a program when it is no command)
run=(javac=default-jdk-headless python3=python3)
test=(
    perl=perl sqlite3=sqlite3 git=git node=nodejs xz=xz-utils curl=curl gdb=gdb awk=mawk
    redis-server=redis-server redis-cli=redis-tools setpriv=util-linux strace=strace valgrind=valgrind
    '/usr/lib/postgresql/*/bin/postgres=postgresql' 'g++=g++'
)
allocators=(
    /usr/lib/x86_64-linux-gnu/libjemalloc.so.2=libjemalloc2
    '/usr/lib/x86_64-linux-gnu/libmimalloc.so.2*=libmimalloc2.0'
    /usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4=libtcmalloc-minimal4
)
prove=(
    systemd-analyze=systemd dash=dash podman=podman runc=runc
    hyperfine=hyperfine perf=linux-perf chromium=chromium redis-benchmark=redis-tools
    '/usr/lib/postgresql/*/bin/pgbench=postgresql'
    vmtouch=vmtouch nocache=nocache /usr/lib/python3/dist-packages/lmdb=python3-lmdb
    /bin/busybox=busybox-static /usr/lib/python3/dist-packages/yaml=python3-yaml
)
deploy=(
    podman=podman runc=runc conmon=conmon debootstrap=debootstrap systemd-analyze=systemd readelf=binutils
    /usr/bin/tini-static=tini musl-gcc=musl-tools rpmbuild=rpm dpkg-deb=dpkg setpriv=util-linux
    /usr/lib/python3/dist-packages/yaml=python3-yaml /usr/lib/python3/dist-packages/jsonpatch.py=python3-jsonpatch
    '/usr/share/python-wheels/pip-*=python3-venv'
)
bench=(
    redis-server=redis-server /usr/lib/python3/dist-packages/numpy=python3-numpy
    /usr/lib/x86_64-linux-gnu/libhugetlbfs.so.0=libhugetlbfs0
)
suites=(
    '/usr/lib/python3.*/test/test_mmap.py=libpython3-testsuite' '/usr/src/glibc/glibc-*.tar.xz=glibc-source'
    stress-ng=stress-ng tclsh8.6=tcl8.6 /usr/lib/tcl8.6/tclConfig.sh=tcl8.6-dev go=golang-go gcc=gcc make=make
)
matrix=(debootstrap=debootstrap podman=podman runc=runc javac=default-jdk-headless)
lint=(shellcheck=shellcheck 'g++=g++')

# What is no package of the system's: built by cargo into target/tools, by its own lock file. It takes minutes, so only those
# who ask for an audit get it.
if [ "${1:-all}" = audit ]; then
    version=0.20.2
    tools=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/tools
    if [ "$("$tools/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
        echo "setup: building cargo-deny $version"
        cargo install --quiet --locked --root "$tools" --version "$version" cargo-deny ||
            echo "setup: cargo-deny could not be built; without it there is no audit"
    fi
    exit 0
fi

case "${1:-all}" in
    run) wanted=("${run[@]}") ;;
    test) wanted=("${run[@]}" "${test[@]}" "${allocators[@]}") ;;
    bench) wanted=("${run[@]}" "${allocators[@]}" "${bench[@]}") ;;
    deploy) wanted=("${deploy[@]}") ;;
    suites) wanted=("${run[@]}" "${test[@]}" "${suites[@]}") ;;
    matrix) wanted=("${matrix[@]}") ;;
    lint) wanted=("${lint[@]}") ;;
    *) wanted=("${run[@]}" "${test[@]}" "${allocators[@]}" "${bench[@]}" "${prove[@]}" "${deploy[@]}" "${suites[@]}" "${lint[@]}") ;;
esac

packages=()
for row in "${wanted[@]}"; do
    program=${row%%=*}
    # a * in a row stands for a version
    if [ "${program#/}" != "$program" ]; then
        compgen -G "$program" >/dev/null || packages+=("${row#*=}")
    else
        command -v "$program" >/dev/null || packages+=("${row#*=}")
    fi
done
[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # RUNLEVEL=1 keeps the packages from starting their servers.
    apt-get update -qq </dev/null >/dev/null 2>&1
    if ! RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${packages[@]}" </dev/null >/dev/null 2>&1; then
        # one that this release lacks must not cost the others
        for package in "${packages[@]}"; do
            RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$package" </dev/null >/dev/null 2>&1 ||
                echo "setup: $package could not be installed; what needs it will be skipped"
        done
    fi
else
    echo "setup: missing, what needs them will be skipped; get them: sudo apt-get install ${packages[*]}"
fi
exit 0
