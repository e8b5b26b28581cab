//! The tests of the crate nix: a Rust program's calls of the C library, from mmap and fork to ptrace and sockets.

use std::path::Path;

use super::{Ended, Part, Results, Suite, crates};

/// The suite.
pub struct Nix;

const VERSION: &str = "0.32.0";
/// What nix's own tests are run with.
const FEATURES: &str = "acct,aio,dir,env,event,fanotify,feature,fs,hostname,inotify,ioctl,kmod,mman,mount,mqueue,net,\
    personality,poll,process,pthread,ptrace,quota,reboot,resource,sched,signal,socket,syslog,term,time,ucontext,uio,\
    user,zerocopy";
/// They change the machine: its accounting, its kernel's modules.
const LEFT_OUT: &[&str] = &["test_acct", "test_kmod"];

impl Suite for Nix {
    fn name(&self) -> &'static str {
        "nix"
    }

    fn prepare(&self, cache: &Path) -> Result<String, String> {
        if !crates::programs(cache).is_dir() {
            let source = crates::source("nix", VERSION, cache)?;
            crates::build(&source, cache, FEATURES, &[])?;
        }
        Ok(format!("nix {VERSION}"))
    }

    fn parts(&self, cache: &Path) -> Result<Vec<Part>, String> {
        crates::parts(cache, LEFT_OUT)
    }

    fn results(&self, _part: &Part, ended: &Ended) -> Results {
        crates::libtest(ended)
    }
}
