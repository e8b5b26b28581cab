//! The rule of the README's first page, typed unquoted, arrives whole wherever a user may write it.
//!
//! What must hold here: the text goes through the real parser of each place (the shells, systemd, a YAML reader,
//! podman), and what is compared is what a program finds in its environment there.

use std::path::Path;
use std::process::Command;

use super::{Line, Sink, first_line};
use crate::artefacts::{present, workspace};
use crate::child::Run;

/// The rule of docs/design.md, which every place must carry even when the README shows a shorter one.
const HARDEST: &str = "malloc@1M:huge+recycle,heap:huge,anon@2M:huge,file@100pct:auto,file=/data/*.idx:populate+lock";

/// Both rules through every place.
pub fn prove(sink: Sink<'_>) {
    let (criterion, goal) = ("the README's first page shows a rule", "FAULTLESS_RULES=… or --rule …");
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap_or_default();
    let first = shown(&readme);
    sink(Line::judged(criterion, goal, first.clone().unwrap_or("none".into()), first.is_some()));
    let mut rules = vec![HARDEST.to_owned()];
    rules.extend(first.filter(|rule| rule != HARDEST));
    type Place = (&'static str, &'static str, fn(&Path, &str) -> Result<String, String>);
    let places: [Place; 7] = [
        ("bash, assignment", "bash", |f, r| shell(f, "bash", &format!("FAULTLESS_RULES={r} printenv FAULTLESS_RULES"))),
        ("bash, argument", "bash", |f, r| shell(f, "bash", &format!("printf '%s\\n' {r}"))),
        ("dash, assignment", "dash", |f, r| shell(f, "dash", &format!("FAULTLESS_RULES={r} printenv FAULTLESS_RULES"))),
        ("dash, argument", "dash", |f, r| shell(f, "dash", &format!("printf '%s\\n' {r}"))),
        ("systemd unit, Environment=", "/lib/systemd/systemd", unit),
        ("YAML block", "/usr/lib/python3/dist-packages/yaml", yaml),
        ("podman -e", "podman", podman),
    ];
    for (name, needs, deliver) in places {
        let criterion = format!("rules arrive whole: {name}");
        let goal = "byte for byte";
        if !present(needs) {
            sink(Line::skipped(&criterion, goal, format!("no {needs}; integration/setup.sh prove")));
            continue;
        }
        let line = (|| {
            for rule in &rules {
                let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
                let found = deliver(scratch.path(), rule)?;
                if found != *rule {
                    return Ok(Line::judged(&criterion, goal, found, false));
                }
            }
            Ok::<_, String>(Line::judged(&criterion, goal, format!("{} of {}", rules.len(), rules.len()), true))
        })();
        sink(line.unwrap_or_else(|why| match why.strip_prefix("skip: ") {
            Some(why) => Line::skipped(&criterion, goal, why),
            None => Line::broken(&criterion, goal, why),
        }));
    }
}

/// The first rule in the README, as it would be typed.
fn shown(readme: &str) -> Option<String> {
    let at = |mark: &str| readme.find(mark).map(|i| (i, &readme[i + mark.len()..]));
    let (_, rest) = [at("FAULTLESS_RULES="), at("--rule ")].into_iter().flatten().min_by_key(|(i, _)| *i)?;
    let rule: String = rest.chars().take_while(|c| !c.is_whitespace() && !"`'\"".contains(*c)).collect();
    rule.contains(':').then_some(rule)
}

fn shell(folder: &Path, shell: &str, line: &str) -> Result<String, String> {
    let ran = Run::new(folder, [shell, "-c", line]).run()?;
    match ran.status {
        0 => Ok(String::from_utf8_lossy(&ran.stdout).trim_end_matches('\n').to_owned()),
        _ => Err(first_line(&ran.stderr)),
    }
}

/// systemd's own manager loads the unit and dumps the environment that it would give. Without a running systemd its
/// test mode does that, as a user's manager, which root may not be.
fn unit(folder: &Path, rule: &str) -> Result<String, String> {
    let unit = folder.join("probe.service");
    let text = format!("[Service]\nEnvironment=FAULTLESS_RULES={rule}\nExecStart=/bin/true\n");
    std::fs::write(&unit, text).map_err(|e| e.to_string())?;
    let verified = Command::new("systemd-analyze").arg("verify").arg(&unit).output().map_err(|e| e.to_string())?;
    if !verified.status.success() || !verified.stderr.is_empty() {
        return Err(first_line(&verified.stderr));
    }
    std::fs::create_dir(folder.join("systemd")).map_err(|e| e.to_string())?;
    let mut argv = vec!["/lib/systemd/systemd", "--test", "--user", "--unit=probe.service"];
    // SAFETY: geteuid has no precondition.
    if unsafe { libc::geteuid() } == 0 {
        let path = folder.to_string_lossy();
        let given = Command::new("chown").args(["-R", "nobody", &path]).status().is_ok_and(|s| s.success());
        if !given {
            return Err("chown to nobody failed".into());
        }
        argv.splice(0..0, ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    }
    let at = folder.to_string_lossy().into_owned();
    let env = [("XDG_RUNTIME_DIR", at.clone()), ("XDG_CONFIG_HOME", at.clone()), ("SYSTEMD_UNIT_PATH", at + ":")];
    let ran = Run::new(folder, argv).env(env.map(|(n, v)| (n.to_owned(), v))).run()?;
    let dump = String::from_utf8_lossy(&ran.stdout).into_owned();
    let line = dump.lines().find_map(|l| l.trim().strip_prefix("Environment: FAULTLESS_RULES="));
    line.map(str::to_owned).ok_or_else(|| format!("skip: systemd --test shows no unit: {}", first_line(&ran.stderr)))
}

/// As a pod's manifest holds it: a plain scalar and both block scalars.
fn yaml(folder: &Path, rule: &str) -> Result<String, String> {
    let values = [rule.to_owned(), format!("|-\n      {rule}"), format!(">-\n      {rule}")];
    let rows = values.map(|v| format!("  - name: FAULTLESS_RULES\n    value: {v}\n")).concat();
    std::fs::write(folder.join("pod.yaml"), format!("env:\n{rows}")).map_err(|e| e.to_string())?;
    let code = "import yaml; v = {e['value'] for e in yaml.safe_load(open('pod.yaml'))['env']}; print('\\n'.join(v))";
    let ran = Run::new(folder, ["/usr/bin/python3", "-c", code]).run()?;
    match ran.status {
        0 => Ok(String::from_utf8_lossy(&ran.stdout).trim_end_matches('\n').to_owned()),
        _ => Err(first_line(&ran.stderr)),
    }
}

/// A shell types it after `podman run -e`; the image holds nothing but a static busybox.
fn podman(folder: &Path, rule: &str) -> Result<String, String> {
    let dockerfile = "FROM scratch\nCOPY busybox /busybox\nENTRYPOINT [\"/busybox\"]\n";
    std::fs::write(folder.join("Dockerfile"), dockerfile).map_err(|e| e.to_string())?;
    std::fs::copy("/bin/busybox", folder.join("busybox")).map_err(|e| format!("skip: busybox-static: {e}"))?;
    let image = "localhost/faultless-probe";
    let built = Run::new(folder, ["podman", "build", "-q", "--isolation=chroot", "-t", image, "."]).run()?;
    if built.status != 0 {
        return Err(format!("skip: podman build: {}", first_line(&built.stderr)));
    }
    let line = format!(
        "podman --runtime runc --cgroup-manager=cgroupfs run --rm --network none --ulimit nofile=1024:1024 \
        --ulimit nproc=1000:1000 -e FAULTLESS_RULES={rule} {image} env"
    );
    let env = shell(folder, "sh", &line).map_err(|why| format!("skip: podman run: {why}"))?;
    let found = env.lines().find_map(|l| l.strip_prefix("FAULTLESS_RULES="));
    Ok(found.unwrap_or("the variable is not there").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_of_the_readme_is_found() {
        let text = "intro\n    FAULTLESS_RULES=anon@2M:huge,heap:huge LD_PRELOAD=x ./server\n--rule file:lock";
        assert_eq!(shown(text).as_deref(), Some("anon@2M:huge,heap:huge"));
        assert_eq!(shown("run --rule `x`"), None);
    }
}
