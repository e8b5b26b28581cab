//! Links the shim so that it loads into every process: no start files, no libgcc, only libc.so.6 (see docs/design.md).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for arg in [
        "-nostdlib",
        "-nostartfiles",
        // Every C library answers to this name: glibc's own, and musl's loader takes it as itself.
        "-l:libc.so.6",
        // Never unloaded: other objects' PLT entries point into it.
        "-Wl,-z,nodelete",
        // Inside the library its own hooks are called as functions, never through the program's symbol table.
        "-Wl,-Bsymbolic",
        "-Wl,-z,now",
        // No RELRO: it costs every start an mmap, an mprotect and a page fault (0.015 ms), and would protect little here,
        // where the real functions' addresses are written at run time anyway.
        "-Wl,-z,norelro",
        "-Wl,-z,noexecstack",
        // One mapping for text and read-only data: an mmap call less at every start (0.01 ms).
        "-Wl,-z,noseparate-code",
        "-Wl,--no-rosegment",
        "-Wl,--hash-style=gnu",
        "-Wl,--no-undefined",
        "-Wl,-soname,libfaultless.so",
    ] {
        println!("cargo:rustc-cdylib-link-arg={arg}");
    }
}
