//! `lanlens trust` on the home's file alone: no network, no node, and the words that people see.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_e2e::{Home, only_json};
use lanlens_model::{DeviceId, NodeId};
use lanlens_testkit::{Launch, Program, bin, skip};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);
/// The year 2100: whoever waits until then waits during every test.
const LATER_S: u64 = 4_102_444_800;

fn launch(program: &Path, home: &Home) -> Launch {
    Launch::here(program)
        .env("HOME", home.path())
        .env("LANLENS_HOME", home.path())
        .without_env("XDG_DATA_HOME")
        .without_env("RUST_LOG")
}

/// `lanlens trust ARGS` in a home, with the exit code that it must have.
fn trust(home: &Home, args: &[&str], code: i32) -> Result<Program> {
    let ended = launch(&bin("lanlens")?, home).arg("trust").args(args).finish(LIMIT)?;
    let got = ended.exit_code();
    ended.check(got == Some(code), &format!("trust {args:?}: exit {got:?}, not {code}"))?;
    Ok(ended)
}

/// What it printed, as one text.
fn printed(program: &Program) -> String {
    let lines = program.events();
    lines.iter().map(|l| l.as_str().map_or(l.value.to_string(), str::to_owned) + "\n").collect()
}

fn device(name: &str) -> DeviceId {
    DeviceId::from_spki(name.as_bytes())
}

fn waits(key: &str, name: &str, camera: &str, code: &str, until_s: u64) -> Value {
    json!({ "device": device(key), "name": name, "node": NodeId::new(device("own"), camera),
            "camera": camera, "code": code, "until_s": until_s })
}

/// A home where these wait, as a camera's program writes it.
fn home_where(waiting: &[Value]) -> Result<Home> {
    let home = Home::fresh()?;
    let stored = json!({ "version": 2, "trust": {
        "claimed": true,
        "owners": { device("ann").to_string(): "Ann's phone" },
        "watchers": {}, "denied": {},
        "news": { "device": device("ann"), "name": "Ann's phone", "at_s": 1_700_000_000 },
        "waiting": waiting,
    } });
    std::fs::write(home.path().join("trust.json"), stored.to_string())?;
    Ok(home)
}

/// The lists as they stand in the file.
fn stored(home: &Home) -> Result<Value> {
    let text = std::fs::read_to_string(home.path().join("trust.json"))?;
    let stored: Value = serde_json::from_str(&text)?;
    Ok(stored["trust"].clone())
}

fn name_in(home: &Home, list: &str, key: &str) -> Result<Option<String>> {
    Ok(stored(home)?[list][device(key).to_string()].as_str().map(str::to_owned))
}

#[test]
fn whoever_waits_is_listed_with_the_code_and_let_in_by_it() -> Result<()> {
    let home = home_where(&[
        waits("ben", "Ben's laptop", "Kitchen", "482913", LATER_S),
        waits("ben", "Ben's laptop", "거실", "482913", LATER_S),
        waits("eve", "Eve", "Kitchen", "111222", LATER_S),
        waits("old", "Too late", "Kitchen", "333444", 1_700_000_000),
    ])?;
    let table = printed(&trust(&home, &["list"], 0)?);
    for words in ["482 913", "Ben's laptop", "거실", "unverified", "Ann's phone", "claimed"] {
        assert!(table.contains(words), "{words} is not in\n{table}");
    }
    assert!(!table.contains("Too late"), "{table}");

    let listed = trust(&home, &["list", "--json"], 0)?;
    only_json(&listed)?;
    let lines: Vec<Value> = listed.events().into_iter().map(|event| event.value).collect();
    assert_eq!(lines.len(), 4);
    let ben = json!({ "list": "waiting", "device": device("ben"), "name": "Ben's laptop",
                      "code": "482913", "camera": "Kitchen", "until_s": LATER_S });
    assert_eq!(lines[0], ben);
    let ann = json!({ "list": "owner", "device": device("ann"), "name": "Ann's phone" });
    assert_eq!(lines[3], ann);

    let short = &device("ben").to_string()[..8];
    let allowed = printed(&trust(&home, &["allow", "482913"], 0)?);
    assert_eq!(allowed, format!("“Ben's laptop” (device {short}) may now watch\n"));
    assert_eq!(name_in(&home, "watchers", "ben")?.as_deref(), Some("Ben's laptop"));
    trust(&home, &["deny", "111", "222"], 0)?;
    assert_eq!(name_in(&home, "denied", "eve")?.as_deref(), Some("Eve"));
    assert_eq!(stored(&home)?["waiting"], Value::Null);

    let revoked = printed(&trust(&home, &["revoke", "Ben's", "laptop"], 0)?);
    assert!(revoked.contains("may no longer watch"), "{revoked}");
    assert_eq!(name_in(&home, "denied", "ben")?.as_deref(), Some("Ben's laptop"));
    assert_eq!(name_in(&home, "owners", "ann")?.as_deref(), Some("Ann's phone"));
    Ok(())
}

#[test]
fn a_wrong_an_old_and_a_shared_code_let_nobody_in() -> Result<()> {
    let home = home_where(&[
        waits("ben", "Ben's laptop", "Kitchen", "482913", LATER_S),
        waits("eve", "Ben's laptop", "Kitchen", "482913", LATER_S),
        waits("old", "Too late", "Kitchen", "333444", 1_700_000_000),
    ])?;
    let before = stored(&home)?;
    for code in ["000000", "333444"] {
        let nobody = trust(&home, &["allow", code], 3)?;
        let log = nobody.log();
        assert!(log.lines().count() == 1 && log.contains("`lanlens trust list`"), "{log}");
    }
    let shared = trust(&home, &["allow", "482913"], 1)?.log();
    assert!(shared.contains("two devices") && shared.contains("device id"), "{shared}");
    let several = trust(&home, &["allow", "Ben's laptop"], 1)?.log();
    assert!(several.contains("more than one device"), "{several}");
    assert_eq!(stored(&home)?, before);

    let table = printed(&trust(&home, &["list"], 0)?);
    let short = &device("ben").to_string()[..8];
    assert!(table.contains(short), "{table}");
    trust(&home, &["allow", short], 0)?;
    assert!(name_in(&home, "watchers", "ben")?.is_some());
    assert!(name_in(&home, "watchers", "eve")?.is_none());
    Ok(())
}

#[test]
fn a_name_that_anybody_can_take_opens_no_door() -> Result<()> {
    let home = home_where(&[waits("eve", "Ben's laptop", "Kitchen", "482913", LATER_S)])?;
    let refused = trust(&home, &["allow", "Ben's laptop"], 1)?.log();
    assert!(refused.contains("`lanlens trust allow 482913`"), "{refused}");
    assert!(name_in(&home, "watchers", "eve")?.is_none());
    trust(&home, &["deny", "Ben's laptop"], 0)?;
    assert!(name_in(&home, "denied", "eve")?.is_some());
    Ok(())
}

#[test]
fn nobody_listed_is_exit_code_3_and_looking_makes_no_home() -> Result<()> {
    let home = Home::fresh()?;
    for args in [&["list"][..], &["list", "--json"]] {
        let nobody = trust(&home, args, 3)?;
        assert!(nobody.events().is_empty(), "{}", printed(&nobody));
        assert!(nobody.log().contains("nobody"), "{}", nobody.log());
    }
    let absent = home.path().join("not yet");
    let path = absent.to_str().context("a path of characters")?;
    trust(&home, &["--home", path, "list"], 3)?;
    assert!(!absent.exists());
    trust(&home, &["revoke", "Ann"], 3)?;
    // The flag may stand behind the command too.
    trust(&home, &["dismiss", "--home", path], 0)?;
    assert!(absent.exists());
    Ok(())
}

#[test]
fn an_invitation_is_a_link_that_stays_until_a_new_one_is_made_and_others_join_by_it() -> Result<()>
{
    let (home, other) = (Home::fresh()?, Home::fresh()?);
    let link = printed(&trust(&home, &["invite"], 0)?).trim_end().to_owned();
    assert!(link.starts_with("lanlens:join/") && link.lines().count() == 1, "{link}");
    let again = trust(&home, &["invite", "--json"], 0)?;
    assert_eq!(
        again.events().first().map(|event| event.value.clone()),
        Some(json!({ "link": link }))
    );
    trust(&other, &["join", &link], 0)?;
    assert_eq!(stored(&other)?["joined"], json!([link]));
    let new = printed(&trust(&home, &["invite", "--new"], 0)?).trim_end().to_owned();
    assert_ne!(new, link);
    assert_eq!(stored(&home)?["invitation"], json!(new));
    let wrong = trust(&other, &["join", "https://example.org"], 2)?.log();
    assert!(wrong.contains("lanlens:join/"), "{wrong}");
    Ok(())
}

#[test]
fn a_claim_is_told_until_somebody_has_read_it() -> Result<()> {
    let home = home_where(&[])?;
    assert!(printed(&trust(&home, &["list"], 0)?).contains("claimed the cameras"));
    trust(&home, &["dismiss"], 0)?;
    assert!(!printed(&trust(&home, &["list"], 0)?).contains("claimed the cameras"));
    assert_eq!(name_in(&home, "owners", "ann")?.as_deref(), Some("Ann's phone"));
    Ok(())
}

#[test]
fn a_reset_needs_a_yes_and_mends_a_damaged_file() -> Result<()> {
    let home = home_where(&[])?;
    let asked = trust(&home, &["reset"], 2)?.log();
    assert!(asked.contains("--yes"), "{asked}");
    assert!(name_in(&home, "owners", "ann")?.is_some());

    let path = home.path().join("trust.json");
    std::fs::write(&path, "{\"version\": 2, \"trust\": {\"claimed\": tr")?;
    for args in [&["list"][..], &["allow", "482913"], &["invite"]] {
        let log = trust(&home, args, 1)?.log();
        assert!(log.lines().count() == 1 && log.contains("`lanlens trust reset`"), "{log}");
    }
    let said = printed(&trust(&home, &["reset", "--yes"], 0)?);
    assert!(said.contains("the next viewer that asks owns the cameras"), "{said}");
    trust(&home, &["list"], 3)?;
    assert_eq!(stored(&home)?["claimed"], json!(false));
    Ok(())
}

#[test]
fn a_new_key_is_made_only_while_nothing_runs_and_leaves_the_lists() -> Result<()> {
    let home = home_where(&[])?;
    trust(&home, &["new-key"], 2)?;
    // What a running program holds.
    let running = File::create(home.path().join("run.lock"))?;
    running.lock_shared()?;
    let refused = trust(&home, &["new-key", "--yes"], 1)?.log();
    assert!(refused.contains("close its cameras"), "{refused}");
    assert!(!home.path().join("device.key").exists());
    drop(running);
    let mut keys = Vec::new();
    for _ in 0..2 {
        let said = printed(&trust(&home, &["new-key", "--yes"], 0)?);
        assert!(said.contains("this home is now the device "), "{said}");
        keys.push((said, std::fs::read(home.path().join("device.key"))?));
    }
    assert!(keys[0].0 != keys[1].0 && keys[0].1 != keys[1].1);
    assert_eq!(name_in(&home, "owners", "ann")?.as_deref(), Some("Ann's phone"));
    Ok(())
}

#[test]
fn commands_that_run_at_once_undo_nothing_of_each_other() -> Result<()> {
    let names: Vec<String> = (0..8).map(|n| format!("viewer {n}")).collect();
    let home = home_where(&[])?;
    let ids: Vec<String> = names.iter().map(|name| device(name).to_string()).collect();
    let running: Result<Vec<Program>> = ids
        .iter()
        .map(|id| launch(&bin("lanlens")?, &home).args(["trust", "allow", id]).start())
        .collect();
    for mut program in running? {
        let status = program.wait_exit(LIMIT)?;
        program.check(status.success(), "a device was not allowed")?;
    }
    let watchers = stored(&home)?["watchers"].clone();
    assert!(ids.iter().all(|id| watchers[id].is_string()), "{watchers}");
    Ok(())
}

#[test]
fn every_level_has_help_with_examples_and_mistakes_are_wrong_usage() -> Result<()> {
    let home = Home::fresh()?;
    let tasks =
        ["list", "allow", "deny", "revoke", "reset", "invite", "join", "dismiss", "new-key"];
    let help = printed(&trust(&home, &["--help"], 0)?);
    assert!(help.contains("Examples:"), "{help}");
    for task in tasks {
        assert!(help.contains(&format!("  {task} ")), "{task} is not in\n{help}");
        let help = printed(&trust(&home, &[task, "--help"], 0)?);
        assert!(help.contains("Example") && help.contains("--home"), "{help}");
    }
    let wrong: [&[&str]; 5] =
        [&[], &["allow"], &["revoke"], &["list", "--yes"], &["befriend", "482913"]];
    for args in wrong {
        trust(&home, args, 2)?;
    }
    Ok(())
}

#[test]
fn in_a_terminal_an_invitation_is_drawn_and_a_reset_asks() -> Result<()> {
    if Command::new("script").arg("--version").output().is_err() {
        return skip("needs script(1) for a terminal");
    }
    let home = home_where(&[])?;
    let program = bin("lanlens")?;
    let in_terminal = |task: &str| {
        let command = format!("'{}' trust {task}", program.display());
        launch(Path::new("script"), &home).args(["-qec", &command, "/dev/null"]).finish(LIMIT)
    };
    let drawn = printed(&in_terminal("invite")?);
    assert!(drawn.contains('▀') && drawn.contains('▄'), "{drawn}");
    assert!(drawn.contains("lanlens:join/"), "{drawn}");
    // Nobody answers: that is no yes.
    let asked = in_terminal("reset")?;
    let said = printed(&asked);
    assert!(said.contains("Go on? [y/N]") && said.contains("nothing was changed"), "{said}");
    asked.check(asked.exit_code() == Some(1), "the reset was not called off")?;
    assert!(name_in(&home, "owners", "ann")?.is_some());
    Ok(())
}
