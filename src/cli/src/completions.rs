//! `faultless completions`: what a shell completes, from the definitions of the command line.
//!
//! What must hold here: nothing is written by hand, so that a new flag is completed at once.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Cli;
use crate::tell::answer;

/// Prints them.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(shell: Shell) -> Result<i32> {
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "faultless", &mut text);
    answer(&String::from_utf8_lossy(&text))?;
    Ok(0)
}
