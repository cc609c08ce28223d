//! A switch as unkind as a guest Wi-Fi: everybody is heard, and nobody is reached.

use anyhow::Result;

use crate::{Host, Lan};

impl Lan {
    /// From now on these two hosts hear each other's multicast and broadcast, and nothing else passes
    /// between them, as with “client isolation” of an access point.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn keep_apart(&self, one: &Host, other: &Host) -> Result<()> {
        let ports = format!("{{ \"{}\", \"{}\" }}", one.port(), other.port());
        let rules = format!(
            "table bridge guest {{ chain forward {{ type filter hook forward priority 0; \
             iifname {ports} oifname {ports} \
             ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 drop; }}; }}"
        );
        self.in_switch(&["nft", &rules])
    }
}
