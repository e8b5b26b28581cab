//! `completions` and `man`, which come from the definitions of the command line.

use std::process::Command;

use crate::fixtures::{faultless, output, skip};

#[test]
fn every_shell_completes_the_subcommands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let done = output(faultless().args(["completions", shell]));
        assert_eq!(done.status, Some(0), "{shell}: {}", done.err);
        for verb in ["run", "doctor", "top", "metrics"] {
            assert!(done.out.contains(verb), "{shell} does not know {verb}");
        }
    }
}

#[test]
fn bash_can_read_its_completions_and_completes_a_flag() {
    let text = output(faultless().args(["completions", "bash"])).out;
    let ask =
        "COMP_WORDS=(faultless run --pol); COMP_CWORD=2; _faultless faultless --pol run; echo \"${COMPREPLY[@]}\"";
    let done = Command::new("bash").args(["--norc", "-c", &format!("{text}\n{ask}")]).output();
    let Ok(done) = done else { return skip("no bash").unwrap_or(()) };
    assert_eq!(String::from_utf8_lossy(&done.stdout), "--policy\n", "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn there_is_a_page_for_the_command_and_each_subcommand() {
    let folder = tempfile::tempdir().unwrap();
    let done = output(faultless().arg("man").arg(folder.path()));
    assert_eq!(done.status, Some(0), "{}", done.err);
    for page in ["faultless.1", "faultless-run.1", "faultless-doctor.1", "faultless-policy-show.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap_or_else(|e| panic!("{page}: {e}"));
        assert!(text.contains(".TH "), "{page}");
    }
}

#[test]
fn without_a_folder_the_page_goes_to_standard_output() {
    let done = output(faultless().arg("man"));
    assert!(done.out.contains(".TH faultless 1"), "{}", done.out);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let command = format!("'{}' completions bash | head -c 1", assert_cmd::cargo::cargo_bin!("faultless").display());
    let done = output(Command::new("bash").args(["-o", "pipefail", "-c", &command]));
    assert_eq!((done.status, done.err.as_str()), (Some(0), ""));
}
