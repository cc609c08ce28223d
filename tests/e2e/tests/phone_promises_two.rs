//! Two phones at one node: two tiles, each with its own name and its own fate.

use std::time::Duration;

use anyhow::{Result, ensure};
use lanlens_e2e::faults::is_not_live;
use lanlens_e2e::phone::{Phone, PhoneApp};
use lanlens_e2e::phone_house::{House, PHONE, phone_of, relayed};
use lanlens_e2e::{Watch, WatchApp};
use lanlens_testkit::Host;
use lanlens_testkit::figure::{at_least, report};

const OTHER: &str = "Purse";
/// Until encoders have settled.
const SETTLE: Duration = Duration::from_secs(4);
const MEASURED: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(10);

/// A phone on this host that has joined under this name.
fn joined(house: &House, host: &Host, name: &str) -> Result<Option<Phone>> {
    let Some(mut phone) = PhoneApp::new(host).start()? else { return Ok(None) };
    phone.open(&house.link()?)?;
    phone.call_it(name)?;
    phone.tap_start()?;
    Ok(Some(phone))
}

/// How the picture of a camera ran since `mark`.
fn runs(watch: &Watch, camera: &str, mark: usize, name: &str) -> Result<()> {
    let end = watch.program.mark();
    let stream = watch.stream(camera, mark, end)?;
    let stopped = watch.program.events_from(mark).into_iter().find(|e| is_not_live(e, camera));
    let undisturbed = !stream.lost && stopped.is_none();
    watch.program.check(undisturbed, &format!("{name} stopped: {stopped:?}"))?;
    report(&format!("{name}_freezes"), stream.freezes, "freezes", "none set");
    at_least(&format!("{name}_fps"), stream.fps, "fps", 28.0, 15.0)
}

#[test]
fn two_phones_are_two_tiles_and_the_removal_of_one_leaves_the_other_undisturbed() -> Result<()> {
    let Some(mut house) = House::new()? else { return Ok(()) };
    let purse = house.lan.host("purse")?;
    let Some(mut first) = joined(&house, &house.pocket, PHONE)? else { return Ok(()) };
    let Some(mut second) = joined(&house, &purse, OTHER)? else { return Ok(()) };
    let watch = WatchApp::plain(&house.sofa).args(&[PHONE, OTHER]).start()?;
    let (kept, removed) = (phone_of(&watch)?, relayed(&watch, OTHER)?);
    ensure!(kept != removed, "one camera for two phones: {kept}");
    watch.wait_first_frame(&kept)?;
    watch.wait_first_frame(&removed)?;
    std::thread::sleep(SETTLE);

    let mark = watch.program.mark();
    std::thread::sleep(MEASURED);
    runs(&watch, &kept, mark, "two_phones_first")?;
    runs(&watch, &removed, mark, "two_phones_second")?;
    for phone in [&mut first, &mut second] {
        phone.sent()?.one()?;
    }
    let tiles = watch.tiles();
    ensure!(tiles.get(&kept).is_some_and(|names| names == &[PHONE]), "{tiles:?}");
    ensure!(tiles.get(&removed).is_some_and(|names| names == &[OTHER]), "{tiles:?}");

    let mark = watch.program.mark();
    house.remove(OTHER)?;
    watch.program.wait_from(mark, "the end of one", LIMIT, |e| e.is_of("gone", &removed))?;
    second.see("This phone was removed")?;
    std::thread::sleep(Duration::from_secs(6));
    runs(&watch, &kept, mark, "two_phones_one_left")?;
    let back = watch.program.events_from(mark).into_iter().any(|e| e.is_of("live", &removed));
    watch.program.check(!back, "the removed one was seen again")?;
    first.sent()?.one()?;
    first.page_behaved()
}
