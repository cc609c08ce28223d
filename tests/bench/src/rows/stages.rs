//! The stages by themselves: what criterion has measured (`cargo bench -p lanlens-bench`), and the upload
//! to the screen's textures, which needs a graphics adapter and so is an example of `lanlens-ui`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_testkit::{Event, Launch, bin};
use serde_json::Value;

use crate::report::{Figure, Outcome};
use crate::settings::Settings;

/// How long the upload may take to measure.
const UPLOAD_LIMIT: Duration = Duration::from_secs(60);

pub(super) fn run(_: Settings) -> Result<Outcome> {
    let release = bin("lanlens")?.parent().map(Path::to_owned).context("no folder of programs")?;
    let mut figures = criterion(&release.with_file_name("criterion"))?;
    if figures.is_empty() {
        let how = "nothing was measured: run `cargo bench -p lanlens-bench` first";
        return Ok(Outcome::Skipped(how.to_owned()));
    }
    let mut notes = Vec::new();
    match upload(&release.join("examples/upload"))? {
        Some(upload) => figures.extend(upload),
        None => notes.push("upload: not measured, its example is not built".to_owned()),
    }
    Ok(Outcome::Measured(figures, notes))
}

/// The median of each stage, µs, as criterion keeps it in `GROUP/STAGE/new/estimates.json`.
fn criterion(folder: &Path) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for group in folders(folder) {
        for stage in folders(&group) {
            let Ok(text) = fs::read_to_string(stage.join("new/estimates.json")) else { continue };
            let estimates: Value = serde_json::from_str(&text)?;
            let median_ns = estimates["median"]["point_estimate"].as_f64();
            let name = |folder: &Path| {
                folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
            };
            let median_us = median_ns.context("criterion keeps its medians elsewhere")? / 1000.0;
            figures.push(Figure::shown(format!("{}_{}_us", name(&group), name(&stage)), median_us));
        }
    }
    Ok(figures)
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|e| e.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// What one frame takes on each path of the window, µs; `None` where the example is not built.
fn upload(program: &Path) -> Result<Option<Vec<Figure>>> {
    if !program.is_file() {
        return Ok(None);
    }
    let ended = Launch::here(program).arg("--json").finish(UPLOAD_LIMIT)?;
    ended.check(ended.exit_code() == Some(0), "it failed")?;
    let figure = |line: Event| {
        let (path, renderer) = (line.text("path"), line.text("renderer"));
        let name = format!("upload_{path}_{renderer}_{}x{}_us", line["width"], line["height"]);
        Figure::shown(name, line["ms"].as_f64().unwrap_or(f64::NAN) * 1000.0)
    };
    Ok(Some(ended.events().into_iter().map(figure).collect()))
}
