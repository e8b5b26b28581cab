//! `faultless off`: writes the one word of a counter page that is written from outside.
//!
//! What must hold here: a process that already lets go, or never acted, is told apart; nothing else is written.

use anyhow::{Result, bail};
use faultless_core::page::State;

use crate::args::Off;
use crate::live_page::LivePage;
use crate::process::Live;
use crate::tell::answer;

/// Switches it off, and says what happens next.
///
/// # Errors
/// No such process, no page, or no permission.
pub fn off(off: &Off) -> Result<i32> {
    let Some(live) = Live::find(off.pid) else { bail!("there is no process {}", off.pid) };
    let attached = LivePage::find(&live)?;
    let exe = String::from_utf8_lossy(attached.page.exe()).into_owned();
    let who = format!("{exe}[{}]", off.pid);
    let state = attached.page.state;
    let what = if state == State::Off as u32 {
        "is off already"
    } else if state == State::StoodDown as u32 {
        "stood down when it started: there is nothing to stop"
    } else {
        attached.switch_off()?;
        "is told to stop. At its next mapping or large allocation it unlocks what rules locked, lets go and passes \
         everything through from then on. Only a restart turns it on again. Other processes of its tree go on."
    };
    answer(&format!("{who} {what}\n"))?;
    Ok(0)
}
