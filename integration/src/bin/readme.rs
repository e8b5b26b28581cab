//! `make readme`: writes the README's tables from the runs in bench/results.
//!
//! What must hold here: nothing is measured, and nothing outside the marks is touched.

use std::fs;
use std::process::ExitCode;

use faultless_integration::readme;

fn main() -> ExitCode {
    let path = readme::path();
    let written = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display())).and_then(|text| {
        let made = readme::made(&text)?;
        let new = path.with_extension("md.tmp");
        fs::write(&new, made).and_then(|()| fs::rename(&new, &path)).map_err(|e| format!("{}: {e}", path.display()))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
