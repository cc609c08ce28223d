//! A house with a phone: a node that serves the camera page, the phone's host, and one for whoever
//! watches.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanlens_testkit::{Addresses, Host, Lan, Launch, Program, WallClock, bin};
use serde_json::Value;

use crate::phone::{Phone, PhoneApp};
use crate::whip_client::Site;
use crate::{Camera, CameraApp, START_LIMIT, Watch, WatchApp, eventually};

/// For a command that reads and writes small files.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);
/// What every phone of these tests is called.
pub const PHONE: &str = "Pocket";

/// Dropped in this order: whoever lives in the network before the network.
#[derive(Debug)]
pub struct House {
    /// Serves the page; admits everyone. Its own picture is watched by nobody.
    pub server: Camera,
    /// Where the server runs.
    pub desk: Host,
    /// Where the phone is.
    pub pocket: Host,
    /// Where somebody watches.
    pub sofa: Host,
    /// The network.
    pub lan: Lan,
}

impl House {
    /// `None` where network namespaces cannot be made.
    ///
    /// # Errors
    /// When the server does not come up.
    pub fn new() -> Result<Option<Self>> {
        Self::with_args(&[])
    }

    /// As [`House::new`], in a network with these addresses.
    ///
    /// # Errors
    /// When the server does not come up.
    pub fn with_addresses(addresses: Addresses) -> Result<Option<Self>> {
        Self::build(addresses, &[])
    }

    /// As [`House::new`], with more arguments for the server.
    ///
    /// # Errors
    /// When the server does not come up.
    pub fn with_args(args: &[&str]) -> Result<Option<Self>> {
        Self::build(Addresses::Both, args)
    }

    fn build(addresses: Addresses, args: &[&str]) -> Result<Option<Self>> {
        let Some(mut lan) = Lan::new(addresses)? else { return Ok(None) };
        let (desk, pocket, sofa) = (lan.host("desk")?, lan.host("pocket")?, lan.host("sofa")?);
        let server = CameraApp::new(&desk, "Desk").open().args(args).start()?;
        Ok(Some(Self { server, desk, pocket, sofa, lan }))
    }

    /// The page's server, seen from the phone.
    ///
    /// # Errors
    /// When it opened no page.
    pub fn site(&self) -> Result<Site> {
        let home = self.server.home.path();
        let port = web_port(home)?;
        Site::secure(&self.pocket, SocketAddr::new(self.desk.address(), port), home)
    }

    /// A link to the page with a token that nobody used yet, as its QR code has it.
    ///
    /// # Errors
    /// When `lanlens phone` fails or prints none.
    pub fn link(&self) -> Result<String> {
        link(self.server.home.path(), &self.desk)
    }

    /// As [`House::link`], made by somebody who has this clock.
    ///
    /// # Errors
    /// As [`House::link`].
    pub fn link_by(&self, clock: &WallClock) -> Result<String> {
        link_in(&run(clock.give(command(self.server.home.path())?))?, &self.desk)
    }

    /// Lets a phone or an encoder come in no longer.
    ///
    /// # Errors
    /// When `lanlens phone` fails.
    pub fn remove(&self, name: &str) -> Result<()> {
        let launch = lanlens_phone(self.server.home.path())?;
        run(launch.args(["--remove", name])).map(drop)
    }

    /// A lasting credential for an encoder of this name.
    ///
    /// # Errors
    /// When `lanlens phone` fails.
    pub fn encoder(&self, name: &str) -> Result<String> {
        encoder(self.server.home.path(), name)
    }

    /// A phone that has joined, once somebody watches it: the phone, whoever watches, and its camera.
    /// `None` where there is no browser.
    ///
    /// # Errors
    /// When one of them fails.
    pub fn live(&self, app: PhoneApp) -> Result<Option<(Phone, Watch, String)>> {
        let Some(mut phone) = app.start()? else { return Ok(None) };
        phone.open(&self.link()?)?;
        phone.call_it(PHONE)?;
        phone.tap_start()?;
        let watch = WatchApp::new(&self.sofa).args(&[PHONE]).start()?;
        let camera = phone_of(&watch)?;
        watch.wait_first_frame(&camera)?;
        Ok(Some((phone, watch, camera)))
    }
}

/// The camera of the only phone that a watcher sees.
///
/// # Errors
/// When it does not see one in time, or would dial it where only its own machine reaches it.
pub fn phone_of(watch: &Watch) -> Result<String> {
    relayed(watch, PHONE)
}

/// The camera of this name, which another node relays.
///
/// # Errors
/// As [`phone_of`].
pub fn relayed(watch: &Watch, name: &str) -> Result<String> {
    let found = watch.program.wait("the relayed camera", START_LIMIT, |event| {
        event.is("discovered") && event.text("name") == name
    })?;
    let addresses = found["addresses"].as_array().context("no addresses")?;
    // Its node and the one that serves the page reach each other by loopback; others must not try.
    let inside = |address: &Value| address.as_str().is_some_and(|text| text.starts_with("127."));
    watch.program.check(!addresses.iter().any(inside), &format!("it is at {addresses:?}"))?;
    Ok(found.text("camera").to_owned())
}

/// The port of the page that a running program of a home serves.
///
/// # Errors
/// When none does.
pub fn web_port(home: &Path) -> Result<u16> {
    let mut port = None;
    eventually(START_LIMIT, || {
        port = noted_port(home).ok();
        port.is_some()
    });
    port.map_or_else(|| noted_port(home), Ok)
}

fn noted_port(home: &Path) -> Result<u16> {
    let folder = home.join("web");
    let notes = std::fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
    let note = notes
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "json"));
    let note: Value = serde_json::from_slice(&std::fs::read(note.context("no page is noted")?)?)?;
    let port = note["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    port.with_context(|| format!("no port in {note}"))
}

/// A link to the page of a home's running program, by the address of its host.
///
/// # Errors
/// When `lanlens phone` fails or prints none.
pub fn link(home: &Path, host: &Host) -> Result<String> {
    link_in(&run(command(home)?)?, host)
}

fn link_in(program: &Program, host: &Host) -> Result<String> {
    let begin = format!("https://{}", SocketAddr::new(host.address(), 0));
    let begin = begin.trim_end_matches('0');
    let texts: Vec<String> = program.events().iter().flat_map(|line| texts(&line.value)).collect();
    let link = texts.iter().find(|text| text.starts_with(begin) && text.contains("/#"));
    link.cloned().with_context(|| program.failure("no link").to_string())
}

/// A lasting credential for an encoder.
///
/// # Errors
/// When `lanlens phone` fails.
pub fn encoder(home: &Path, name: &str) -> Result<String> {
    let program = run(command(home)?.args(["--encoder", name]))?;
    let events = program.events();
    let token = events.iter().map(|event| event.text("token")).find(|token| !token.is_empty());
    token.map(str::to_owned).with_context(|| program.failure("no token").to_string())
}

fn command(home: &Path) -> Result<Launch> {
    Ok(lanlens_phone(home)?.arg("--json"))
}

fn lanlens_phone(home: &Path) -> Result<Launch> {
    let launch = Launch::here(bin("lanlens")?).env("HOME", home).env("LANLENS_HOME", home);
    Ok(launch.without_env("XDG_DATA_HOME").arg("phone").title("lanlens phone"))
}

fn run(launch: Launch) -> Result<Program> {
    let program = launch.finish(COMMAND_LIMIT)?;
    ensure!(program.exit_code() == Some(0), program.failure("failed"));
    Ok(program)
}

/// Every text in a value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
