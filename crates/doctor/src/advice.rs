//! The next step: one sentence, with the exact command where there is one.
//!
//! Owns what differs between firewalls and systems; `docs/firewall.md` says the same at length. The
//! system is a value, not a `cfg`, so that the words of every system are tested on every system.

use lanlens_model::limits::{MEDIA_PORTS, SIGNALING_PORTS};

use crate::observations::{FirewallTool, Os, System};

/// Where all of this stands at length.
const PAGE: &str = "docs/firewall.md";

/// Multicast DNS out of this computer.
pub(crate) fn let_multicast_out(system: &System) -> String {
    match (system.os, system.firewall) {
        (Os::Linux, FirewallTool::Ufw) => "Let it out: `sudo ufw allow out 5353/udp`.".to_owned(),
        (Os::Linux, _) => {
            format!(
                "Find the rule with `sudo nft list ruleset` and let UDP port 5353 out ({PAGE})."
            )
        }
        (Os::Windows, _) => {
            "Let it out, in a prompt run as administrator: `netsh advfirewall firewall add rule \
             name=\"Lanlens discovery out\" dir=out action=allow protocol=UDP remoteport=5353`."
                .to_owned()
        }
        (Os::MacOs, _) => local_network_permission(),
    }
}

/// Multicast DNS into this computer.
pub(crate) fn let_multicast_in(system: &System) -> String {
    match (system.os, system.firewall) {
        (Os::Linux, FirewallTool::Ufw) => "Let it in: `sudo ufw allow 5353/udp`.".to_owned(),
        (Os::Linux, FirewallTool::Firewalld) => {
            "Let it in: `sudo firewall-cmd --permanent --add-service=mdns && sudo firewall-cmd \
             --reload`."
                .to_owned()
        }
        (Os::Linux, FirewallTool::Unknown) => {
            format!("Find the rule with `sudo nft list ruleset` and let UDP port 5353 in ({PAGE}).")
        }
        (Os::Windows, _) if system.public_network == Some(true) => {
            "If this is your own network, say so in a PowerShell run as administrator: \
             `Get-NetConnectionProfile | Set-NetConnectionProfile -NetworkCategory Private`."
                .to_owned()
        }
        (Os::Windows, _) => {
            "Let it in, in a prompt run as administrator: `netsh advfirewall firewall add rule \
             name=\"Lanlens discovery\" dir=in action=allow protocol=UDP localport=5353`."
                .to_owned()
        }
        (Os::MacOs, _) => local_network_permission(),
    }
}

fn local_network_permission() -> String {
    "Open System Settings → Privacy & Security → Local Network and switch on this program (for one \
     started in a terminal: the terminal), then start it again."
        .to_owned()
}

/// TCP out of this computer.
pub(crate) fn let_tcp_out(system: &System) -> String {
    let (first, last) = (SIGNALING_PORTS.start(), SIGNALING_PORTS.end());
    match (system.os, system.firewall) {
        (Os::Linux, FirewallTool::Ufw) => {
            format!("Let it out: `sudo ufw allow out {first}:{last}/tcp`.")
        }
        (Os::Windows, _) => format!(
            "Let it out, in a prompt run as administrator: `netsh advfirewall firewall add rule \
             name=\"Lanlens out\" dir=out action=allow protocol=TCP remoteport={first}-{last}`."
        ),
        _ => format!("Let this computer open connections to TCP ports {first} to {last} ({PAGE})."),
    }
}

/// Media out of this computer.
pub(crate) fn let_media_out(system: &System) -> String {
    let (first, last) = (MEDIA_PORTS.start(), MEDIA_PORTS.end());
    match (system.os, system.firewall) {
        (Os::Linux, FirewallTool::Ufw) => {
            format!("Let it out: `sudo ufw allow out {first}:{last}/udp`.")
        }
        (Os::Windows, _) => format!(
            "Let it out, in a prompt run as administrator: `netsh advfirewall firewall add rule \
             name=\"Lanlens media out\" dir=out action=allow protocol=UDP remoteport={first}-{last}`."
        ),
        _ => format!("Let this computer send to UDP ports {first} to {last} ({PAGE})."),
    }
}

/// The signaling port, at the camera's computer. Which firewall that has is not known here.
pub(crate) fn let_signaling_in_there(name: &str) -> String {
    let (first, last) = (SIGNALING_PORTS.start(), SIGNALING_PORTS.end());
    format!(
        "On the computer of {name}, let it in: `sudo ufw allow {first}:{last}/tcp` with ufw, other \
         firewalls and Windows in {PAGE}."
    )
}

/// Media, at the camera's computer.
pub(crate) fn let_media_in_there(name: &str) -> String {
    let (first, last) = (MEDIA_PORTS.start(), MEDIA_PORTS.end());
    format!(
        "On the computer of {name} and on this one, let it in: `sudo ufw allow {first}:{last}/udp` \
         with ufw, other firewalls and Windows in {PAGE}."
    )
}

/// How to see who holds a port.
pub(crate) fn find_holder_of_5353(os: Os) -> String {
    let command = match os {
        Os::Linux => "sudo ss -ulpn 'sport = :5353'",
        Os::MacOs => "sudo lsof -nP -iUDP:5353",
        Os::Windows => "netstat -ano -p UDP | findstr :5353",
    };
    format!("Find it with `{command}` and end it, or set it to share the port.")
}

/// How to set a clock right.
pub(crate) fn set_the_clock(os: Os) -> String {
    let command = match os {
        Os::Linux => "sudo timedatectl set-ntp true",
        Os::MacOs => "sudo sntp -sS time.apple.com",
        Os::Windows => "w32tm /resync",
    };
    format!("Set it right: `{command}`.")
}

/// How to be allowed to open cameras.
pub(crate) fn allow_cameras(os: Os) -> String {
    match os {
        Os::Linux => {
            "Join the group that may: `sudo usermod -aG video $USER`, then log out and in again."
        }
        Os::MacOs => {
            "Open System Settings → Privacy & Security → Camera and switch on this program (for \
             one started in a terminal: the terminal)."
        }
        Os::Windows => {
            "Open Settings → Privacy & security → Camera and let desktop apps use the camera."
        }
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_firewall_gets_its_own_command() {
        let system = |os, firewall| System { os, firewall, ..System::default() };
        let ufw = system(Os::Linux, FirewallTool::Ufw);
        assert!(let_multicast_in(&ufw).contains("ufw allow 5353/udp"));
        assert!(let_multicast_out(&ufw).contains("ufw allow out 5353/udp"));
        assert!(let_tcp_out(&ufw).contains("17470:17479/tcp"));
        assert!(let_media_out(&ufw).contains("17480:17579/udp"));
        let firewalld = system(Os::Linux, FirewallTool::Firewalld);
        assert!(let_multicast_in(&firewalld).contains("--add-service=mdns"));
        let windows = system(Os::Windows, FirewallTool::Unknown);
        assert!(let_multicast_in(&windows).contains("netsh advfirewall"));
        let public = System { public_network: Some(true), ..windows };
        assert!(let_multicast_in(&public).contains("-NetworkCategory Private"));
        assert!(
            let_multicast_in(&system(Os::MacOs, FirewallTool::Unknown)).contains("Local Network")
        );
    }
}
