//! FAULTLESS_LOG: what the shim does, on standard error.
//!
//! What must hold here: formats on the stack and writes with write(2), so it works before the program does; used by the
//! constructor and the end of the process, never by a hook; off unless asked for.

use core::fmt::Write;

use faultless_core::options::Level;
use log::{LevelFilter, Log, Metadata, Record};

use crate::sys;
use crate::text::Text;

struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = Text::<512>::new();
        // A line that is too long is cut: what fits is said.
        let _ = write!(line, "faultless[{}] {}: {}", sys::getpid(), record.level(), record.args());
        if line.push(b"\n").is_ok() {
            let _ = sys::write_quietly(2, line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Turns logging on.
pub fn start(level: Level) {
    let filter = match level {
        Level::Off => return,
        Level::Error => LevelFilter::Error,
        Level::Warn => LevelFilter::Warn,
        Level::Info => LevelFilter::Info,
        Level::Debug => LevelFilter::Debug,
        Level::Trace => LevelFilter::Trace,
    };
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(filter);
    }
}
