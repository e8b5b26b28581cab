//! The page that `--html` writes, in a browser without a screen.
//!
//! What must hold here: what is counted is what the browser made of the page, not what the file says.

use super::table::{compare, done, scratch};
use crate::artefacts::present;
use crate::child::Run;
use crate::prove::{Line, Sink};

/// As many plots as a comparison without metrics has, each by what it shows.
const PLOTS: [&str; 4] = ["wall time of every run", "wall time by round", "minor faults", "minor faults by round"];

/// Console, plots, and that something is drawn.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let (errors, plots) = ("compare: the page in Chromium: messages on the console", "compare: the page: plots drawn");
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| present(name)) else {
        for criterion in [errors, plots] {
            sink(Line::skipped(criterion, "", "no chromium; apt-get install chromium"));
        }
        return Ok(());
    };
    let folder = scratch()?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let html = path("page.html");
    compare(folder.path(), &["--runs", "8", "--html", &html], &["true".to_owned()])?;
    let profile = format!("--user-data-dir={}", path("profile"));
    let flags = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"].map(String::from);
    let flags = flags.into_iter().chain([profile, "--enable-logging=stderr".into(), "--dump-dom".into()]);
    // What the script finds, it writes where --dump-dom shows it: the boxes that were laid out, and marks within them.
    let probe = path("probe.html");
    let page = std::fs::read_to_string(&html).map_err(|e| format!("{html}: {e}"))?;
    std::fs::write(&probe, page.replace("</body>", PROBE)).map_err(|e| format!("{probe}: {e}"))?;
    let ran = Run::new(folder.path(), flags.chain([format!("file://{probe}")])).run()?;
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let console: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
    let line = Line::judged(errors, "none", console.len().to_string(), console.is_empty());
    sink(line.noted(console.first().copied().unwrap_or_default()));
    let dom = done(&ran)?;
    let drawn = |plot: &&&str| dom.contains(&format!("data-drawn=\"{plot}\""));
    let found = PLOTS.iter().filter(drawn).count();
    let missing: Vec<&str> = PLOTS.iter().filter(|plot| !drawn(plot)).copied().collect();
    let line = Line::judged(plots, &format!("all {}", PLOTS.len()), found.to_string(), missing.is_empty());
    sink(line.noted(missing.join(", ")));
    Ok(())
}

/// Marks each plot that has an area and as many shapes with an area as a plot of two contenders must have.
const PROBE: &str = "<script>
for (const svg of document.querySelectorAll('svg')) {
  const box = svg.getBoundingClientRect();
  const shapes = [...svg.querySelectorAll('circle, rect, path, polyline, line')];
  const seen = shapes.filter(shape => { const b = shape.getBoundingClientRect(); return b.width + b.height > 0; });
  if (box.width > 100 && box.height > 20 && seen.length >= 2)
    svg.setAttribute('data-drawn', svg.getAttribute('aria-label'));
}
</script></body>";
