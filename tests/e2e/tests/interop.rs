//! Other people's programs find us, and what they say wrongly does not hurt us.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_e2e::{CameraApp, WatchApp, eventually};
use lanlens_testkit::{Addresses, Event, Host, Lan, Launch, Program, skip};

const FOUND_LIMIT: Duration = Duration::from_secs(20);

/// avahi-daemon on a host, with a message bus of its own.
struct Avahi {
    bus: String,
    folder: tempfile::TempDir,
    _bus: Program,
    _daemon: Program,
}

impl Avahi {
    fn start(host: &Host) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let bus = format!("unix:path={}", path("bus").display());
        std::fs::write(
            path("bus.conf"),
            format!(
                "<busconfig><type>system</type><listen>{bus}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow own=\"*\"/><allow user=\"*\"/>\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow receive_sender=\"*\"/>\
             </policy></busconfig>"
            ),
        )?;
        std::fs::write(
            path("avahi.conf"),
            "[server]\nhost-name=bystander\nuse-ipv4=yes\nuse-ipv6=yes\n\
             [wide-area]\nenable-wide-area=no\n[publish]\npublish-workstation=no\n",
        )?;
        let config = format!("--config-file={}", path("bus.conf").display());
        let bus_program =
            host.launch("dbus-daemon").args([&config, "--nofork", "--nopidfile"]).start()?;
        let listening = eventually(FOUND_LIMIT, || path("bus").exists());
        bus_program.check(listening, "no message bus")?;
        // Its run folder is fixed; a mount of our own keeps this machine's avahi out of it.
        let script = "mkdir -p /run/avahi-daemon && mount -t tmpfs none /run/avahi-daemon && \
                      exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f \"$0\"";
        let daemon = host
            .launch("sh")
            .args(["-c", script])
            .arg(path("avahi.conf"))
            .title("avahi-daemon")
            .env("DBUS_SYSTEM_BUS_ADDRESS", &bus)
            .start()?;
        let up = eventually(FOUND_LIMIT, || daemon.log().contains("Server startup complete"));
        daemon.check(up, "avahi-daemon does not start")?;
        Ok(Self { bus, folder, _bus: bus_program, _daemon: daemon })
    }

    fn tool(&self, host: &Host, name: &str) -> Launch {
        host.launch(name).env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus).env("HOME", self.folder.path())
    }
}

#[test]
fn avahi_resolves_our_service_and_its_strange_ones_are_ignored() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let linux = lan.host("linux")?;
    if !["avahi-daemon", "avahi-browse", "dbus-daemon"].iter().all(|tool| linux.has(tool)) {
        return skip("needs avahi-daemon, avahi-utils and dbus-daemon");
    }
    let kitchen = lan.host("kitchen")?;
    let camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    let avahi = Avahi::start(&linux)?;
    let browse = avahi.tool(&linux, "avahi-browse").args(["-pr", "_lanlens._tcp"]).start()?;
    // =;eth0;IPv4;instance;_lanlens._tcp;local;host.local;10.77.0.2;17470;"v=1" "node=…" …
    for (family, address) in
        [("IPv4", kitchen.ipv4().to_string()), ("IPv6", kitchen.ipv6().to_string())]
    {
        let resolved = browse.wait(&format!("resolved by {family}"), FOUND_LIMIT, |line| {
            let line = line.as_str().unwrap_or_default();
            line.starts_with("=;eth0;")
                && line.contains(&format!(";{family};"))
                && line.contains(&format!("\"cam={}\"", camera.id()))
        });
        let line = resolved?.as_str().unwrap_or_default().to_owned();
        let fields: Vec<&str> = line.splitn(10, ';').collect();
        assert_eq!(fields[8], camera.address.port().to_string(), "{line}");
        assert!(fields[9].contains("\"name=Kitchen\"") && fields[9].contains("\"role=camera\""));
        if family == "IPv4" {
            assert_eq!(fields[7], address, "{line}");
        }
    }
    let foreign = ["-s", "Not one of ours", "_lanlens._tcp", "17470", "v=1", "node=nonsense"];
    let publish = avahi.tool(&linux, "avahi-publish").args(foreign).start()?;
    let established = eventually(FOUND_LIMIT, || publish.log().contains("Established"));
    publish.check(established, "avahi-publish does not publish")?;
    only_the_camera_is_seen(&mut lan, camera.id())
}

/// A viewer that comes now sees one camera, whatever else is announced.
fn only_the_camera_is_seen(lan: &mut Lan, camera: &str) -> Result<()> {
    let watch = WatchApp::new(&lan.host("viewer")?).start()?;
    watch.wait_first_frame(camera)?;
    let stream = watch.measure(camera, 4)?;
    stream.runs_smoothly("beside_foreign_announcements")?;
    let events = watch.program.events();
    let discovered = |event: &&Event| event.is("discovered");
    watch.program.check(events.iter().filter(discovered).count() == 1, "only our camera counts")
}

/// A Python that has the zeroconf package: Debian's own first.
fn python(host: &Host) -> Option<&'static str> {
    ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        let import = [*python, "-c", "import zeroconf"];
        (Path::new(python).is_absolute() || host.has(python)) && host.run(&import).is_ok()
    })
}

const RESOLVE: &str = r#"
import json, sys, time, zeroconf
zc = zeroconf.Zeroconf(interfaces=[sys.argv[1]])
class Listener(zeroconf.ServiceListener):
    def add_service(self, zc, kind, name):
        info = zc.get_service_info(kind, name, 5000)
        if info:
            text = lambda b: (b or b"").decode("utf-8", "replace")
            print(json.dumps({"addresses": info.parsed_addresses(), "port": info.port,
                "txt": {text(k): text(v) for k, v in info.properties.items()}}), flush=True)
    def update_service(self, *a): pass
    def remove_service(self, zc, kind, name): print(json.dumps({"removed": name}), flush=True)
zeroconf.ServiceBrowser(zc, "_lanlens._tcp.local.", Listener())
time.sleep(600)
"#;

/// Announces what is not ours, or not well: the fields are those of TXT, raw.
const STRANGE: &str = r#"
import socket, sys, time, zeroconf
zc = zeroconf.Zeroconf(interfaces=[sys.argv[1]])
ours = sys.argv[2].encode()
def txt(*pairs): return b"".join(bytes([len(p)]) + p for p in pairs)
node = ours[:39]
strange = {
    "empty": b"", "zeroes": b"\0" * 50, "overlong-length": b"\xffabc", "binary": bytes(range(1, 128)),
    "other-version": txt(b"v=2", b"node=" + node, b"role=camera", b"epoch=1"),
    "no-node": txt(b"v=1", b"role=camera", b"epoch=1"),
    "bad-utf8": txt(b"v=1", b"node=\xff\xfe", b"role=camera", b"epoch=1", b"name=\xff"),
    "bad-role": txt(b"v=1", b"node=" + node, b"role=boss", b"epoch=1"),
    "bad-epoch": txt(b"v=1", b"node=" + node, b"role=camera", b"epoch=-1"),
    "too-long": txt(b"v=1", *[b"k%d=" % n + b"x" * 200 for n in range(5)]),
    "foreign-camera": txt(b"v=1", b"node=" + b"a" * 39, b"role=camera", b"epoch=1", b"cam=" + ours),
}
for name, raw in strange.items():
    zc.register_service(zeroconf.ServiceInfo("_lanlens._tcp.local.", name + "._lanlens._tcp.local.",
        addresses=[socket.inet_aton(sys.argv[1])], port=17470, properties=raw,
        server=name + ".local."), allow_name_change=False)
print('"announced"', flush=True)
time.sleep(600)
"#;

#[test]
fn python_zeroconf_resolves_our_service_hears_its_goodbye_and_cannot_confuse_us() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, other) = (lan.host("kitchen")?, lan.host("python")?);
    let Some(python) = python(&other) else {
        return skip("needs python3 with zeroconf (package python3-zeroconf)");
    };
    let mut camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    let own = other.ipv4().to_string();
    let resolve = other.launch(python).args(["-c", RESOLVE, &own]).start()?;
    let found = resolve.wait("our camera", FOUND_LIMIT, |e| e["txt"]["cam"] == camera.id())?;
    assert_eq!(found["port"], camera.address.port());
    assert_eq!(found["txt"]["name"], "Kitchen");
    assert_eq!(found["txt"]["node"], camera.node());
    let addresses = found["addresses"].as_array().context("no addresses")?;
    assert!(addresses.contains(&kitchen.ipv4().to_string().into()), "{addresses:?}");

    let strange = other.launch(python).args(["-c", STRANGE, &own, camera.id()]).start()?;
    let announced = |event: &Event| event.as_str() == Some("announced");
    strange.wait("strange announcements", Duration::from_secs(60), announced)?;
    only_the_camera_is_seen(&mut lan, camera.id())?;

    camera.program.end_with(lanlens_testkit::Signal::TERM, Duration::from_secs(5))?;
    resolve
        .wait("the goodbye", FOUND_LIMIT, |event| event.text("removed").starts_with("kitchen"))?;
    Ok(())
}
