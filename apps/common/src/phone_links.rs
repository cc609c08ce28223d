//! The links that phones join by, in a terminal.

use anyhow::Result;
use lanlens_model::PhoneLink;

use crate::qr_lines;

/// What somebody with the phone in hand must know, in a terminal.
const STEPS: &str = "\
Scan it with a phone in the same Wi-Fi. Its browser warns once about the
certificate, which this computer made itself: Advanced, Proceed (Android), or
Show Details, visit this website (iPhone). Then tap Start.";

/// The first of the links as a QR code, and all of them in words, for a terminal. Empty without links.
///
/// # Errors
/// When the link is too long for any code.
pub fn phone_links(links: &[PhoneLink]) -> Result<String> {
    let Some((best, others)) = links.split_first() else { return Ok(String::new()) };
    let mut text = format!("{}\n{}\n", qr_lines(&best.url)?, best.url);
    for other in others {
        let about = match other.interface.as_str() {
            "" => String::new(),
            interface => format!("   ({interface}: {})", other.network.words()),
        };
        text.push_str(&format!("or {}{about}\n", other.url));
    }
    text.push_str(&format!("\n{STEPS}\n"));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::NetworkKind;

    #[test]
    fn the_first_link_is_drawn_and_the_others_say_where_they_lead() {
        let link = |ip: &str, interface: &str, network| PhoneLink {
            url: format!("https://{ip}:17443/#token"),
            ip: ip.parse().unwrap(),
            interface: interface.to_owned(),
            network,
        };
        let links = [
            link("192.168.1.20", "wlan0", NetworkKind::Local),
            link("10.8.0.2", "tun0", NetworkKind::Vpn),
            link("192.168.9.2", "", NetworkKind::Local),
        ];
        let text = phone_links(&links).unwrap();
        let code = qr_lines(&links[0].url).unwrap();
        let rest = text.strip_prefix(&code).unwrap();
        let lines: Vec<&str> = rest.lines().filter(|line| line.contains("https:")).collect();
        assert_eq!(
            lines,
            [
                "https://192.168.1.20:17443/#token",
                "or https://10.8.0.2:17443/#token   (tun0: VPN: most phones are not in it)",
                "or https://192.168.9.2:17443/#token",
            ]
        );
        assert_eq!(phone_links(&[]).unwrap(), "");
    }
}
