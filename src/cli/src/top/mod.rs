//! `faultless top`: all wrapped processes, live.
//!
//! What must hold here: only looks, and costs the processes little (sums over mappings are taken the less often the
//! longer they take); the terminal is as it was on every way out.

mod json;
mod sample;
mod screen;
mod view;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use faultless_core::options::Id;

use crate::args::Top;
use crate::config::Config;
use crate::environment::Environment;
use crate::style;
use crate::tell::answer;
use sample::{Looker, Rates};
use screen::{Event, Screen};
use view::View;

/// Watches, or prints one table.
///
/// # Errors
/// A bad option in the environment; no terminal to draw on.
pub fn top(top: &Top) -> Result<i32> {
    let interval = Duration::from_secs_f64(top.interval);
    let config = Config::resolve(&Environment::read()?, &[])?;
    let mut looker = Looker::new(config.get(Id::Pages).to_owned());
    if top.once {
        let before = looker.look();
        thread::sleep(interval);
        let rates = Rates::between(&before, looker.look());
        let table = || View::default().table(&rates, screen::columns(), usize::MAX).join("\n") + "\n";
        answer(&if top.json { json::json(&rates) } else { table() })?;
        return Ok(0);
    }
    watch(&mut looker, interval)
}

fn watch(looker: &mut Looker, interval: Duration) -> Result<i32> {
    let screen = Screen::open()?;
    let mut view = View::on_screen(interval, style::answers_coloured());
    let first = looker.look();
    // Something is on the screen at once; the first rates come soon.
    let mut rates = Rates::between(&first, first.clone());
    let mut next = Instant::now() + interval.min(Duration::from_millis(500));
    loop {
        let (columns, rows) = screen::size();
        screen.draw(&view.screen(&rates, columns, rows))?;
        match screen.wait(next)? {
            Event::Tick => {
                rates = Rates::between(&rates.now, looker.look());
                next = Instant::now() + interval;
            }
            Event::Quit => return Ok(0),
            Event::Signal(signal) => return Ok(128 + signal),
            Event::Rules => view.rules = !view.rules,
            Event::Up => view.select(&rates, -1),
            Event::Down => view.select(&rates, 1),
            Event::Redraw => {}
        }
    }
}
