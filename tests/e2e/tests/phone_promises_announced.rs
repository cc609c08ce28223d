//! A phone is a camera of its own on the network: somebody else's mDNS (python-zeroconf) finds it under
//! an instance and a host name of its own, with the node that serves its page in `via`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanlens_e2e::phone::PhoneApp;
use lanlens_e2e::phone_house::{House, PHONE};
use lanlens_testkit::figure::within;
use lanlens_testkit::{Event, Host, Program, skip};

const FOUND_LIMIT: Duration = Duration::from_secs(20);
/// From the page's end to the goodbye of its camera.
const GOODBYE_TARGET: Duration = Duration::from_secs(2);

/// Tells of every service of ours: its instance, its host, its TXT.
const LISTEN: &str = r#"
import json, sys, time, zeroconf
zc = zeroconf.Zeroconf(interfaces=[sys.argv[1]])
text = lambda b: (b or b"").decode("utf-8", "replace")
class Listener(zeroconf.ServiceListener):
    def add_service(self, zc, kind, name):
        info = zc.get_service_info(kind, name, 5000)
        if info:
            print(json.dumps({"event": "found", "instance": name, "host": info.server,
                "port": info.port, "addresses": info.parsed_addresses(),
                "txt": {text(k): text(v) for k, v in info.properties.items()}}), flush=True)
    def update_service(self, *a): pass
    def remove_service(self, zc, kind, name):
        print(json.dumps({"event": "removed", "instance": name}), flush=True)
zeroconf.ServiceBrowser(zc, "_lanlens._tcp.local.", Listener())
time.sleep(600)
"#;

/// Listens on a host; `None` without the package.
fn listener(host: &Host) -> Result<Option<Program>> {
    let python = ["/usr/bin/python3", "python3"]
        .into_iter()
        .find(|python| host.run(&[python, "-c", "import zeroconf"]).is_ok());
    let Some(python) = python else {
        skip("needs python3-zeroconf")?;
        return Ok(None);
    };
    let launch = host.launch(python).args(["-c", LISTEN, &host.ipv4().to_string()]);
    launch.title("zeroconf").start().map(Some)
}

fn announced(listener: &Program, camera: &str) -> Result<Event> {
    listener.wait(&format!("the announcement of {camera}"), FOUND_LIMIT, |event| {
        event.is("found") && event["txt"]["cam"] == camera
    })
}

#[test]
fn a_phone_is_announced_under_a_name_of_its_own_and_says_by_whom_it_comes() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let Some(listener) = listener(&house.sofa)? else { return Ok(()) };
    let Some((mut phone, _watch, camera)) = house.live(PhoneApp::new(&house.pocket))? else {
        return Ok(());
    };
    let server = announced(&listener, house.server.id())?;
    let pocket = announced(&listener, &camera)?;

    let txt = &pocket["txt"];
    ensure!(txt["via"] == house.server.node(), "via the node that serves its page: {txt}");
    ensure!(txt["name"] == PHONE && txt["role"] == "camera" && txt["v"] == "1", "{txt}");
    let node = txt["node"].as_str().context("no node")?;
    ensure!(node != house.server.node(), "it is a node of its own: {txt}");
    ensure!(server["txt"]["node"] == house.server.node(), "{}", server.value);
    ensure!(server["txt"]["via"].is_null(), "the server comes by nobody: {}", server.value);
    for name in ["instance", "host", "port"] {
        ensure!(pocket[name] != server[name], "{name} is the server's: {}", pocket.value);
        ensure!(!pocket[name].is_null(), "no {name}: {}", pocket.value);
    }
    ensure!(!pocket.text("instance").contains(PHONE), "unique by construction: {}", pocket.value);
    // Viewers reach it where the node is, and not at the phone.
    let addresses = pocket["addresses"].as_array().context("no addresses")?;
    let is_at = |host: &Host| addresses.iter().any(|ip| *ip == host.ipv4().to_string());
    ensure!(is_at(&house.desk) && !is_at(&house.pocket), "{addresses:?}");

    let (mark, closed) = (listener.mark(), Instant::now());
    phone.act("close")?;
    let removed = listener.wait_from(mark, "its goodbye", FOUND_LIMIT, |event| {
        event.is("removed") && event["instance"] == pocket["instance"]
    })?;
    let took = removed.at.saturating_duration_since(closed);
    within("phone_closed_goodbye", took, GOODBYE_TARGET)?;
    let events = listener.events();
    let mut gone = events.iter().filter(|event| event.is("removed"));
    let stays = gone.all(|event| event["instance"] != server["instance"]);
    listener.check(stays, "the server said goodbye too")
}
