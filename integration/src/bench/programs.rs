//! The programs of the rows: compiled or generated into a scratch folder, each once, when a row first wants it.
//!
//! What must hold here: the compiler may not know malloc and its kin, or it removes what is measured; everything else
//! is as a distribution would build it (-O2).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::peers::succeed;
use super::rows::Work;
use crate::artefacts::{present, workspace};

/// Functions in the file for gcc.
const FUNCTIONS: usize = 300;

/// The folder with what was built.
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Nothing is built yet.
    pub fn new(folder: &Path) -> Programs {
        Programs { folder: folder.to_path_buf() }
    }

    /// The command line of a row's program. The error says what is missing.
    pub fn argv(&self, work: Work) -> Result<Vec<String>, String> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Ok(match work {
            Work::C(program, arguments) => {
                let program = text(self.c(program)?);
                std::iter::once(program).chain(arguments.split(' ').map(str::to_owned)).collect()
            }
            // Debian's own, whatever else is on the path: numpy is a package of it
            Work::Python(script) => match (Path::new("/usr/bin/python3").exists(), script) {
                (false, _) => return Err("no python3; apt-get install python3".into()),
                (true, "temporaries.py") if !present("/usr/lib/python3/dist-packages/numpy") => {
                    return Err("no numpy; apt-get install python3-numpy".into());
                }
                _ => vec!["/usr/bin/python3".into(), text(workspace().join("bench").join(script))],
            },
            Work::Java(class) => {
                let folder = text(self.java(class)?);
                ["java", "-Xmx512m", "-cp", &folder, class].map(String::from).into()
            }
            Work::Gcc => {
                let file = self.folder.join("large_file.c");
                if !file.exists() {
                    std::fs::write(&file, large_file()).map_err(|e| e.to_string())?;
                }
                ["gcc", "-O2", "-c", "-o", "/dev/null", &text(file)].map(String::from).into()
            }
            Work::RedisLoad | Work::RedisSave => match present("redis-server") {
                true => ["redis-server", "--port", "0", "--save", "", "--appendonly", "no"].map(String::from).into(),
                false => return Err("no redis-server; apt-get install redis-server".into()),
            },
        })
    }

    /// A C program of bench/.
    pub fn c(&self, name: &str) -> Result<PathBuf, String> {
        let program = self.folder.join(name);
        if !program.exists() {
            let mut gcc = Command::new("gcc");
            gcc.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-pthread", "-o"]).arg(&program);
            gcc.args(["malloc", "calloc", "realloc", "free"].map(|f| format!("-fno-builtin-{f}")));
            succeed(gcc.arg(workspace().join("bench").join(format!("{name}.c"))))?;
        }
        Ok(program)
    }

    fn java(&self, class: &str) -> Result<PathBuf, String> {
        if !present("javac") {
            return Err("no JDK; apt-get install default-jdk-headless".into());
        }
        if !self.folder.join(format!("{class}.class")).exists() {
            let source = workspace().join("bench").join(format!("{class}.java"));
            succeed(Command::new("javac").arg("-d").arg(&self.folder).arg(source))?;
        }
        Ok(self.folder.clone())
    }
}

/// C with enough loops and branches for the optimiser to keep much of it in memory at once.
fn large_file() -> String {
    let mut text = String::from("struct s { int a[16]; struct s *next; };\n");
    for i in 0..FUNCTIONS {
        let (j, k) = (i * 7 % 16, i * 11 % 16);
        text += &format!(
            "int f{i}(struct s *p, int n) {{\n  int sum = {i};\n  for (int i = 0; i < n; i++) {{\n    \
             p->a[{j}] += i * p->a[{k}];\n    if (p->a[{j}] > {i}) sum += p->a[(i + {k}) & 15]; else sum ^= i;\n    \
             switch (sum & 3) {{ case 0: sum += p->a[0]; break; case 1: sum -= p->a[{k}]; break; \
             case 2: p = p->next; break; default: sum *= 3; }}\n  }}\n  return sum;\n}}\n"
        );
    }
    text
}
