//! Which remote candidates we send packets to.
//!
//! A candidate makes us send STUN checks to whatever address it names, so a peer must not be able to
//! point us at the internet or at a service: only UDP host candidates on the local network pass.
//! Pure functions over text (RFC 8839 section 5.1); owns no state.

use std::net::IpAddr;

use lanlens_model::{is_on_local_network, limits};

/// Why a candidate was left out; for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("longer than {} bytes", limits::CANDIDATE_BYTES_MAX)]
    TooLong,
    #[error("not a candidate attribute")]
    Malformed,
    #[error("not the first component")]
    NotRtp,
    #[error("not UDP")]
    NotUdp,
    #[error("not a host candidate")]
    NotHost,
    #[error("a name, not an address")]
    NotAnAddress,
    #[error("a reserved port")]
    Port,
    #[error("not on the local network")]
    NotLocal,
}

/// Checks one candidate attribute's value, with or without the leading `candidate:`.
pub(crate) fn admit(candidate: &str, local: &[IpAddr]) -> Result<(), Refused> {
    if candidate.len() > limits::CANDIDATE_BYTES_MAX {
        return Err(Refused::TooLong);
    }
    if candidate.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Refused::Malformed);
    }
    let value = candidate.strip_prefix("candidate:").unwrap_or(candidate);
    // foundation component transport priority address port "typ" type …
    let fields: Vec<&str> = value.split(' ').collect();
    let [_, component, transport, _, address, port, "typ", kind, ..] = fields.as_slice() else {
        return Err(Refused::Malformed);
    };
    if *component != "1" {
        return Err(Refused::NotRtp);
    }
    if !transport.eq_ignore_ascii_case("udp") {
        return Err(Refused::NotUdp);
    }
    if *kind != "host" {
        return Err(Refused::NotHost);
    }
    let address: IpAddr = address.parse().map_err(|_| Refused::NotAnAddress)?;
    let port: u16 = port.parse().map_err(|_| Refused::Malformed)?;
    if port < limits::PORT_MIN {
        return Err(Refused::Port);
    }
    if is_media_path(address, local) { Ok(()) } else { Err(Refused::NotLocal) }
}

/// On the local network, and not IPv6 link-local: the stack loses the scope id without which nothing
/// can be sent there.
fn is_media_path(address: IpAddr, local: &[IpAddr]) -> bool {
    let scoped = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    !scoped && is_on_local_network(address, local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(address: &str) -> String {
        format!("candidate:1 1 udp 2130706431 {address} 17480 typ host")
    }

    fn verdict(address: &str, local: &[&str]) -> Result<(), Refused> {
        let local: Vec<IpAddr> = local.iter().map(|text| text.parse().unwrap()).collect();
        admit(&host(address), &local)
    }

    #[test]
    fn addresses_of_the_local_network_pass() {
        for address in ["192.168.1.7", "10.0.0.1", "172.31.9.9", "169.254.3.4", "fd00::7"] {
            assert_eq!(verdict(address, &[]), Ok(()), "{address}");
        }
    }

    #[test]
    fn a_global_address_passes_only_next_to_one_of_ours() {
        assert_eq!(verdict("203.0.113.9", &["203.0.113.200"]), Ok(()));
        assert_eq!(verdict("203.0.114.9", &["203.0.113.200"]), Err(Refused::NotLocal));
        assert_eq!(verdict("2001:db8:1:2::9", &["2001:db8:1:2::1"]), Ok(()));
        assert_eq!(verdict("2001:db8:1:3::9", &["2001:db8:1:2::1"]), Err(Refused::NotLocal));
        assert_eq!(verdict("8.8.8.8", &["192.168.1.2"]), Err(Refused::NotLocal));
    }

    #[test]
    fn loopback_passes_only_if_we_use_it() {
        assert_eq!(verdict("127.0.0.1", &["192.168.1.2"]), Err(Refused::NotLocal));
        assert_eq!(verdict("127.0.0.1", &["127.0.0.1"]), Ok(()));
        assert_eq!(verdict("::1", &["::1"]), Ok(()));
    }

    #[test]
    fn addresses_that_reach_many_or_nobody_are_refused() {
        for address in ["0.0.0.0", "255.255.255.255", "224.0.0.251", "ff02::fb", "::", "fe80::1"] {
            assert_eq!(verdict(address, &[]), Err(Refused::NotLocal), "{address}");
        }
        assert_eq!(verdict("::ffff:192.168.1.2", &[]), Err(Refused::NotLocal));
    }

    #[test]
    fn names_tcp_relays_and_reserved_ports_are_refused() {
        assert_eq!(verdict("1f4712db.local", &[]), Err(Refused::NotAnAddress));
        let tcp = "candidate:1 1 tcp 1 192.168.1.7 17480 typ host tcptype passive";
        assert_eq!(admit(tcp, &[]), Err(Refused::NotUdp));
        let relay = "candidate:1 1 udp 1 192.168.1.7 17480 typ relay raddr 0.0.0.0 rport 0";
        assert_eq!(admit(relay, &[]), Err(Refused::NotHost));
        let rtcp = "candidate:1 2 udp 1 192.168.1.7 17480 typ host";
        assert_eq!(admit(rtcp, &[]), Err(Refused::NotRtp));
        let dns = "candidate:1 1 udp 1 192.168.1.1 53 typ host";
        assert_eq!(admit(dns, &[]), Err(Refused::Port));
    }

    #[test]
    fn a_candidate_is_accepted_at_the_limit_and_refused_one_past_it() {
        let mut candidate = host("192.168.1.7");
        candidate.push(' ');
        candidate.extend(std::iter::repeat_n('x', limits::CANDIDATE_BYTES_MAX - candidate.len()));
        assert_eq!(admit(&candidate, &[]), Ok(()));
        candidate.push('x');
        assert_eq!(admit(&candidate, &[]), Err(Refused::TooLong));
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["", "candidate:", "candidate:1 1 udp", "typ host", "a\r\nm=video"] {
            assert_eq!(admit(text, &[]), Err(Refused::Malformed), "{text:?}");
        }
    }
}
