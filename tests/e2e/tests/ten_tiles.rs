//! Equal names are no trouble: a camera is its id, never its name, host or home.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use lanlens_e2e::{CameraApp, Home, START_LIMIT, WatchApp, eventually};
use lanlens_testkit::{Addresses, Event, Host, Lan};

/// Five cameras of one name on a host: two share a home, two more share another, one is alone.
fn five_cameras(host: &Host) -> Result<Vec<lanlens_e2e::Camera>> {
    let (one, two) = (Home::fresh()?, Home::fresh()?);
    let homes = [one.clone(), one, two.clone(), two, Home::fresh()?];
    let start = |home: &Home| {
        CameraApp::new(host, "Camera").home(home).size("320x180").args(&["--fps", "10"]).start()
    };
    homes.iter().map(start).collect()
}

#[test]
fn ten_cameras_of_one_name_on_two_hosts_are_ten_tiles() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let mut cameras = five_cameras(&lan.host("one")?)?;
    cameras.extend(five_cameras(&lan.host("two")?)?);
    let ids: BTreeSet<&str> = cameras.iter().map(|camera| camera.id()).collect();
    assert_eq!(ids.len(), 10, "camera ids are unique");
    let devices: BTreeSet<&str> = cameras.iter().map(|camera| camera.device()).collect();
    assert_eq!(devices.len(), 6, "a home is a device");

    let watch = WatchApp::new(&lan.host("viewer")?).start()?;
    let seen = |kind: &str| -> BTreeSet<String> {
        let events = watch.program.events();
        events.iter().filter(|e| e.is(kind)).map(|e| e.text("camera").to_owned()).collect()
    };
    let all = eventually(START_LIMIT, || seen("first_frame").len() >= 10);
    let live = seen("first_frame");
    watch.program.check(all, &format!("{} of ten cameras are live", live.len()))?;
    assert!(ids.iter().all(|id| live.contains(*id)));

    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(seen("discovered").len(), 10, "no eleventh tile");
    let events = watch.program.events();
    for id in ids {
        let left = |event: &Event| event.is_of("lost", id) || event.is_of("gone", id);
        let flapped = events.iter().any(left);
        watch.program.check(!flapped, &format!("the tile of {id} flapped"))?;
    }
    Ok(())
}
