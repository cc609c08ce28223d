//! One Chromium, driven through its DevTools protocol.
//!
//! Owns the process, its profile folder and the WebSocket to it. Knows nothing of WebRTC: it opens one
//! page and evaluates expressions in it.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lanlens_e2e::eventually;
use lanlens_testkit::{Display, Host, Program};
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// How long it may take to start, and to open its page.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long one answer may take beyond the time that its expression waits by itself.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How often the socket is looked at again.
const LOOK: Duration = Duration::from_secs(1);
/// How Debian, others and Google call it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Whether it has a window.
#[derive(Debug, Clone, Copy)]
pub enum Looks<'a> {
    /// None.
    Headless,
    /// One that covers this screen of so many pixels.
    Window(&'a Display, (u16, u16)),
}

/// A running browser with one page. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    socket: WebSocket<TcpStream>,
    session: String,
    calls: u64,
    program: Program,
    _profile: TempDir,
}

impl Browser {
    /// Whether there is one on this machine.
    pub fn is_installed(host: &Host) -> bool {
        NAMES.iter().any(|name| host.has(name))
    }

    /// Starts it on a host with a file as its page.
    ///
    /// # Errors
    /// When it is not installed, does not start, or does not show the page.
    pub fn start(host: &Host, looks: Looks<'_>, page: &Path, args: &[String]) -> Result<Self> {
        let name = NAMES.iter().find(|name| host.has(name)).context(super::NO_BROWSER)?;
        let profile = tempfile::Builder::new().prefix("lanlens-browser-").tempdir()?;
        let page = format!("file://{}", page.display());
        let mut launch = host.launch(name).args(SETTINGS).args(args);
        launch = launch.arg(format!("--user-data-dir={}", profile.path().display()));
        launch = match looks {
            Looks::Headless => launch.arg("--headless=new").arg(&page),
            Looks::Window(display, (width, height)) => {
                let size = format!("--window-size={width},{height}");
                let app = format!("--app={page}");
                display.show(launch.args(["--window-position=0,0", "--kiosk"]).args([size, app]))
            }
        };
        // Its settings and caches must not come from, or stay in, this user's home.
        let program = launch.env("HOME", profile.path()).start()?;
        let url = devtools_url(&program)?;
        let socket = host.within(|| connect(&url))??;
        let mut browser =
            Self { socket, session: String::new(), calls: 0, program, _profile: profile };
        browser.attach(&page)?;
        Ok(browser)
    }

    /// The process, for what it said.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Its first process.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// The value of an expression in the page, awaited if it is a promise.
    ///
    /// # Errors
    /// When it throws, with what it threw, or does not end.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        self.evaluate_for(expression, Duration::ZERO)
    }

    /// As [`Browser::evaluate`], for an expression that takes this long by itself.
    ///
    /// # Errors
    /// As [`Browser::evaluate`].
    pub fn evaluate_for(&mut self, expression: &str, time: Duration) -> Result<Value> {
        let asked = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
            // As a click would allow it: to play a video.
            "userGesture": true,
        });
        let answer = self.call("Runtime.evaluate", asked, time + ANSWER_LIMIT)?;
        let thrown = &answer["exceptionDetails"];
        ensure!(thrown.is_null(), "the page threw {thrown}");
        Ok(answer["result"]["value"].clone())
    }

    /// Finds the page that was given on the command line, and waits until its scripts have run.
    fn attach(&mut self, page: &str) -> Result<()> {
        let start = Instant::now();
        let target = loop {
            let targets = self.call("Target.getTargets", json!({}), ANSWER_LIMIT)?;
            let mut infos = targets["targetInfos"].as_array().into_iter().flatten();
            if let Some(found) = infos.find(|info| info["url"] == page) {
                break found["targetId"].clone();
            }
            ensure!(start.elapsed() < START_LIMIT, self.program.failure("it shows no page"));
            std::thread::sleep(Duration::from_millis(20));
        };
        let how = json!({ "targetId": target, "flatten": true });
        let attached = self.call("Target.attachToTarget", how, ANSWER_LIMIT)?;
        attached["sessionId"].as_str().context("no session")?.clone_into(&mut self.session);
        while self.evaluate("document.readyState")? != "complete" {
            ensure!(start.elapsed() < START_LIMIT, self.program.failure("its page does not load"));
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Calls a method and waits for its answer.
    fn call(&mut self, method: &str, parameters: Value, limit: Duration) -> Result<Value> {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string()))?;
        let start = Instant::now();
        while start.elapsed() < limit {
            let answer: Value = match self.socket.read() {
                Ok(Message::Text(text)) => serde_json::from_str(&text)?,
                Ok(_) => continue,
                Err(tungstenite::Error::Io(error)) if is_timeout(error.kind()) => continue,
                Err(error) => bail!(self.program.failure(&format!("{method}: {error}"))),
            };
            if answer["id"] == id {
                let refused = &answer["error"];
                ensure!(refused.is_null(), "{method}: {refused}");
                return Ok(answer["result"].clone());
            }
        }
        bail!(self.program.failure(&format!("no answer to {method}")))
    }
}

/// So that nothing but the page works, and nothing asks or slows down what is not looked at.
const SETTINGS: &[&str] = &[
    "--no-sandbox",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--autoplay-policy=no-user-gesture-required",
    "--password-store=basic",
    "--use-fake-ui-for-media-stream",
    // Names ending in .local in place of addresses would have to be resolved by mDNS first.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--remote-debugging-port=0",
];

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// It tells where it listens in its log.
fn devtools_url(program: &Program) -> Result<String> {
    let mut url = None;
    eventually(START_LIMIT, || {
        let log = program.log();
        let mut told = log.lines().filter_map(|line| line.strip_prefix("DevTools listening on "));
        url = told.next().map(|url| url.trim().to_owned());
        url.is_some()
    });
    url.ok_or_else(|| program.failure("it does not tell where its DevTools listen"))
}

/// Must be called from where the browser runs.
fn connect(url: &str) -> Result<WebSocket<TcpStream>> {
    let address = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next());
    let stream = TcpStream::connect(address.context("its DevTools have no address")?)?;
    stream.set_nodelay(true)?;
    let (socket, _) = tungstenite::client(url, stream).context("its DevTools do not answer")?;
    socket.get_ref().set_read_timeout(Some(LOOK))?;
    Ok(socket)
}
