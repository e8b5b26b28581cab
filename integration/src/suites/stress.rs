//! stress-ng's memory stressors, which verify what they have written. Each does a fixed amount of work.

use std::path::Path;
use std::process::Command;

use super::source::done;
use super::{Ended, Part, Results, Suite, by_status};

/// The suite.
pub struct Stress;

/// Stressor, how many operations, further arguments.
const STRESSORS: &[(&str, &str, &str)] = &[
    ("vm", "1500", "--vm-bytes 64M --vm-populate"),
    ("vm", "1500", "--vm-bytes 64M --vm-keep --vm-madvise hugepage"),
    ("mmap", "20", "--mmap-bytes 16M --mmap-mprotect"),
    ("mmap", "20", "--mmap-bytes 16M --mmap-file"),
    ("mmapfork", "6", ""),
    ("mmapfixed", "200", ""),
    ("mmapaddr", "4000", ""),
    ("mmapmany", "4000", ""),
    ("mremap", "200", "--mremap-bytes 16M"),
    ("mremap", "200", "--mremap-bytes 16M --mremap-lock"),
    // Of as many blocks as it would have at a time, it would take all of the memory, and the others would wait for some.
    ("malloc", "40000", "--malloc-bytes 4M --malloc-max 500 --malloc-touch"),
    ("malloc", "40000", "--malloc-bytes 256K --malloc-pthreads 3"),
    ("bigheap", "2000", "--bigheap-growth 64K"),
    ("brk", "20000", ""),
    ("stack", "200", "--stack-fill"),
    ("stackmmap", "20", ""),
    ("fork", "400", ""),
    ("vfork", "400", ""),
    ("clone", "200", ""),
    ("exec", "100", ""),
    ("mlock", "2000", ""),
    ("madvise", "60", ""),
    ("mincore", "2000", ""),
    ("mprotect", "4000", ""),
    ("msync", "40", "--msync-bytes 4M"),
    ("munmap", "4", ""),
    ("remap", "20", ""),
    ("shm", "20", "--shm-bytes 4M"),
    ("shm-sysv", "20", "--shm-sysv-bytes 4M"),
    ("memfd", "20", "--memfd-bytes 16M"),
    ("sigsegv", "2000", ""),
    ("bad-altstack", "60", ""),
    ("userfaultfd", "2000", "--userfaultfd-bytes 4M"),
];

impl Suite for Stress {
    fn name(&self) -> &'static str {
        "stress-ng"
    }

    fn prepare(&self, _cache: &Path) -> Result<String, String> {
        let said = done(Command::new("stress-ng").arg("--version"));
        let said = said.map_err(|why| format!("{why}; apt-get install stress-ng"))?;
        Ok(format!("stress-ng {}", said.split_whitespace().nth(2).unwrap_or("of unknown version")))
    }

    fn parts(&self, _cache: &Path) -> Result<Vec<Part>, String> {
        let part = |(at, (stressor, ops, more)): (usize, &(&str, &str, &str))| {
            let second = at > 0 && STRESSORS[at - 1].0 == *stressor;
            let name = if second { format!("{stressor}-2") } else { (*stressor).to_owned() };
            let mut argv = vec!["stress-ng".to_owned(), "--verify".into(), "--timeout".into(), "0".into()];
            argv.extend([format!("--{stressor}"), "1".into(), format!("--{stressor}-ops"), (*ops).to_owned()]);
            argv.extend(more.split_whitespace().map(str::to_owned));
            Part::new(name, argv)
        };
        Ok(STRESSORS.iter().enumerate().map(part).collect())
    }

    fn results(&self, _part: &Part, ended: &Ended) -> Results {
        by_status(ended)
    }
}
