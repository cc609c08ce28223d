//! The command line keeps its contract: exit codes, help, output for scripts.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_e2e::{CameraApp, Home, WatchApp, only_json, pattern, program};
use lanlens_testkit::{Addresses, Host, Lan, Picture, Program, burned};

const LIMIT: Duration = Duration::from_secs(30);

/// Runs one of our programs to its end.
fn run(host: &Host, name: &str, args: &[&str]) -> Result<Program> {
    program(host, name, &Home::fresh()?)?.args(args).finish(LIMIT)
}

fn exits(host: &Host, name: &str, args: &[&str], code: i32) -> Result<Program> {
    let ended = run(host, name, args)?;
    let got = ended.exit_code();
    ended.check(got == Some(code), &format!("{name} {args:?}: exit {got:?}, not {code}"))?;
    Ok(ended)
}

/// What it printed, as one text.
fn printed(program: &Program) -> String {
    let lines = program.events();
    lines.iter().map(|l| l.as_str().map_or(l.value.to_string(), str::to_owned) + "\n").collect()
}

#[test]
fn what_is_not_built_or_not_known_is_wrong_usage_and_absent_from_the_help() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let host = lan.host("desk")?;
    let unbuilt = ["snapshot", "record"];
    for command in unbuilt {
        exits(&host, "lanlens", &[command, "x", "-o", "y"], 2)?;
    }
    let help = printed(&exits(&host, "lanlens", &["--help"], 0)?);
    assert!(help.contains("list") && help.contains("watch"), "{help}");
    for command in unbuilt {
        assert!(!help.lines().any(|line| line.trim_start().starts_with(command)), "{help}");
    }
    let wrong: [(&str, &[&str]); 13] = [
        ("lanlens", &["doctor", "--listen", "127.0.0.1:17470"]),
        ("lanlens", &["list", "--no-such-flag"]),
        ("lanlens", &["watch", "--measure", "temperature"]),
        ("lanlens", &["watch", "--for", "soon"]),
        ("lanlens", &["dance"]),
        ("lanlens-camera", &["--access", "nobody"]),
        ("lanlens-camera", &["--source", "nonsense"]),
        ("lanlens-camera", &["--size", "large"]),
        ("lanlens-viewer", &["--no-such-flag"]),
        ("lanlens", &["phone", "--list", "--encoder", "Stage"]),
        ("lanlens-camera", &["--web", "on"]),
        ("lanlens-camera", &["--web", "off", "--whip-http", "127.0.0.1:8889"]),
        ("lanlens-viewer", &["--whip-http", "0.0.0.0:8889"]),
    ];
    for (name, args) in wrong {
        let ended = exits(&host, name, args, 2)?;
        ended.check(!ended.log().trim().is_empty(), "wrong usage is explained")?;
    }
    for name in ["lanlens-camera", "lanlens-viewer"] {
        exits(&host, name, &["--help"], 0)?;
        exits(&host, name, &["--version"], 0)?;
    }
    Ok(())
}

#[test]
fn nothing_found_is_exit_code_3_and_a_missing_device_is_1_with_what_to_do() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let host = lan.host("desk")?;
    exits(&host, "lanlens", &["list", "--for", "1"], 3)?;
    exits(&host, "lanlens", &["phone"], 3)?;
    exits(&host, "lanlens", &["phone", "--list"], 3)?;
    let nothing = exits(&host, "lanlens", &["list", "--for", "1", "--json"], 3)?;
    only_json(&nothing)?;
    exits(&host, "lanlens", &["watch", "--for", "1", "--json"], 3)?;
    exits(&host, "lanlens", &["watch", "No such camera", "--for", "1", "--json"], 3)?;
    let missing = program(&host, "lanlens-camera", &Home::fresh()?)?
        .args(["--headless", "--source", "/dev/video99"])
        .env("RUST_LOG", "off")
        .finish(LIMIT)?;
    let code = missing.exit_code();
    missing.check(code == Some(1), &format!("exit {code:?} without the device"))?;
    let log = missing.log();
    missing.check(log.lines().count() == 1 && log.contains("/dev/video99"), "one line says what")
}

#[test]
fn list_shows_cameras_by_name_and_does_not_claim_them() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let host = lan.host("desk")?;
    let camera = CameraApp::new(&lan.host("kitchen")?, "거실 Kitchen").start()?;
    let table = printed(&exits(&host, "lanlens", &["list", "--for", "2"], 0)?);
    assert!(table.contains("거실 Kitchen"), "{table}");
    let json = exits(&host, "lanlens", &["list", "--for", "2", "--json"], 0)?;
    only_json(&json)?;
    let found = json.events().iter().any(|event| event.text("camera") == camera.id());
    json.check(found, "the camera is not listed")?;
    let claimed = camera.program.events().iter().any(|e| e.is("claimed"));
    camera.program.check(!claimed, "listing has claimed the camera")
}

#[test]
fn watch_takes_names_and_prefixes_and_writes_the_grid_it_saw() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (host, rooms) = (lan.host("desk")?, lan.host("rooms")?);
    let kitchen = CameraApp::new(&rooms, "Kitchen").open().start()?;
    let garden = CameraApp::new(&rooms, "Garden").open().start()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("grid.png");
    let path = file.to_str().unwrap_or_default();
    for (wish, chosen, other) in
        [("Kitchen", &kitchen, &garden), (&garden.id()[..12], &garden, &kitchen)]
    {
        let mut watch = WatchApp::new(&host).seconds(3).args(&[wish]).start()?;
        watch.wait_done(LIMIT)?;
        let events = watch.program.events();
        let seen = |id: &str| events.iter().any(|event| event.is_of("first_frame", id));
        watch.program.check(seen(chosen.id()) && !seen(other.id()), &format!("watching {wish}"))?;
    }
    let mut watch = WatchApp::new(&host).seconds(3).args(&["--grid", path]).start()?;
    watch.wait_done(LIMIT)?;
    let now = burned::now_us();
    let grid = Picture::read_png(Path::new(path))?;
    grid.keep("watch_grid")?;
    let strips = burned::find(&grid, now);
    assert_eq!(strips.len(), 2, "two tiles with readable times");
    for strip in strips {
        let (width, height) = (strip.width / 12, strip.width * 9 / 16);
        let seen = grid.mean(strip.x + width, strip.y + height * 80 / 100, width, height / 10);
        assert!(pattern::color(seen).is_some(), "{seen:?} is no colour of the test picture");
    }
    Ok(())
}

#[test]
fn watch_without_decoding_counts_what_arrives() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
    let home = Home::fresh()?;
    let folder = tempfile::tempdir()?;
    let sheet = folder.path().join("grid.png");
    let path = sheet.to_str().context("a path of characters")?;
    let args = ["watch", "--json", "--decode", "no", "--for", "5", "--grid", path];
    let watch = program(&lan.host("desk")?, "lanlens", &home)?.args(args).finish(LIMIT)?;
    only_json(&watch)?;
    let arrives = watch.events().iter().any(|event| {
        event.is_of("stats", camera.id()) && event["kbps"].as_f64().is_some_and(|kbps| kbps > 10.0)
    });
    watch.check(arrives, "nothing arrived")?;
    let pictures = burned::find(&Picture::read_png(&sheet)?, burned::now_us());
    watch.check(pictures.is_empty(), "a picture was decoded after all")
}
