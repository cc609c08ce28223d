//! Programs are heard, signalled, measured and ended; tried with stand-ins that need no network.

use std::time::{Duration, Instant};

use anyhow::Result;
use lanlens_testkit::{Launch, Program, Signal};

const SOON: Duration = Duration::from_secs(5);

fn shell(script: &str) -> Result<Program> {
    Launch::here("sh").args(["-c", script]).start()
}

#[test]
fn an_event_is_found_whether_it_came_before_or_comes_later() -> Result<()> {
    let program = shell(r#"echo '{"event":"a","n":1}'; sleep 0.2; echo '{"event":"b"}'; sleep 9"#)?;
    program.wait("a", SOON, |e| e.is("a"))?;
    assert_eq!(program.wait("a again", SOON, |e| e.is("a"))?["n"], 1);
    let mark = program.mark();
    let b = program.wait_from(mark, "b", SOON, |e| e.is("b"))?;
    assert!(b.at > program.started());
    Ok(())
}

#[test]
fn a_missing_event_fails_with_what_the_program_said() -> Result<()> {
    let program = shell(r#"echo '{"event":"a"}'; echo 'no camera here' >&2; sleep 9"#)?;
    let missing = program.wait("b", Duration::from_millis(300), |e| e.is("b"));
    let text = missing.unwrap_err().to_string();
    assert!(text.contains("no camera here") && text.contains(r#"{"event":"a"}"#), "{text}");
    Ok(())
}

#[test]
fn waiting_ends_with_the_program() -> Result<()> {
    let program = shell("exit 3")?;
    let start = Instant::now();
    let error = program.wait("b", Duration::from_secs(60), |e| e.is("b")).unwrap_err();
    assert!(start.elapsed() < SOON, "{error}");
    Ok(())
}

#[test]
fn lines_that_are_not_json_objects_are_told_apart() -> Result<()> {
    let program = Launch::here("sh").args(["-c", "echo hello; echo 7; echo '{}'"]).finish(SOON)?;
    let objects: Vec<bool> = program.events().iter().map(|e| e.is_object).collect();
    assert_eq!(objects, [false, false, true]);
    Ok(())
}

#[test]
fn a_program_that_minds_its_signal_ends_cleanly_and_one_that_does_not_is_reported() -> Result<()> {
    let ready = |e: &lanlens_testkit::Event| e.as_str() == Some("up");
    let mut tidy = shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done")?;
    tidy.wait("up", SOON, ready)?;
    tidy.end_with(Signal::TERM, SOON)?;
    let mut deaf = shell("trap '' TERM; echo up; while :; do sleep 0.02; done")?;
    deaf.wait("up", SOON, ready)?;
    assert!(deaf.end_with(Signal::TERM, Duration::from_millis(200)).is_err());
    Ok(())
}

#[test]
fn dropping_a_program_ends_it_and_what_it_started() -> Result<()> {
    let program = shell("sleep 999 & echo $!; wait")?;
    let child = program.wait("a process id", SOON, |e| e.is_u64())?.value.to_string();
    let (own, child) = (format!("/proc/{}", program.pid()), format!("/proc/{child}/exe"));
    drop(program);
    assert!(!std::path::Path::new(&own).exists());
    // An orphan is reaped by init a moment later; its executable is gone at once.
    let start = Instant::now();
    while std::fs::read_link(&child).is_ok() && start.elapsed() < SOON {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(std::fs::read_link(&child).is_err());
    Ok(())
}

#[test]
fn a_programs_use_of_the_machine_is_read() -> Result<()> {
    let program =
        shell("echo up; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 9")?;
    program.wait("done", Duration::from_secs(30), |e| e.as_str() == Some("done"))?;
    let usage = program.usage()?;
    assert!(usage.cpu_ms > 10 && usage.rss_mib > 0.3 && usage.files >= 3, "{usage:?}");
    assert_eq!((usage.threads, program.threads()?), (1, vec!["sh".to_owned()]));
    Ok(())
}

#[test]
fn a_program_that_listens_can_be_told_something_and_another_cannot() -> Result<()> {
    let echo = Launch::here("cat").listening().start()?;
    echo.tell(r#"{"event":"heard"}"#)?;
    echo.wait("its echo", SOON, |e| e.is("heard"))?;
    let deaf = shell("sleep 9")?;
    assert!(deaf.tell("anything").is_err());
    Ok(())
}
