//! The codes that our programs draw in a terminal: read off it as a phone's camera reads them, whatever
//! its colours, and good for what they promise.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanlens_e2e::phone::PhoneApp;
use lanlens_e2e::phone_house::{House, PHONE, phone_of};
use lanlens_e2e::whip_client::{join_request, token_in};
use lanlens_e2e::{Home, START_LIMIT, WatchApp, eventually};
use lanlens_testkit::figure::{at_least, report};
use lanlens_testkit::terminal::{Theme, draw};
use lanlens_testkit::{Addresses, Host, Lan, Program, bin, qr, skip};

/// What `lanlens phone` may take on a busy machine.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);

/// One of our programs on a host, in a terminal of its own (`script(1)`). It ends with the terminal.
fn in_terminal(host: &Host, home: &Home, name: &str, args: &str) -> Result<Program> {
    let program = bin(name)?;
    let command = format!("exec setpriv --pdeathsig KILL '{}' {args}", program.display());
    let launch = host.launch("script").args(["-qefc", &command, "/dev/null"]);
    let launch = launch.env("HOME", home.path()).env("LANLENS_HOME", home.path());
    let launch = launch.env("SHELL", "/bin/sh").env("TERM", "xterm-256color");
    let launch = launch.without_env("XDG_DATA_HOME").listening();
    launch.title(&format!("{name} {args} in a terminal")).start()
}

fn lines(program: &Program) -> Vec<String> {
    let text = |line: lanlens_testkit::Event| line.value.as_str().unwrap_or_default().to_owned();
    program.events().into_iter().map(text).collect()
}

/// What the code in a terminal says, on a dark ground and on a light one.
fn scanned(program: &Program, name: &str) -> Result<String> {
    let mut codes = [None, None];
    let read = eventually(START_LIMIT, || {
        let lines = lines(program);
        codes = [Theme::DARK, Theme::LIGHT]
            .map(|theme| qr::read(&draw(&lines, theme)).unwrap_or_default());
        codes.iter().all(Option::is_some)
    });
    draw(&lines(program), Theme::DARK).keep(name)?;
    program.check(read, &format!("no code in its terminal, dark and light: {codes:?}"))?;
    let [Some(dark), Some(light)] = codes else { anyhow::bail!("no code") };
    program.check(dark == light, "another code in another theme")?;
    // Who cannot scan types it.
    program.check(lines(program).contains(&dark), "the link is not there in words")?;
    Ok(dark)
}

fn has_terminals(host: &Host) -> Result<bool> {
    let has = host.has("script") && host.has("zbarimg");
    if !has {
        skip("needs script(1) (Debian: bsdutils) and zbarimg (zbar-tools)")?;
    }
    Ok(has)
}

#[test]
fn the_code_that_lanlens_phone_draws_is_read_off_the_terminal_and_lets_one_phone_in() -> Result<()>
{
    let Some(house) = House::new()? else { return Ok(()) };
    if !has_terminals(&house.desk)? {
        return Ok(());
    }
    let site = house.site()?;
    let mut program = in_terminal(&house.desk, &house.server.home, "lanlens", "phone")?;
    program.wait_exit(COMMAND_LIMIT)?;
    program.check(program.exit_code() == Some(0), "failed")?;
    let link = scanned(&program, "phone_code_of_lanlens_phone")?;
    let page = site.origin() + "/#";
    ensure!(link.starts_with(&page), "{page}… was expected: {link}");
    site.join(token_in(&link)?, PHONE)?;
    site.send(&join_request(token_in(&link)?, "Somebody else"))?.refuses("token_used")?;

    let mut again = in_terminal(&house.desk, &house.server.home, "lanlens", "phone")?;
    again.wait_exit(COMMAND_LIMIT)?;
    let other = scanned(&again, "phone_code_of_lanlens_phone_again")?;
    ensure!(other != link, "the same code twice: {link}");
    site.join(token_in(&other)?, "Purse").map(drop)
}

#[test]
fn the_code_in_the_terminal_of_a_camera_makes_a_phone_live_at_a_watcher_elsewhere() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (desk, pocket, sofa) = (lan.host("desk")?, lan.host("pocket")?, lan.host("sofa")?);
    if !has_terminals(&desk)? {
        return Ok(());
    }
    let Some(mut phone) = PhoneApp::new(&pocket).portrait().start()? else { return Ok(()) };
    let home = Home::fresh()?;
    let args = "--source pattern --size 640x360 --name Desk --access open";
    let camera = in_terminal(&desk, &home, "lanlens-camera", args)?;
    let link = scanned(&camera, "phone_code_of_camera")?;
    phone.join_as(PHONE, &link)?;

    let watch = WatchApp::plain(&sofa).args(&[PHONE]).start()?;
    let id = phone_of(&watch)?;
    let first = watch.wait_first_frame(&id)?;
    let took = first["since_discovered_ms"].as_f64().context("no time of the first frame")?;
    report("phone_by_terminal_first_frame", took, "ms", "none set");
    let stream = watch.measure(&id, 5)?;
    watch.program.check(!stream.lost, "the session broke")?;
    at_least("phone_by_terminal_fps", stream.fps, "fps", 28.0, 15.0)?;
    phone.sent()?.one()?;
    phone.page_behaved()
}

trait JoinAs {
    fn join_as(&mut self, name: &str, link: &str) -> Result<()>;
}

impl JoinAs for lanlens_e2e::phone::Phone {
    /// As somebody does who scanned the code: through the warning, with a name, by the only button.
    fn join_as(&mut self, name: &str, link: &str) -> Result<()> {
        ensure!(self.open(link)?, "the browser did not warn of the certificate");
        self.call_it(name)?;
        self.tap_start().map(drop)
    }
}
