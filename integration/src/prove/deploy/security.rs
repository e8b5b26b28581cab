//! What others could do to the delivery: change a policy, plant folders and links where pages and reports go, fill a disk.
//!
//! What must hold here: run as root against a user without rights, since root has most to lose; what must not be written is
//! looked at afterwards. The library's own part of it is in c-tests.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use super::{files, judge};
use crate::child::{Ran, Run};
use crate::prove::{Sink, first_line};

/// The user who plants.
const OTHER: Option<u32> = Some(12345);

/// All of it.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    // SAFETY: takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return Err("skip: needs root, who can make other users' files".into());
    }
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let folder = folder.path();
    let rules = folder.join("site.rules");
    for (what, mode, owner, remedy) in
        [("that anybody may write", 0o666, Some(0), "chmod go-w"), ("of another user", 0o644, OTHER, "chown root")]
    {
        judge(sink, &format!("security: run with a policy file {what}"), "exit 2, the remedy, not run", || {
            fs::write(&rules, "anon@2M:nohuge\n").map_err(|e| e.to_string())?;
            fs::set_permissions(&rules, fs::Permissions::from_mode(mode)).map_err(|e| e.to_string())?;
            chown(&rules, owner, owner).map_err(|e| e.to_string())?;
            let ran = run(folder, &["--policy", &rules.to_string_lossy(), "--", "touch", "it-ran"])?;
            let said = first_line(&ran.stderr);
            let has_run = folder.join("it-ran").exists();
            Ok((format!("exit {}: {said}", ran.status), ran.status == 2 && said.contains(remedy) && !has_run))
        });
    }
    judge(sink, "security: run --wait, links planted in the folder of pages", "nothing written, exit 0", || {
        let (victim, pages) = (folder.join("victim"), folder.join("planted"));
        fs::write(&victim, "precious").map_err(|e| e.to_string())?;
        fs::create_dir(&pages).map_err(|e| e.to_string())?;
        // The names of probes are process ids, so each is there to meet.
        let next: u32 = std::process::id();
        for pid in next..next + 3000 {
            symlink(&victim, pages.join(format!(".{pid}"))).map_err(|e| e.to_string())?;
        }
        let pages = pages.to_string_lossy().into_owned();
        let mut statuses = vec![];
        for owner in [OTHER, Some(0)] {
            chown(&pages, owner, owner).map_err(|e| e.to_string())?;
            statuses.push(run(folder, &["--wait", "--pages", &pages, "--", "true"])?.status);
        }
        let kept = fs::read(&victim).is_ok_and(|bytes| bytes == b"precious");
        Ok((
            format!("statuses {statuses:?}, file {}", if kept { "kept" } else { "overwritten" }),
            kept && statuses == [0, 0],
        ))
    });
    judge(sink, "security: the disk of the pages is full", "said, exit 0", || full(folder));
    Ok(())
}

fn run(folder: &Path, arguments: &[&str]) -> Result<Ran, String> {
    let (command, library) = files();
    let words = [&command.to_string_lossy(), "run", "--lib", &library.to_string_lossy()].map(str::to_owned);
    Run::new(folder, words.into_iter().chain(arguments.iter().map(|a| (*a).to_owned()))).run()
}

/// A file system of one page, in a mount namespace of its own.
fn full(folder: &Path) -> super::Found {
    let (command, library) = files();
    let (command, library) = (command.display(), library.display());
    let line = format!(
        "mkdir full && mount -t tmpfs -o size=4k,mode=700 tmpfs full && \
        {command} run --lib {library} --wait --policy throughput --pages {0}/full -- sh -c 'seq 1000 | tail -n 1'; status=$?; \
        ls -A full | wc -l; exit $status",
        folder.display()
    );
    let ran = Run::new(folder, ["unshare", "-m", "sh", "-c", &line]).run()?;
    let said = first_line(&ran.stderr);
    if said.contains("unshare") || said.contains("mount:") {
        return Err(format!("skip: {said}"));
    }
    let out = String::from_utf8_lossy(&ran.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((
        format!("exit {}, {said}", ran.status),
        ran.status == 0 && said.contains("no counter pages") && out == "1000 0",
    ))
}
