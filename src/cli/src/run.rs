//! `faultless run`: looks at everything before it starts anything, then becomes the program or stays as its parent.
//!
//! What must hold here: until the program starts, any bad input ends with exit status 2 and nothing has run; from
//! then on the status is the program's.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Result;
use faultless_core::options::Id;
use faultless_core::page::FILE_BYTES;
use faultless_core::rules::Stay;

use crate::REFUSED;
use crate::args::Run;
use crate::config::Config;
use crate::environment::Environment;
use crate::exec::{self, Program};
use crate::heat;
use crate::launch::{self, Launch};
use crate::library;
use crate::outside::Outside;
use crate::pages;
use crate::policy::rules;
use crate::target::{Target, Why};
use crate::tell::{answer, tell};
use crate::tree;
use crate::wait;

/// Runs it. Returns the exit status, if it returns.
///
/// # Errors
/// Bad input, or no library.
pub fn run(run: &Run) -> Result<i32> {
    let environment = Environment::read()?;
    let config = Config::resolve(&environment, &run.options.0)?;
    let library = library::find(run.lib.as_deref(), environment.lib.as_deref())?;
    let target = Target::look(&run.command[0], library.header);
    environment.warnings().for_each(tell);

    let wanted = config.get(Id::Policy) != "none";
    let tree = launch::draw_tree();
    let forbidden = target.not_reached().is_some_and(Why::forbids_preload);
    let is_reached = target.not_reached().is_none();
    let outside = Outside::plan(run.thp, &config.policy, is_reached);
    let mut launch =
        if wanted && !forbidden { Launch::with(&library, &config, tree) } else { Launch::without(&library) };
    // The table says all that the program itself would; only files are still asked of it.
    let pages = if wanted { usable_folder(config.get(Id::Pages)) } else { Ok(()) };
    if let Err(why) = &pages {
        tell(format!("no counter pages, so no table: {why}; try --pages FOLDER"));
    }
    if run.wait && wanted && pages.is_ok() && !config.get(Id::Report).to_string_lossy().contains('=') {
        Id::Report.row().into_iter().for_each(|row| launch.set(row, "none"));
    }
    if run.dry_run {
        let (text, status) = dry_run(run, &config, &target, &launch, &outside);
        answer(&text)?;
        return Ok(status);
    }
    if let Some(why) = target.not_reached() {
        tell(format!("{target}; {}{}", why.consequence(), outside.of_each_rule(&config.policy)));
    }
    if let (true, Some(left)) = (is_reached && wanted, target.left_to_go(&config.policy)) {
        tell(left);
    }
    if let Err(why) = outside.apply() {
        tell(why);
        return Ok(REFUSED);
    }
    log::info!("{target}");
    // Where it was typed: the program may run for long, and the folder be another by then.
    let learn = run.learn.as_deref().map(std::path::absolute).transpose()?;
    if let Some(file) = &learn {
        heat::usable(file)?;
        let is_hot = config.policy.rules().iter().any(|rule| rule.actions.stay == Some(Stay::Hot));
        if !is_hot {
            tell("--learn saves what rules with lock=hot find, and there is none; try --rule file:lock=hot");
        }
    }

    let program = Program::new(&run.command, &launch.environment())?;
    if !run.wait && run.learn.is_none() {
        let error = program.exec();
        return Ok(cannot_run(&target, &error));
    }
    let ended = wait::run(&program)?;
    match ended.end {
        wait::End::NotStarted(errno) => Ok(cannot_run(&target, &io::Error::from_raw_os_error(errno))),
        _ => {
            let says = tree::Says { table: run.wait, learn: learn.as_deref() };
            tree::print_ended(&ended, &target, &config, tree, &says);
            Ok(ended.end.exit_code())
        }
    }
}

/// Whether the folder of the counter pages can take some; `option` names it, as FAULTLESS_PAGES does.
///
/// # Errors
/// Why not, in words.
pub fn usable_folder(option: &OsStr) -> Result<(), String> {
    let folder = pages::own_folder(option);
    let probe = folder.join(format!(".{}", std::process::id()));
    let made = match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => is_own(&folder).and_then(|()| try_write(&probe)),
    };
    made.map_err(|error| format!("{}: {error}", folder.display()))
}

/// Whether a folder is one that the library makes pages in: a folder and no link, ours, and nobody else's to write to.
fn is_own(folder: &Path) -> io::Result<()> {
    let of = fs::symlink_metadata(folder)?;
    // SAFETY: takes nothing and cannot fail.
    let user = unsafe { libc::geteuid() };
    match of.is_dir() && of.uid() == user && of.mode() & 0o022 == 0 {
        true => Ok(()),
        false => Err(io::Error::other("not a folder that belongs to this user alone")),
    }
}

/// Whether a page can be written there, into a new file. What a killed run has left under its name goes first: process 1 of
/// every container has the same.
fn try_write(probe: &Path) -> io::Result<()> {
    let _ = fs::remove_file(probe);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(probe)?;
    let written = file.write_all(&[0; FILE_BYTES]);
    fs::remove_file(probe)?;
    written
}

fn cannot_run(target: &Target, error: &io::Error) -> i32 {
    tell(format!("cannot run {}: {error}", target.name.display()));
    exec::exit_code(error)
}

/// What would be done, and the status that an exec would fail with already.
fn dry_run(run: &Run, config: &Config, target: &Target, launch: &Launch, outside: &Outside) -> (String, i32) {
    let words: Vec<_> = run.command.iter().map(|w| w.to_string_lossy()).collect();
    let mut text = format!("would run    {}\nprogram      {target}\n", words.join(" "));
    text += &format!("policy       {} ({})\n", config.get(Id::Policy).display(), config.policy_source);
    text += &rules(&config.policy);
    text += &outside.describe();
    text += "environment\n";
    for (name, value) in &launch.changes {
        text += &match value {
            Some(value) => format!("  {}={}\n", name.display(), value.display()),
            None => format!("  {} removed\n", name.display()),
        };
    }
    let status = match target.file {
        None => exec::exit_code(&io::ErrorKind::NotFound.into()),
        Some(_) => 0,
    };
    (text, status)
}
