//! `faultless man`: the manual pages, from the definitions of the command line.
//!
//! What must hold here: nothing is written by hand; a page that lies there already is written over.

use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::Cli;
use crate::tell::answer;

/// Prints the page of the command, or writes a page for it and each subcommand into a folder.
///
/// # Errors
/// It cannot be written.
pub fn man(folder: Option<&Path>) -> Result<i32> {
    match folder {
        Some(folder) => {
            clap_mangen::generate_to(Cli::command(), folder).with_context(|| folder.display().to_string())?;
        }
        None => {
            let mut text = Vec::new();
            Man::new(Cli::command()).render(&mut text)?;
            answer(&String::from_utf8_lossy(&text))?;
        }
    }
    Ok(0)
}
