//! Real programs under every built-in policy and under one that turns everything on: the same exit status and the
//! same bytes of output as alone, named `programs/JOB [policy]`.
//!
//! What must hold here: a program that isn't installed is an ignored test which says how to get it.

use std::sync::Arc;

use faultless_integration::{artefacts, programs};
use libtest_mimic::{Arguments, Completion, Trial};

fn main() -> Result<std::process::ExitCode, String> {
    let args = Arguments::from_args();
    let mut trials = Vec::new();
    for job in programs::jobs()? {
        let job = Arc::new(job);
        for policy in artefacts::policies() {
            let job = job.clone();
            trials.push(Trial::ignorable_test(format!("programs/{} [{policy}]", job.name), move || {
                match job.missing() {
                    Some(why) => Ok(Completion::ignored_with(why)),
                    None => Ok(job.holds(policy, 1).map(|()| Completion::Completed)?),
                }
            }));
        }
    }
    Ok(libtest_mimic::run(&args, trials).exit_code())
}
