//! What a request names as its host: exactly the address and port that it came in on.
//!
//! Whoever dials us dials an address. A browser that asks for another name was lured here: by a name
//! that pointed elsewhere a moment ago (DNS rebinding), or by a proxy that mixes up its servers.

use std::net::SocketAddr;

use tokio_tungstenite::tungstenite::handshake::server::Request;
use tokio_tungstenite::tungstenite::http::header;

/// The `Host` (RFC 9110 section 7.2) of a request to `address`. Without the zone of a link-local
/// address, which means nothing at the other end (RFC 6874 section 4).
pub(crate) fn host_of(address: SocketAddr) -> String {
    SocketAddr::new(address.ip(), address.port()).to_string()
}

/// Whether a request that came in on `local` is meant for it: it names its host once (RFC 9112
/// section 3.2), and rightly wherever it does.
pub(crate) fn is_for(request: &Request, local: SocketAddr) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let right = |host: &str| address(host).is_some_and(|named| same(named, local));
    // A target with an authority is for proxies, and would count in place of the header.
    host.to_str().is_ok_and(right)
        && request.uri().authority().is_none_or(|authority| right(authority.as_str()))
}

fn same(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}

/// The address in a `Host`; a zone in it is the sender's, so it is left out.
fn address(host: &str) -> Option<SocketAddr> {
    match (host.split_once('%'), host.split_once(']')) {
        (Some((ip, _)), Some((_, port))) => format!("{ip}]{port}").parse().ok(),
        _ => host.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_for(host: &str, local: &str) -> bool {
        let request = Request::builder().uri("/").header(header::HOST, host).body(()).unwrap();
        super::is_for(&request, local.parse().unwrap())
    }

    #[test]
    fn what_is_dialed_is_what_is_accepted() {
        for address in
            ["10.0.0.9:17470", "[fd00::9]:17470", "[fe80::9%3]:17470", "[::ffff:10.0.0.9]:17470"]
        {
            let host = host_of(address.parse().unwrap());
            assert!(!host.contains('%'), "{host}");
            assert!(is_for(&host, address), "{host}");
        }
        // A socket for both families gives IPv4 addresses in either notation.
        assert!(is_for("10.0.0.9:17470", "[::ffff:10.0.0.9]:17470"));
        // The interface has one number there and another here.
        assert!(is_for("[fe80::9%wlan0]:17470", "[fe80::9%3]:17470"));
        assert!(is_for("[fe80::9%257]:17470", "[fe80::9%3]:17470"));
    }

    #[test]
    fn everything_else_is_for_somebody_else() {
        for host in [
            "",
            "lanlens",
            "evil.example:17470",
            "localhost:17470",
            "10.0.0.9",
            "10.0.0.9:17471",
            "10.0.0.8:17470",
            "10.0.0.9:17470.evil.example",
            "evil@10.0.0.9:17470",
            " 10.0.0.9:17470",
            "10.0.0.9%3:17470",
            "0x0a000009:17470",
        ] {
            assert!(!is_for(host, "10.0.0.9:17470"), "{host}");
        }
        for host in ["fe80::9:17470", "[fe80::9]", "[fe80::8]:17470", "[fe80::9%]]:17470", "%]"] {
            assert!(!is_for(host, "[fe80::9]:17470"), "{host}");
        }
    }

    #[test]
    fn a_request_without_a_host_with_two_or_with_another_target_is_for_nobody() {
        let local = "10.0.0.9:17470".parse().unwrap();
        let request = |uri: &str, hosts: usize| {
            let request = Request::builder().uri(uri);
            let host = |request: tokio_tungstenite::tungstenite::http::request::Builder, _| {
                request.header(header::HOST, "10.0.0.9:17470")
            };
            (0..hosts).fold(request, host).body(()).unwrap()
        };
        assert!(super::is_for(&request("/", 1), local));
        assert!(super::is_for(&request("http://10.0.0.9:17470/", 1), local));
        assert!(!super::is_for(&request("/", 0), local));
        assert!(!super::is_for(&request("/", 2), local));
        assert!(!super::is_for(&request("http://evil.example:17470/", 1), local));
    }
}
