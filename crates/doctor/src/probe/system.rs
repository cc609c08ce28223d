//! What the system says of itself: its firewall, who else speaks multicast DNS here, its cameras, its
//! clock.
//!
//! Only what may be read without being its administrator, and nothing that stays open. Which system
//! it is, is a value here and not a `cfg`: the words of each are then tested on all.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::observations::{FirewallTool, Os, OwnCameras, System};

/// Says whether ufw is on; readable by everybody.
const UFW: &str = "/etc/ufw/ufw.conf";
/// Programs that answer on 5353/udp, by the names that Linux shows (15 bytes at most).
const RESPONDERS: [(&str, &str); 3] = [
    ("avahi-daemon", "avahi-daemon"),
    ("systemd-resolve", "systemd-resolved"),
    ("mDNSResponder", "mDNSResponder"),
];
/// Cameras that are looked at.
const DEVICES_MAX: usize = 16;

/// Looks; may take a second on systems where it has to ask another program.
pub(super) fn look() -> System {
    let os = match std::env::consts::OS {
        "windows" => Os::Windows,
        "macos" => Os::MacOs,
        _ => Os::Linux,
    };
    let running = running_programs();
    let firewall = match os {
        Os::Linux => firewall(&std::fs::read_to_string(UFW).unwrap_or_default(), &running),
        _ => FirewallTool::Unknown,
    };
    let is_running = |name: &str| running.iter().any(|program| program == name);
    let responders = RESPONDERS.iter().filter(|(name, _)| is_running(name));
    System {
        os,
        firewall,
        public_network: (os == Os::Windows).then(public_network).flatten(),
        responders: responders.map(|(_, title)| (*title).to_owned()).collect(),
        cameras: own_cameras(os),
        unix_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
    }
}

/// Names of the programs that run, where they can be listed without asking anybody (Linux).
fn running_programs() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let is_process = |path: &Path| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
    };
    let processes = entries.flatten().map(|entry| entry.path()).filter(|path| is_process(path));
    let name = |path: &Path| std::fs::read_to_string(path.join("comm")).ok();
    processes.filter_map(|path| Some(name(&path)?.trim().to_owned())).collect()
}

fn firewall(ufw: &str, running: &[String]) -> FirewallTool {
    let ufw_is_on = ufw.lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes"));
    if running.iter().any(|program| program == "firewalld") {
        FirewallTool::Firewalld
    } else if ufw_is_on {
        FirewallTool::Ufw
    } else {
        FirewallTool::Unknown
    }
}

/// Windows: whether a network in use is *public*.
fn public_network() -> Option<bool> {
    let ask = "(Get-NetConnectionProfile).NetworkCategory";
    let output = Command::new("powershell").args(["-NoProfile", "-Command", ask]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
    (output.status.success() && !text.trim().is_empty()).then(|| text.contains("public"))
}

fn own_cameras(os: Os) -> OwnCameras {
    match os {
        Os::Linux => devices(Path::new("/dev")),
        Os::Windows => consent(),
        // Asking would show the system's own question to the user.
        Os::MacOs => OwnCameras::Unknown,
    }
}

/// Opens each `videoN` and closes it: no driver starts to capture by that.
fn devices(folder: &Path) -> OwnCameras {
    let Ok(entries) = std::fs::read_dir(folder) else { return OwnCameras::Unknown };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let is_camera =
        |name: &String| name.strip_prefix("video").is_some_and(|n| n.parse::<u32>().is_ok());
    let mut names: Vec<String> = names.filter(is_camera).collect();
    names.sort();
    let mut denied = None;
    for name in names.iter().take(DEVICES_MAX) {
        let path = folder.join(name);
        match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                denied.get_or_insert(path.display().to_string());
            }
            // In use by another program is allowed as well.
            _ => return OwnCameras::Allowed,
        }
    }
    denied.map_or(OwnCameras::None, OwnCameras::Denied)
}

/// Windows: what the user has decided for desktop programs.
fn consent() -> OwnCameras {
    let key = r"HKCU\Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\webcam";
    let output = Command::new("reg").args(["query", key, "/v", "Value"]).output();
    let Ok(output) = output else { return OwnCameras::Unknown };
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Deny") {
        OwnCameras::Denied("Windows privacy settings".to_owned())
    } else if text.contains("Allow") {
        OwnCameras::Allowed
    } else {
        OwnCameras::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firewall_is_known_by_its_file_or_its_daemon() {
        let on = "# comment\nENABLED=yes\n";
        let daemon = ["firewalld".to_owned()];
        assert_eq!(firewall(on, &[]), FirewallTool::Ufw);
        assert_eq!(firewall("ENABLED=no", &[]), FirewallTool::Unknown);
        assert_eq!(firewall(on, &daemon), FirewallTool::Firewalld);
        assert_eq!(firewall("", &[]), FirewallTool::Unknown);
    }

    #[test]
    fn a_folder_without_cameras_has_none() {
        let folder = std::env::temp_dir().join(format!("lanlens-doctor-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("videotape")).unwrap();
        assert_eq!(devices(&folder), OwnCameras::None);
        std::fs::write(folder.join("video0"), "").unwrap();
        assert_eq!(devices(&folder), OwnCameras::Allowed);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
