# `make help` lists the targets. Everything is built by cargo; the rest sets up, runs and checks.
# The shim is always built by a cargo call of its own: in one with the others, their dependencies' `std` features
# would be switched on for it too, and it is no_std.
SHELL := /bin/bash
PREFIX ?= /usr/local
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
ifdef CARGO_TARGET_DIR
export FAULTLESS_TEST_LIB ?= $(TARGET)/release/libfaultless.so
export FAULTLESS_TEST_COMMAND ?= $(TARGET)/release/faultless
endif
SCRIPTS = integration/setup.sh $(wildcard integration/jobs/*.sh) $(wildcard integration/soak/*.sh) $(wildcard integration/matrix/*.sh) deploy/dist.sh deploy/dist-check.sh deploy/policies.sh .ci/run

.DEFAULT_GOAL := help
.PHONY: help build run test tests races bench fuzz prove prove-files prove-hot prove-compare suites faults soak deploy-check package readme dist dist-check matrix lint audit install clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## target/release/libfaultless.so and target/release/faultless
	cargo build --release -p faultless-shim
	cargo build --release -p faultless-cli

run: build ## the main job: real programs with and without, side by side
	integration/setup.sh run
	cargo run -q --release -p faultless-integration --bin demo

test: ## what doesn't depend on the machine: unit tests, c-tests, real programs under every policy, races (RACES=10 for ten times as many orders)
	integration/setup.sh test
	$(MAKE) -j3 build tests races
	cargo test --workspace --exclude faultless-shim
	cargo test --locked --manifest-path integration/races/Cargo.toml --target-dir $(TARGET)/races

# Cargo has a lock for each of the three folders, and the last step of a release build is a single thread's work.
tests:
	cargo test -q --workspace --exclude faultless-shim --no-run

races:
	cargo test -q --locked --manifest-path integration/races/Cargo.toml --target-dir $(TARGET)/races --no-run

prove: build ## one line per criterion: goal, measured, PASS, FAIL or SKIP (PART="faults elf" for a part; prove-files, prove-hot, prove-compare)
	integration/setup.sh prove
	cargo run -q --release -p faultless-integration --bin prove -- $(PART)

prove-files prove-hot prove-compare: build
	integration/setup.sh prove
	cargo run -q --release -p faultless-integration --bin prove -- $(@:prove-%=%)

faults: build ## faults injected, limits, full disks, SIGKILL: a line per kind, results to docs/trust.md (PART="inject limits")
	integration/setup.sh test
	cargo run -q --release -p faultless-integration --bin faults -- $(PART)

deploy-check: build ## images, pods, units and packages, with a real engine and real tools; as root (ROWS="containers packages")
	integration/setup.sh deploy
	cargo run -q --release -p faultless-integration --bin prove -- deploy

package: build ## a .deb and an .rpm in target/package
	deploy/package.py deb
	deploy/package.py rpm

bench: build ## workloads beside peers, tables in bench/results (ROWS="one reuse" CONTENDERS="alone jemalloc" ROUNDS=7; RESUME=1 goes on with what was cut short)
	integration/setup.sh bench
	cargo run -q --release -p faultless-integration --bin bench

fuzz: ## ten minutes for each reader of bytes that others write (TARGET="rules page" SECONDS=600 KEEP=1)
	integration/setup.sh test
	cargo run -q --release -p faultless-integration --bin fuzz

readme: ## the README's tables of servers, from bench/results (measured by SAVE=1 ROWS="redis postgres" make prove-compare)
	cargo run -q -p faultless-integration --bin readme

suites: build ## other people's tests under every policy, results in docs/trust.md (SUITE="tcl perl" POLICY="auto" for a part)
	integration/setup.sh suites
	cargo run -q --release -p faultless-integration --bin suites

soak: build ## redis and postgres under clients and auto for an hour, results in docs/trust.md (MINUTES=60)
	integration/setup.sh suites
	cargo run -q --release -p faultless-integration --bin soak

dist: ## target/dist: one archive for every x86-64 Linux, glibc 2.17 on or musl, with SHA256SUMS
	deploy/dist.sh

dist-check: dist ## builds it once more, elsewhere: the bytes must be the same
	deploy/dist-check.sh

matrix: dist ## each C library x each kind of program, tried; writes docs/platforms.md, fails if that differs (as root; LIBC=musl for a part)
	integration/setup.sh matrix
	integration/matrix/roots.sh $(CURDIR)/target/roots bullseye bookworm trixie
	cargo run -q -p faultless-integration --bin matrix -- $(LIBC)

lint: ## rustfmt, clippy with warnings as errors, shellcheck
	integration/setup.sh lint
	cargo fmt --all --check
	cargo fmt --manifest-path integration/fuzz/Cargo.toml --check
	cargo clippy -q --locked --manifest-path integration/fuzz/Cargo.toml --target-dir $(TARGET)/fuzz -- -D warnings
	cargo fmt --manifest-path integration/races/Cargo.toml --check
	cargo clippy -q --locked --manifest-path integration/races/Cargo.toml --target-dir $(TARGET)/races --all-targets -- -D warnings
	cargo clippy -q -p faultless-shim -- -D warnings
	cargo clippy -q --workspace --exclude faultless-shim --all-targets -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck $(SCRIPTS); \
	else echo "skipped: shellcheck (apt-get install shellcheck)"; fi

# Each check is made even if one before it fails: without a network the others still say what they find.
CHECKS ?= licenses bans sources advisories
audit: ## other people's crates: licences, duplicates, sources, advisories, by deny.toml (CHECKS="licenses bans sources" needs no network)
	integration/setup.sh audit
	@failed=; for manifest in Cargo.toml integration/fuzz/Cargo.toml; do for check in $(CHECKS); do \
		echo "$$manifest: $$check"; \
		$(TARGET)/tools/bin/cargo-deny --locked --config $(CURDIR)/deny.toml --manifest-path $$manifest check $$check || failed=1; \
	done; done; test -z "$$failed"

# Programs that run now have the old library mapped: a new file is renamed over it, the old one is never written to.
install: build ## to PREFIX (/usr/local), safe while programs run under the old library
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/faultless
	install -m 755 $(TARGET)/release/faultless $(DESTDIR)$(PREFIX)/bin/.faultless.new
	mv -f $(DESTDIR)$(PREFIX)/bin/.faultless.new $(DESTDIR)$(PREFIX)/bin/faultless
	install -m 755 $(TARGET)/release/libfaultless.so $(DESTDIR)$(PREFIX)/lib/faultless/.libfaultless.so.new
	mv -f $(DESTDIR)$(PREFIX)/lib/faultless/.libfaultless.so.new $(DESTDIR)$(PREFIX)/lib/faultless/libfaultless.so

clean: ## removes what was built
	cargo clean
