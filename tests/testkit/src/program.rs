//! A program under test: started with its own environment and process group, watched, ended.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Pid;
pub use rustix::process::Signal;

use crate::output::{Event, Output};
use crate::procfs;

/// How often an exit is looked for.
const EXIT_POLL: Duration = Duration::from_millis(2);

/// A program about to be started.
#[derive(Debug)]
pub struct Launch {
    title: String,
    command: Command,
    listens: bool,
}

impl Launch {
    pub(crate) fn of(title: String, command: Command) -> Self {
        Self { title, command, listens: false }
    }

    /// A program on this machine, outside any [`crate::Lan`].
    pub fn here(program: impl AsRef<Path>) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program.as_ref());
        let title = program.as_ref().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self::of(title, command)
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable out of its environment.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// What failures call it.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        self.title = title.to_owned();
        self
    }

    /// Lets it be told something later ([`Program::tell`]); without this its standard input is empty.
    #[must_use]
    pub fn listening(mut self) -> Self {
        self.listens = true;
        self
    }

    /// Starts it. It dies with the thread that calls this, so call it from the test's own.
    ///
    /// # Errors
    /// When the process or the threads that read its output cannot be started.
    pub fn start(mut self) -> Result<Program> {
        let stdin = if self.listens { Stdio::piped() } else { Stdio::null() };
        let command = self.command.stdin(stdin).stdout(Stdio::piped());
        let command = command.stderr(Stdio::piped()).process_group(0);
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let pid = Pid::from_child(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let output = Output::default();
        let program =
            Program { title: self.title, child, pid, started, exit: None, output: output.clone() };
        output.read_events(stdout.context("no pipe for its output")?)?;
        output.read_log(stderr.context("no pipe for its log")?)?;
        Ok(program)
    }

    /// Starts it, waits for its end and returns it, with all that it said.
    ///
    /// # Errors
    /// When it cannot be started or has not ended within `limit`.
    pub fn finish(self, limit: Duration) -> Result<Program> {
        let mut program = self.start()?;
        program.wait_exit(limit)?;
        Ok(program)
    }
}

/// A running (or ended) program. Dropping it kills what still runs.
#[derive(Debug)]
pub struct Program {
    title: String,
    child: Child,
    pid: Pid,
    started: Instant,
    exit: Option<ExitStatus>,
    output: Output,
}

impl Program {
    /// What failures call it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// When it was not started with [`Launch::listening`], or reads no more.
    pub fn tell(&self, line: &str) -> Result<()> {
        let mut input = self.child.stdin.as_ref().context("its standard input is empty")?;
        let told = input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n"));
        told.map_err(|error| self.failure(&format!("cannot be told anything: {error}")))
    }

    /// Everything it printed so far.
    pub fn events(&self) -> Vec<Event> {
        self.output.events()
    }

    /// What it printed since `mark`.
    pub fn events_from(&self, mark: usize) -> Vec<Event> {
        self.output.events_from(mark)
    }

    /// The log (standard error) so far.
    pub fn log(&self) -> String {
        self.output.log()
    }

    /// A place in its output to wait from.
    pub fn mark(&self) -> usize {
        self.output.mark()
    }

    /// The first event that passes `test`, from the program's start on.
    ///
    /// # Errors
    /// When it has not come within `limit` or the program has ended; with what it said instead.
    pub fn wait(
        &self,
        what: &str,
        limit: Duration,
        test: impl Fn(&Event) -> bool,
    ) -> Result<Event> {
        self.wait_from(0, what, limit, test)
    }

    /// The first event at or after `mark` that passes `test`.
    ///
    /// # Errors
    /// As [`Program::wait`].
    pub fn wait_from(
        &self,
        mark: usize,
        what: &str,
        limit: Duration,
        test: impl Fn(&Event) -> bool,
    ) -> Result<Event> {
        self.output.wait(mark, limit, test).map_err(|e| self.failure(&format!("{what}: {e}")))
    }

    /// An error that shows what this program said last.
    pub fn failure(&self, what: &str) -> anyhow::Error {
        anyhow!("{} (pid {}): {what}\n{}", self.title, self.pid(), self.output.tail())
    }

    /// Fails with `what` and the program's last words unless `holds`.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn check(&self, holds: bool, what: &str) -> Result<()> {
        if holds { Ok(()) } else { Err(self.failure(what)) }
    }

    /// Sends a signal to the program alone; nothing once it has ended.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.exit.is_none() {
            // The id is ours until the exit is read, so it cannot be another process.
            rustix::process::kill_process(self.pid, signal)?;
        }
        Ok(())
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        if self.exit.is_none() {
            self.exit = self.child.try_wait().unwrap_or(None);
        }
        self.exit.is_none()
    }

    /// Waits for its end and for all of its output.
    ///
    /// # Errors
    /// When it has not ended within `limit`.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let start = Instant::now();
        while self.is_running() {
            if start.elapsed() >= limit {
                return Err(self.failure(&format!("still runs after {} ms", limit.as_millis())));
            }
            std::thread::sleep(EXIT_POLL);
        }
        self.output.wait_closed(Duration::from_secs(1));
        self.exit.context("no exit status")
    }

    /// Its exit code, once it has ended by itself.
    pub fn exit_code(&self) -> Option<i32> {
        self.exit.and_then(|status| status.code())
    }

    /// Sends `signal` and returns how long the program took to end.
    ///
    /// # Errors
    /// When it has not ended within `limit`, or not with exit code 0.
    pub fn end_with(&mut self, signal: Signal, limit: Duration) -> Result<Duration> {
        let start = Instant::now();
        self.signal(signal)?;
        self.wait_exit(limit)?;
        let took = start.elapsed();
        if self.exit_code() != Some(0) {
            bail!(self.failure(&format!("ended with {:?} after {signal:?}", self.exit)));
        }
        Ok(took)
    }

    /// The root of the files as it sees them, while it runs: it may have disks of its own.
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid()))
    }

    /// Names of its threads.
    ///
    /// # Errors
    /// When it has ended.
    pub fn threads(&self) -> Result<Vec<String>> {
        procfs::threads(self.pid())
    }

    /// Its memory, processor time and open files.
    ///
    /// # Errors
    /// When it has ended.
    pub fn usage(&self) -> Result<procfs::Usage> {
        procfs::usage(self.pid())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.is_running() {
            // The group is the program's own and holds nothing but what it started.
            let killed = rustix::process::kill_process_group(self.pid, Signal::KILL);
            if killed.is_err() {
                // Its group may be gone while it is not: then by its own id.
                self.child.kill().ok();
            }
            self.child.wait().ok();
        }
    }
}
