//! What `lock=hot` needs is not there: the program must be as it was, and the report say what is missing.

use super::rules;
use crate::prove::files::beside::LITTLE_MEMLOCK;
use crate::prove::files::{LARGE, LIMIT};
use crate::stage::judge::Goal::{self, Above, NotSlower};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

/// What the container engines' default profile refuses of what a sampler could use.
const PROFILE: &str = "perf_event_open,userfaultfd,process_madvise,bpf,ptrace";
/// And what a stricter one may refuse.
const STRICT: &str = "perf_event_open,userfaultfd,process_madvise,bpf,ptrace,mlock,mlock2,mincore";

pub fn scenes() -> Vec<Scene> {
    const GOALS: &[Goal] = &[NotSlower("hot", "alone", "cost", 1.0), Above("hot", "said", 1.0)];
    const UNHARMED: &[Goal] = &[NotSlower("hot", "alone", "cost", 1.0)];
    let scene = |name, title, play, goals| Scene {
        name,
        title,
        contenders: &["alone", "hot"],
        aheads: &[128],
        rounds: 3,
        play,
        goals,
    };
    vec![
        scene("little-memlock", "RLIMIT_MEMLOCK 64 KiB", |s, t| play(s, t, &[], true), GOALS),
        scene("refused-calls", "seccomp refuses mlock", |s, t| play(s, t, &["refusing", STRICT], false), GOALS),
        scene("engine-profile", "a container's profile", |s, t| play(s, t, &["refusing", PROFILE], false), UNHARMED),
        scene("no-proc", "no /proc", |s, t| play(s, t, &["unshare"], false), UNHARMED),
    ]
}

fn play(stage: &mut Stage, turn: &Turn, around: &[&str], no_memlock: bool) -> Result<Sample, String> {
    let file = stage.file("reads", LARGE)?;
    disk::evict(&file)?;
    let mut argv: Vec<String> = match around {
        ["refusing", calls] => vec![stage.program("refusing")?, (*calls).to_owned()],
        ["unshare"] => {
            let hide = "mount -t tmpfs none /proc && exec \"$@\"";
            ["unshare", "-m", "/bin/sh", "-c", hide, "sh"].map(str::to_owned).to_vec()
        }
        _ => vec![],
    };
    // set behind what is around, so that the library is in the program only
    argv.push("env".into());
    let rules = rules(turn.contender);
    if !rules.is_empty() {
        argv.extend(stage.under(rules).iter().map(|(name, value)| format!("{name}={value}")));
    }
    argv.extend([stage.program("mapped_reads")?, "pattern=scattered".into(), "settle=2".into(), "seconds=2".into()]);
    argv.extend([format!("seed={}", turn.round), file.to_string_lossy().into_owned()]);
    let mut run = stage.run(argv);
    run.limits = if no_memlock { vec![(libc::RLIMIT_MEMLOCK, LITTLE_MEMLOCK)] } else { vec![] };
    let group = stage.group(LIMIT, None)?;
    let mut sample = stage.start(&run, Some(&group))?.finish()?.sample;
    sample.insert("said".into(), f64::from(u8::from(stage.reports().contains("try:"))));
    Ok(sample)
}
