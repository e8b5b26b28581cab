//! `faultless policy explain`: each mapping of a running process, and the rules that take it.
//!
//! What must hold here: the same matching as in the library, on the rules that the process itself was given; what
//! cannot be told from outside (which mapping is a thread's stack, which a malloc block of the C library's) is
//! said and not guessed.

use anyhow::{Context, Result, bail};
use faultless_core::matching::{Chosen, Region};
use faultless_core::parse::Form;
use faultless_core::rules::{Kind, Policy};
use faultless_core::size::Human;

use crate::cgroup;
use crate::kinds::classify;
use crate::live_page::LivePage;
use crate::maps;
use crate::policy::{lines, rules, table};
use crate::process::Live;

const NOTES: &str = "\
Stacks of threads, and what the C library maps for blocks that no rule took, are shown as anon: from outside they look the same.
The kernel joins neighbours and splits by advice, so a row may be several regions, or a part of one.
";

/// The table.
///
/// # Errors
/// No such process, no page, or no permission.
pub fn explain(pid: i32) -> Result<String> {
    let Some(live) = Live::find(pid) else { bail!("there is no process {pid}") };
    let page = LivePage::find(&live)?.page;
    let mut policy = Policy::empty();
    // The text of each rule, one a line: a page has them as the library read them.
    for (_, text) in page.rules() {
        policy.append(text, Form::Line).ok().with_context(|| format!("the page of {pid} holds no rules"))?;
    }
    let memory = cgroup::memory(pid).context("cannot read how much memory there is")?;

    let mut table = table(["range", "kind", "size", "rules", "path"]);
    let mut untouched = 0;
    for mapping in maps::read(pid).with_context(|| format!("process {pid} may not be looked into"))? {
        let Some((mut kind, size)) = classify(pid, &mapping) else { continue };
        if (page.pool[0]..page.pool[1]).contains(&mapping.start) {
            kind = Kind::Malloc;
        }
        let path = Some(mapping.path.as_slice()).filter(|p| !p.is_empty());
        let chosen = policy.choose(&Region { kind, size, path }, memory);
        if chosen.matched == 0 {
            untouched += 1;
            continue;
        }
        table.add_row([
            format!("{:x}-{:x}", mapping.start, mapping.end),
            format!("{kind:?}").to_lowercase(),
            Human(mapping.size()).to_string(),
            winners(&chosen),
            String::from_utf8_lossy(&mapping.path).into_owned(),
        ]);
    }
    let (exe, name) = (String::from_utf8_lossy(page.exe()), String::from_utf8_lossy(page.policy()));
    let table = if table.row_count() == 0 { String::new() } else { lines(&table) + "\n" };
    let rest = format!("No rule is about the other mappings ({untouched}).\n");
    Ok(format!("{exe}[{pid}], policy {name}\n{}\n{table}{rest}{NOTES}", rules(&policy)))
}

/// The numbers of the rules that give an axis.
fn winners(chosen: &Chosen) -> String {
    let won: Vec<_> = (0..32).filter(|i| chosen.matched & 1 << i != 0).map(|i| (i + 1).to_string()).collect();
    won.join(",")
}
