//! Colour on stderr and stdout: only where a person reads, and never against NO_COLOR or --color.
//!
//! What must hold here: decided once, before anything is printed; without colour the text is the same but for the
//! escape sequences.

use std::env;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

/// What --color says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum When {
    /// on a terminal, unless NO_COLOR is set
    Auto,
    /// also into files and pipes
    Always,
    /// nowhere
    Never,
}

static COLOURED: OnceLock<bool> = OnceLock::new();
static ANSWERS_COLOURED: OnceLock<bool> = OnceLock::new();

/// Decides whether stderr and stdout are coloured; the first call counts.
pub fn choose(when: When) {
    let wanted = |terminal: bool| match when {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                && env::var_os("TERM").is_none_or(|t| t != "dumb")
                && terminal
        }
    };
    COLOURED.get_or_init(|| wanted(io::stderr().is_terminal()));
    ANSWERS_COLOURED.get_or_init(|| wanted(io::stdout().is_terminal()));
}

/// The colours of answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the colours' own names
pub enum Colour {
    None,
    Green,
    Yellow,
    Red,
}

/// Whether pictures on stdout have to do with ASCII: no terminal, or none that is said to know UTF-8.
pub fn is_plain() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()));
    let is_utf8 = locale.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.ends_with("utf-8") || name.ends_with("utf8")
    });
    !(is_utf8 && io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|t| t != "dumb"))
}

/// Whether stdout is coloured.
pub fn answers_coloured() -> bool {
    ANSWERS_COLOURED.get() == Some(&true)
}

/// A word of an answer, which goes to stdout.
pub fn answer(colour: Colour, text: &str) -> String {
    let style = match colour {
        _ if !answers_coloured() => Style::new(),
        Colour::None => Style::new(),
        Colour::Green => AnsiColor::Green.on_default(),
        Colour::Yellow => AnsiColor::Yellow.on_default(),
        Colour::Red => AnsiColor::Red.on_default().bold(),
    };
    format!("{style}{text}{style:#}")
}

/// A text in a style, or bare.
pub struct Styled<'a>(Style, &'a str);

impl Display for Styled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = if COLOURED.get() == Some(&true) { self.0 } else { Style::new() };
        write!(f, "{style}{}{style:#}", self.1)
    }
}

/// The marks under a fault.
pub fn fault(text: &str) -> Styled<'_> {
    Styled(AnsiColor::Red.on_default().bold(), text)
}

/// What would be right.
pub fn good(text: &str) -> Styled<'_> {
    Styled(AnsiColor::Green.on_default(), text)
}

/// The prefix of each line on stderr.
pub fn name() -> Styled<'static> {
    Styled(Style::new().bold(), "faultless:")
}
