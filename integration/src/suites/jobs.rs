//! Servers and runtimes at work: the scripts of integration/jobs, larger than in `make test`. Each holds if it prints
//! the same bytes: redis and postgres what they hold after their benchmarks, a save and a crash; SQLite, Java and Node what
//! they compute.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

use super::{Ended, Part, Results, Suite};
use crate::programs;

/// The suite.
pub struct Jobs;

const NAMES: &[&str] = &["redis", "postgres", "sqlite3", "java", "node"];

impl Suite for Jobs {
    fn name(&self) -> &'static str {
        "programs"
    }

    fn prepare(&self, cache: &Path) -> Result<String, String> {
        for job in programs::jobs()?.iter().filter(|j| NAMES.contains(&j.name.as_str())) {
            if let Some(why) = job.missing() {
                return Err(why);
            }
            std::fs::copy(job.script(), cache.join(&job.name)).map_err(|e| format!("{}: {e}", job.name))?;
        }
        Ok(NAMES.join(", "))
    }

    fn parts(&self, cache: &Path) -> Result<Vec<Part>, String> {
        let part = |name: &&str| Part {
            env: vec![("SIZE".into(), "4".into())],
            limit: Duration::from_secs(900),
            ..Part::new(*name, ["/bin/bash", &*cache.join(name).to_string_lossy()])
        };
        Ok(NAMES.iter().map(part).collect())
    }

    fn results(&self, _part: &Part, ended: &Ended) -> Results {
        let mut hash = DefaultHasher::new();
        ended.output.hash(&mut hash);
        let came = match ended.status {
            Some(0..=3) if !ended.output.is_empty() => {
                format!("{} lines, {:016x}", ended.output.lines().count(), hash.finish())
            }
            status => format!("ends with {status:?}"),
        };
        [("what it says".to_owned(), came)].into()
    }
}
