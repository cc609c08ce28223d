//! A phone: Chromium on a host of its own, driven by Playwright (`tests/browser/e2e.mjs`), with a moving
//! picture as its camera.
//!
//! Owns the browser and what is asked of it. Which buttons the camera page has is known here and nowhere
//! else in these tests. Certificates are never ignored: whoever opens the page clicks through the
//! browser's warning.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use lanlens_testkit::{Host, Program, skip};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the browser may take for one thing: it gives up by itself after 30 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);
/// Until the browser is up, on a busy machine.
const BROWSER_LIMIT: Duration = Duration::from_secs(60);
/// As in `e2e.mjs`.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Pictures of the film that its camera shows, over and over: two seconds.
const FILM_FRAMES: usize = 60;

/// What a phone's camera shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lens {
    /// A moving picture of 640×360 from a file, as Chromium's fake camera has it.
    Film,
    /// A picture of this size that the page paints, with the time of day burned in as our test picture
    /// has it: it can be turned.
    Canvas(u32, u32),
}

/// A phone about to be turned on.
#[derive(Debug)]
pub struct PhoneApp {
    host: Host,
    lens: Lens,
    portrait: bool,
    scripts: Vec<String>,
    args: Vec<String>,
}

impl PhoneApp {
    /// With a film as its camera, held sideways.
    pub fn new(host: &Host) -> Self {
        let (host, scripts, args) = (host.clone(), Vec::new(), Vec::new());
        Self { host, lens: Lens::Film, portrait: false, scripts, args }
    }

    /// With another camera.
    #[must_use]
    pub fn lens(mut self, lens: Lens) -> Self {
        self.lens = lens;
        self
    }

    /// Held upright.
    #[must_use]
    pub fn portrait(mut self) -> Self {
        self.portrait = true;
        self
    }

    /// With a script that every page runs before its own.
    #[must_use]
    pub fn script(mut self, script: &str) -> Self {
        self.scripts.push(script.to_owned());
        self
    }

    /// With another argument for the browser.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Turns it on; `None` where there is no browser, which fails where nothing may be skipped.
    ///
    /// # Errors
    /// When the browser does not start.
    pub fn start(self) -> Result<Option<Phone>> {
        let folder = browser_folder();
        let has_browser = BROWSERS.iter().any(|name| self.host.has(name));
        let has_driver = folder.join("node_modules/playwright-core").exists();
        if !has_browser || !has_driver || !self.host.has("node") {
            skip("needs Chromium, node and playwright-core: run `scripts/setup.sh --test`")?;
            return Ok(None);
        }
        let own = tempfile::Builder::new().prefix("lanlens-phone-").tempdir()?;
        let film = own.path().join("film.y4m");
        write_film(&film)?;
        let mut launch = self.host.launch("node").arg(folder.join("e2e.mjs"));
        launch = launch.arg("--film").arg(&film);
        if self.portrait {
            launch = launch.arg("--portrait");
        }
        // Its settings and caches must not come from, or stay in, this user's home.
        let launch = launch.env("HOME", own.path()).env("TMPDIR", own.path());
        let launch = launch.arg("--").args(&self.args);
        let title = format!("phone on {}", self.host.name());
        let program = launch.title(&title).listening().start()?;
        program.wait("the browser", BROWSER_LIMIT, |event| event.is("ready"))?;
        let mut phone = Phone { program, calls: 0, _folder: own };
        phone.ask(json!({ "do": "prepare", "script": self.prepared()? }))?;
        Ok(Some(phone))
    }

    /// What every page runs first, in one scope.
    fn prepared(&self) -> Result<String> {
        let mut all = script("tests/bench/peers/burned_time.js")?;
        all.push_str(&script("tests/browser/e2e_page.js")?);
        if let Lens::Canvas(width, height) = self.lens {
            all.push_str(&format!("e2e.useCanvas({width}, {height});\n"));
        }
        all.push_str(&self.scripts.join("\n"));
        Ok(all)
    }
}

/// A phone that is on. Dropping it ends its browser.
#[derive(Debug)]
pub struct Phone {
    /// The driver of its browser; what the page says is among its events.
    pub program: Program,
    calls: u64,
    _folder: TempDir,
}

impl Phone {
    /// Opens a page as a person does; says whether the browser warned of its certificate first.
    ///
    /// # Errors
    /// When the page does not open.
    pub fn open(&mut self, url: &str) -> Result<bool> {
        let opened = self.ask(json!({ "do": "open", "url": url }))?;
        opened["warned"].as_bool().context("no word on a warning")
    }

    /// Opens the camera page, through the warning, and taps its only button. Returns when that was.
    ///
    /// # Errors
    /// When the page does not open, opened without a warning, or has no such button.
    pub fn join(&mut self, link: &str) -> Result<Instant> {
        let warned = self.open(link)?;
        ensure!(warned, "the browser did not warn of the certificate");
        self.tap_start()
    }

    /// Writes its name.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn call_it(&mut self, name: &str) -> Result<()> {
        self.ask(json!({ "do": "fill", "selector": "#first-name", "text": name })).map(drop)
    }

    /// Taps Start; returns when that was.
    ///
    /// # Errors
    /// When there is no such button.
    pub fn tap_start(&mut self) -> Result<Instant> {
        self.tap("button", "Start")
    }

    /// Taps Start if the page asks for that, and not if it tells of a trouble at once.
    ///
    /// # Errors
    /// When it does neither.
    pub fn try_start(&mut self) -> Result<()> {
        self.act("start_if_asked")
    }

    /// Taps a button; returns when that was.
    ///
    /// # Errors
    /// When it cannot be seen.
    pub fn tap(&mut self, what: &str, name: &str) -> Result<Instant> {
        let answer = self.ask(json!({ "do": "tap", what: name }))?;
        let ago = answer["ago_ms"].as_f64().context("no time of the tap")?;
        Instant::now().checked_sub(Duration::from_secs_f64(ago / 1000.0)).context("no such time")
    }

    /// Waits until a text can be read on the page.
    ///
    /// # Errors
    /// When it does not come.
    pub fn see(&mut self, text: &str) -> Result<()> {
        self.ask(json!({ "do": "see", "text": text })).map(drop)
    }

    /// All that can be read on the page.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn text(&mut self) -> Result<String> {
        let answer = self.ask(json!({ "do": "text" }))?;
        Ok(answer["text"].as_str().unwrap_or_default().to_owned())
    }

    /// The value of an expression in the page, awaited if it is a promise.
    ///
    /// # Errors
    /// When it throws, with what it threw.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        Ok(self.ask(json!({ "do": "evaluate", "expression": expression }))?["value"].clone())
    }

    /// Something that needs no options: `reload`, `close`, `crash`, `another`.
    ///
    /// # Errors
    /// When the browser does not do it.
    pub fn act(&mut self, action: &str) -> Result<()> {
        self.ask(json!({ "do": action })).map(drop)
    }

    /// What its sessions have sent so far.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn sent(&mut self) -> Result<Sent> {
        let value = self.evaluate("e2e.sent()")?;
        let streams = value.as_array().context("no list of streams")?.clone();
        Ok(Sent { streams })
    }

    /// Keeps a screenshot of the page where `LANLENS_ARTIFACTS` says, for people to look at.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&mut self, name: &str) -> Result<()> {
        let Some(folder) = std::env::var_os("LANLENS_ARTIFACTS") else { return Ok(()) };
        std::fs::create_dir_all(&folder)?;
        let path = PathBuf::from(folder).join(format!("{name}.png"));
        self.ask(json!({ "do": "screenshot", "path": path })).map(drop)
    }

    /// Fails if the page asked anything of others than the node that served it, or if a script of it
    /// failed.
    ///
    /// # Errors
    /// With what it asked, or what failed.
    pub fn page_behaved(&self) -> Result<()> {
        let bad = |kind: &str| matches!(kind, "foreign_request" | "page_error");
        match self.program.events().iter().find(|event| bad(event.kind())) {
            Some(event) => Err(self.program.failure(&format!("its page: {}", event.value))),
            None => Ok(()),
        }
    }

    /// Asks the driver and waits for its answer.
    fn ask(&mut self, mut command: Value) -> Result<Value> {
        self.calls += 1;
        let id = self.calls;
        command["id"] = json!(id);
        let what = command["do"].as_str().unwrap_or_default().to_owned();
        let mark = self.program.mark();
        self.program.tell(&command.to_string())?;
        let is_answer = |event: &lanlens_testkit::Event| event.is("answer") && event["id"] == id;
        let answer = self.program.wait_from(mark, &what, ANSWER_LIMIT, is_answer)?;
        match answer["error"].as_str() {
            None => Ok(answer.value),
            Some(error) => Err(anyhow!(self.program.failure(&format!("{what}: {error}")))),
        }
    }
}

/// The outgoing streams of a phone's living sessions, as its browser counts them.
#[derive(Debug, Clone)]
pub struct Sent {
    /// One entry for each outgoing stream.
    pub streams: Vec<Value>,
}

impl Sent {
    /// Pictures encoded, all streams together.
    pub fn frames(&self) -> u64 {
        self.streams.iter().filter_map(|stream| stream["frames"].as_u64()).sum()
    }

    /// The only stream.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn one(&self) -> Result<&Value> {
        match self.streams.as_slice() {
            [stream] => Ok(stream),
            streams => Err(anyhow!("{} outgoing streams: {streams:?}", streams.len())),
        }
    }
}

/// A folder of this checkout.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn browser_folder() -> PathBuf {
    checkout().join("tests/browser")
}

fn script(path: &str) -> Result<String> {
    let path = checkout().join(path);
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// Grey slopes under a sky with a block that wanders: enough motion that every picture differs.
fn write_film(path: &Path) -> Result<()> {
    let (width, height) = (640, 360);
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(b"YUV4MPEG2 W640 H360 F30:1 Ip A1:1 C420mpeg2\n")?;
    for number in 0..FILM_FRAMES {
        file.write_all(b"FRAME\n")?;
        let luma = (0..height).flat_map(|y| {
            (0..width).map(move |x| {
                let block = x / 64 == number % 10 && y / 60 == number % 6;
                let slope = ((x + number * 8) / 4 + y / 2) % 160;
                if block { 235 } else { 40 + u8::try_from(slope).unwrap_or(0) }
            })
        });
        file.write_all(&luma.collect::<Vec<u8>>())?;
        file.write_all(&vec![128; width * height / 2])?;
    }
    file.flush()?;
    Ok(())
}
