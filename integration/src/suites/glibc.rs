//! glibc's tests of malloc, from Debian's glibc-source, each compiled by itself against the installed C library.
//!
//! What is left out wants glibc's inner headers, or brings a malloc of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::source::{done, unpack};
use super::{Ended, Part, Results, Suite, by_status};

/// The suite.
pub struct Glibc;

/// Parts of the names of those that are left out.
const INNER: &[&str] = &["interpose", "compathooks", "dynarray", "alloc_buffer", "mallocstate"];
/// Inner headers that need nothing else of glibc's.
const HEADERS: &[&str] = &[
    "include/libc-diag.h",
    "include/array_length.h",
    "include/libc-pointer-arith.h",
    "include/scratch_buffer.h",
    "sysdeps/generic/malloc-size.h",
    "sysdeps/generic/malloc-alignment.h",
];
/// The folders that support_paths.c wants to know.
const PATHS: &[&str] = &[
    "SRCDIR",
    "OBJDIR",
    "OBJDIR_ELF_LDSO",
    "INSTDIR",
    "LIBDIR",
    "BINDIR",
    "SBINDIR",
    "ROOTSBINDIR",
    "COMPLOCALEDIR",
    "SYSCONFDIR",
    "SLIBDIR",
    "LOCALEDIR",
];
/// What of glibc's test support they are linked with.
const SUPPORT: &str = "check ignore_stderr oom_error support_capture_subprocess \
    support_copy_file support_copy_file_range support-xstat support_paths support_quote_blob support_record_failure support_shared_allocate \
    support_subprocess support_test_compare_blob support_test_compare_failure support_test_main \
    support_test_verify_impl temp_file write_message xasprintf xcalloc xchdir xclose xdup2 xfclose xfopen xfork \
    xmalloc xrealloc xstrdup xmemstream xmmap xmunmap xmprotect xopen xpipe xpoll xposix_spawn \
    xposix_spawn_file_actions_addclose xposix_spawn_file_actions_adddup2 xpthread_attr_destroy xpthread_attr_init \
    xpthread_barrier_destroy xpthread_barrier_init xpthread_barrier_wait xpthread_barrierattr_destroy \
    xpthread_barrierattr_init xpthread_barrierattr_setpshared xpthread_check_return xpthread_create xpthread_join \
    xpthread_kill xsignal xsysconf xwaitpid";

impl Suite for Glibc {
    fn name(&self) -> &'static str {
        "glibc-malloc"
    }

    fn prepare(&self, cache: &Path) -> Result<String, String> {
        let tar = archive().ok_or("no /usr/src/glibc/glibc-*.tar.xz; apt-get install glibc-source")?;
        let version = tar.file_name().unwrap_or_default().to_string_lossy().replace(".tar.xz", "");
        let (source, built) = (cache.join("source"), cache.join(format!("{version}.built")));
        if built.is_file() {
            return Ok(version);
        }
        if !source.is_dir() {
            unpack(&tar, &source)?;
        }
        build(cache, &source)?;
        std::fs::write(&built, "").map_err(|e| format!("{}: {e}", built.display()))?;
        Ok(version)
    }

    fn parts(&self, cache: &Path) -> Result<Vec<Part>, String> {
        // One of them starts 100,000 threads, and a rule may bring in all of the stack of each.
        let limit = Duration::from_secs(7200);
        let tests = tests(&cache.join("source"))?;
        Ok(tests
            .into_iter()
            .map(|t| Part { limit, ..Part::new(&t, [cache.join("tests").join(&t).to_string_lossy()]) })
            .collect())
    }

    fn results(&self, _part: &Part, ended: &Ended) -> Results {
        by_status(ended)
    }
}

fn archive() -> Option<PathBuf> {
    let files = std::fs::read_dir("/usr/src/glibc").into_iter().flatten().flatten().map(|f| f.path());
    files.into_iter().find(|f| f.file_name().is_some_and(|n| n.to_string_lossy().ends_with(".tar.xz")))
}

/// The names of the tests that stand by themselves.
fn tests(source: &Path) -> Result<Vec<String>, String> {
    let folder = source.join("malloc");
    let files = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let names = files.flatten().map(|f| f.file_name().to_string_lossy().into_owned());
    let mut tests: Vec<String> = names
        .filter(|n| n.starts_with("tst-") && !INNER.iter().any(|i| n.contains(i)))
        .filter_map(|n| n.strip_suffix(".c").map(str::to_owned))
        .collect();
    tests.sort();
    Ok(tests)
}

fn build(cache: &Path, source: &Path) -> Result<(), String> {
    let (headers, objects, programs) = (cache.join("headers"), cache.join("objects"), cache.join("tests"));
    for folder in [&headers, &objects, &programs] {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    // no other folder of the sources is looked into: their bits/ are of no machine
    for folder in ["malloc", "support"] {
        let link = headers.join(folder);
        if !link.exists() {
            std::os::unix::fs::symlink(source.join(folder), &link).map_err(|e| format!("{}: {e}", link.display()))?;
        }
    }
    for header in HEADERS {
        let to = headers.join(Path::new(header).file_name().unwrap_or_default());
        std::fs::copy(source.join(header), &to).map_err(|e| format!("{header}: {e}"))?;
    }
    let gcc = || {
        let mut gcc = Command::new("gcc");
        gcc.args(["-O2", "-w", "-D_GNU_SOURCE", "-DTIMEOUTFACTOR=40", "-DMODULE_NAME=testsuite", "-fno-builtin"]);
        gcc.args(["-Dlibc_hidden_proto(x)=", "-Dattribute_hidden=", "-include", "limits.h", "-pthread"]);
        gcc.args(PATHS.iter().map(|p| format!("-D{p}_PATH=\"/\"")));
        gcc.args(["-I.", "-Isupport", "-Imalloc"]).current_dir(&headers);
        gcc
    };
    let object = |name: &str| objects.join(format!("{name}.o"));
    for name in SUPPORT.split_whitespace() {
        done(gcc().arg("-c").arg(format!("support/{name}.c")).arg("-o").arg(object(name)))?;
    }
    let support: Vec<PathBuf> = SUPPORT.split_whitespace().map(object).collect();
    for test in tests(source)? {
        done(gcc().arg(format!("malloc/{test}.c")).args(&support).arg("-o").arg(programs.join(&test)))?;
    }
    Ok(())
}
