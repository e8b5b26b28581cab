//! The .deb and the .rpm: what is in them, and the life of the .deb in a clean Debian: install, use, upgrade under a running
//! wrapped program, purge.
//!
//! What must hold here: dpkg itself does it, in a container that holds nothing else of ours; what it leaves is compared with
//! what was there before, file by file.

use std::fs;
use std::path::{Path, PathBuf};

use super::engine::Engine;
use super::{files, judge, root};
use crate::artefacts::{present, workspace};
use crate::child::Run;
use crate::prove::{Sink, first_line};

/// Prints NAME=VALUE lines. /p has old.deb, new.deb and the server.
const LIFE: &str = r#"
set -e
list() { find /etc /usr /opt /srv /var/lib -xdev ! -path '/var/lib/dpkg/*' | sort; }
preload() { if [ -e /etc/ld.so.preload ]; then echo preload=there; fi; }
lib=/usr/lib/faultless/libfaultless.so
list > /tmp/before
dpkg -i /p/old.deb >/dev/null; preload
echo "state=$(dpkg-query -W -f '${Status}' faultless)"
echo "use=$(faultless run --policy throughput -- sh -c 'seq 1000 | sort -n | tail -n 1')"
cp /usr/share/faultless/policies/latency.rules /tmp/own.rules
echo "policy=$(faultless run --policy /tmp/own.rules -- echo taken)"
LD_PRELOAD=$lib FAULTLESS_POLICY=throughput /p/serve 16 handle > /tmp/said 2>&1 & pid=$!
while ! grep -q ready /tmp/said; do sleep 0.05; done
# A second name keeps the old file in sight: whoever wrote into it would be found out.
ln $lib /tmp/old.so
sum=$(md5sum < /tmp/old.so)
dpkg -i /p/new.deb >/dev/null; preload
echo "version=$(dpkg-query -W -f '${Version}' faultless)"
if [ "$sum" = "$(md5sum < /tmp/old.so)" ]; then echo old=untouched; fi
if [ "$sum" != "$(md5sum < $lib)" ] && [ $lib -ef $lib ] && ! [ $lib -ef /tmp/old.so ]; then echo new=renamed; fi
echo "mapped=$(grep -c 'libfaultless.so (deleted)' /proc/$pid/maps | sed 's/^[1-9][0-9]*$/old/')"
echo "report=$(faultless report $pid | grep -c 'anon@2M:huge')"
kill -TERM $pid; status=0; wait $pid || status=$?
echo "status=$status"
dpkg --purge faultless >/dev/null; preload
list > /tmp/after
echo "left=$(diff /tmp/before /tmp/after | grep -c '^[<>]')"
"#;

/// All of it.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let folder = folder.path();
    let (old, new) = (package(folder, "deb", "0.1.0", b"")?, package(folder, "deb", "0.2.0", b"another build")?);
    judge(sink, "packages: the .deb holds", "all sorts of files, none in /etc", || {
        let ran = Run::new(folder, ["dpkg-deb", "-c", &old.to_string_lossy()]).run()?;
        contents(&String::from_utf8_lossy(&ran.stdout), "zsh/vendor-completions")
    });
    let steps = [
        ("state", "install ok installed", "packages: installed in a clean Debian"),
        ("use", "1000", "packages: used there"),
        ("policy", "taken", "packages: a policy file of it, copied, is taken"),
        ("version", "0.2.0", "packages: upgraded under a running wrapped program"),
        ("old", "untouched", "packages: upgrade: the mapped library is not written to"),
        ("new", "renamed", "packages: upgrade: the new one is another file"),
        ("mapped", "old", "packages: upgrade: the program still maps the old one"),
        ("report", "1", "packages: upgrade: the program can be reported on"),
        ("status", "7", "packages: upgrade: the program ends as it would"),
        ("left", "0", "packages: purged: files that are there or not there since"),
        ("preload", "", "packages: /etc/ld.so.preload is never made"),
    ];
    match life(folder, &old, &new) {
        Ok(said) => {
            for (name, goal, criterion) in steps {
                let found = said.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
                let shown = if goal.is_empty() { "not there" } else { goal };
                judge(sink, criterion, shown, || {
                    Ok((if found.is_empty() { "-".into() } else { found.into() }, found == goal))
                });
            }
        }
        Err(why) => steps.iter().for_each(|(_, goal, criterion)| judge(sink, criterion, goal, || Err(why.clone()))),
    }
    rpm(sink, folder);
    Ok(())
}

fn rpm(sink: Sink<'_>, folder: &Path) {
    let need = || if present("rpmbuild") { Ok(()) } else { Err("skip: no rpmbuild; apt-get install rpm".to_owned()) };
    let mut made = Err("skip: no package".to_owned());
    judge(sink, "packages: the .rpm holds", "all sorts of files, none in /etc", || {
        need()?;
        made = package(folder, "rpm", "0.1.0", b"");
        let ran =
            Run::new(folder, ["rpm".into(), "-qlvp".into(), made.clone()?.to_string_lossy().into_owned()]).run()?;
        contents(&String::from_utf8_lossy(&ran.stdout), "zsh/site-functions")
    });
    judge(sink, "packages: the .rpm runs nothing, and can be installed and erased", "no script, no file left", || {
        need()?;
        let file = made.clone()?.to_string_lossy().into_owned();
        let scripts = Run::new(folder, ["rpm", "-qp", "--scripts", "--triggers", &file]).run()?;
        let at = folder.join("rpm-root");
        fs::create_dir(&at).map_err(|e| e.to_string())?;
        let rpm = |words: &[&str]| {
            let root = at.to_string_lossy().into_owned();
            let base = ["rpm", "--root", &root, "--nodeps", "--noplugins"];
            Run::new(folder, base.iter().chain(words).map(|w| (*w).to_owned())).run()
        };
        let installed = rpm(&["-i", &file])?;
        let library = at.join("usr/lib/faultless/libfaultless.so").exists();
        let erased = rpm(&["-e", "faultless"])?;
        let left = Run::new(folder, ["find", &at.to_string_lossy(), "-type", "f", "-path", "*faultless*"]).run()?;
        let left = String::from_utf8_lossy(&left.stdout).lines().count();
        let statuses = (installed.status, erased.status);
        if statuses != (0, 0) {
            return Err(format!("skip: rpm: {}", first_line(&[installed.stderr, erased.stderr].concat())));
        }
        let lines = String::from_utf8_lossy(&scripts.stdout).lines().count();
        Ok((format!("{lines} lines of scripts, {left} files left"), library && lines == 0 && left == 0))
    });
}

/// Whether a listing has a file of each sort.
fn contents(listing: &str, zsh: &str) -> super::Found {
    let wanted = [
        "usr/bin/faultless",
        "usr/lib/faultless/libfaultless.so",
        "man1/faultless-run.1.gz",
        "bash-completion/completions/faultless",
        zsh,
        "fish/vendor_completions.d/faultless.fish",
        "policies/latency.rules",
        "systemd/system/faultless-metrics.timer",
        "examples/faultless.conf",
        "alerts.yml",
        "copyright",
    ];
    let missing: Vec<&str> = wanted.into_iter().filter(|name| !listing.contains(name)).collect();
    let files = listing.lines().filter(|l| l.starts_with('-')).count();
    let others = listing.lines().filter(|l| !l.contains("/usr/") && !l.ends_with(" ./")).count();
    Ok((
        format!("{files} files; missing: {}", if missing.is_empty() { "none".into() } else { missing.join(" ") }),
        missing.is_empty() && others == 0,
    ))
}

/// Makes a package of what is delivered, its library followed by these bytes, which no loader reads.
fn package(folder: &Path, kind: &str, version: &str, more: &[u8]) -> Result<PathBuf, String> {
    let built = folder.join(format!("built-{kind}-{version}"));
    fs::create_dir(&built).map_err(|e| e.to_string())?;
    let (command, library) = files();
    let copy =
        |from: &Path, name: &str| fs::copy(from, built.join(name)).map_err(|e| format!("{}: {e}", from.display()));
    copy(&command, "faultless")?;
    let bytes = [fs::read(&library).map_err(|e| format!("{}: {e}", library.display()))?, more.to_vec()].concat();
    fs::write(built.join("libfaultless.so"), bytes).map_err(|e| e.to_string())?;
    let (bin, out) = (built.to_string_lossy(), folder.to_string_lossy());
    let words = ["/usr/bin/python3", "deploy/package.py", kind, "--version", version, "--bin", &bin, "--out", &out];
    let ran = Run::new(&workspace(), words).run()?;
    match ran.status {
        0 => Ok(PathBuf::from(String::from_utf8_lossy(&ran.stdout).trim())),
        _ => Err(format!("deploy/package.py {kind}: {}", first_line(&ran.stderr))),
    }
}

fn life(folder: &Path, old: &Path, new: &Path) -> Result<String, String> {
    let engine = Engine::start().map_err(|why| format!("skip: {why}"))?;
    root::image(&engine)?;
    let shared = folder.join("p");
    fs::create_dir(&shared).map_err(|e| e.to_string())?;
    let server = engine.server()?;
    for (from, name) in [(old, "old.deb"), (new, "new.deb"), (&server, "serve")] {
        fs::copy(from, shared.join(name)).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    fs::write(shared.join("life.sh"), LIFE).map_err(|e| e.to_string())?;
    engine.ok(&format!("podman run --rm -v {}:/p:ro {} sh /p/life.sh", shared.display(), root::IMAGE))
}
