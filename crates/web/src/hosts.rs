//! What a request names as its host, and where a browser says it comes from.
//!
//! A browser that asks for another name than ours was lured here: by a name that pointed elsewhere a
//! moment ago (DNS rebinding), or by a proxy that mixes up its servers.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Uri, header};

/// What a socket came in on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Front {
    /// Our end of it.
    pub(crate) local: SocketAddr,
    /// By TLS.
    pub(crate) secure: bool,
}

/// Why a request is for somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It names no host, or several.
    NoHost,
    /// It names another host.
    Host,
    /// Another page sent it.
    Origin,
}

/// Whether a request is meant for us, and comes from our own page or from no page at all.
pub(crate) fn check(
    headers: &HeaderMap,
    uri: &Uri,
    front: Front,
    ours: &[IpAddr],
) -> Result<(), Stranger> {
    // Once, as RFC 9112 section 3.2 wants it.
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Stranger::NoHost) };
    let host = host.to_str().map_err(|_| Stranger::Host)?;
    // A target with an authority is for proxies, and would count in place of the header.
    let other = uri.authority().is_some_and(|authority| !is_ours(authority.as_str(), front, ours));
    if other || !is_ours(host, front, ours) {
        return Err(Stranger::Host);
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        // There is no page without TLS, so none may ask there.
        (Some(origin), None) if front.secure => {
            let own = origin
                .to_str()
                .ok()
                .and_then(|origin| origin.strip_prefix("https://"))
                .is_some_and(|named| named.eq_ignore_ascii_case(host));
            if own { Ok(()) } else { Err(Stranger::Origin) }
        }
        _ => Err(Stranger::Origin),
    }
}

fn is_ours(host: &str, front: Front, ours: &[IpAddr]) -> bool {
    let Some((name, port)) = split(host, if front.secure { 443 } else { 80 }) else {
        return false;
    };
    if port != front.local.port() {
        return false;
    }
    let here = front.local.ip().to_canonical();
    match address(name) {
        Some(ip) => ip == here || ours.contains(&ip),
        None => here.is_loopback() && name.eq_ignore_ascii_case("localhost"),
    }
}

/// The name or address of a `Host` (RFC 9110 section 7.2), and its port.
fn split(host: &str, default_port: u16) -> Option<(&str, u16)> {
    let port_at = match host.rfind(']') {
        Some(end) => end + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, rest) = host.split_at_checked(port_at)?;
    match rest.strip_prefix(':') {
        Some(digits) => {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            Some((name, plain.then(|| digits.parse().ok()).flatten()?))
        }
        None => rest.is_empty().then_some((name, default_port)),
    }
}

fn address(name: &str) -> Option<IpAddr> {
    let Some(inner) = name.strip_prefix('[') else {
        return name.parse().ok().filter(IpAddr::is_ipv4);
    };
    // A zone is the sender's own and means nothing here (RFC 6874 section 4).
    let inner = inner.strip_suffix(']')?;
    let inner = inner.split_once('%').map_or(inner, |(ip, _)| ip);
    inner.parse().ok().filter(IpAddr::is_ipv6).map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(host: &str, origin: Option<&str>, local: &str) -> Result<(), Stranger> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let front = Front { local: local.parse().unwrap(), secure: true };
        let ours = ["10.0.0.9".parse().unwrap(), "192.168.1.7".parse().unwrap()];
        check(&headers, &Uri::from_static("/"), front, &ours)
    }

    #[test]
    fn every_address_of_ours_at_the_right_port_is_ours() {
        for (host, local) in [
            ("10.0.0.9:17443", "10.0.0.9:17443"),
            ("10.0.0.9:17443", "[::ffff:10.0.0.9]:17443"),
            ("192.168.1.7:17443", "10.0.0.9:17443"),
            ("[fd00::9]:17443", "[fd00::9]:17443"),
            ("[fe80::9%25wlan0]:17443", "[fe80::9%3]:17443"),
            ("localhost:17443", "127.0.0.1:17443"),
            ("10.0.0.9", "10.0.0.9:443"),
        ] {
            assert_eq!(verdict(host, None, local), Ok(()), "{host}");
            assert_eq!(verdict(host, Some(&format!("https://{host}")), local), Ok(()), "{host}");
        }
    }

    #[test]
    fn everything_else_is_somebody_elses() {
        for host in [
            "",
            "lanlens",
            "evil.example:17443",
            "localhost:17443",
            "10.0.0.9",
            "10.0.0.9:",
            "10.0.0.9:+17443",
            "10.0.0.9:17444",
            "10.0.0.8:17443",
            "10.0.0.9:17443.evil.example",
            "10.0.0.9.evil.example:17443",
            "evil@10.0.0.9:17443",
            "0x0a000009:17443",
            "[10.0.0.9]:17443",
            "[::1]:17443",
            "fe80::9:17443",
            "]:17443",
            "[",
        ] {
            assert_eq!(verdict(host, None, "10.0.0.9:17443"), Err(Stranger::Host), "{host}");
        }
    }

    #[test]
    fn only_our_own_page_may_ask() {
        let host = "10.0.0.9:17443";
        for origin in [
            "null",
            "https://evil.example",
            "http://10.0.0.9:17443",
            "https://10.0.0.9",
            "https://10.0.0.9:17444",
            // Ours, but not the page that was asked.
            "https://192.168.1.7:17443",
            "https://10.0.0.9:17443.evil.example",
            "",
        ] {
            assert_eq!(verdict(host, Some(origin), host), Err(Stranger::Origin), "{origin}");
        }
    }

    #[test]
    fn a_request_without_a_host_with_two_or_with_another_target_is_for_nobody() {
        let front = Front { local: "10.0.0.9:17443".parse().unwrap(), secure: true };
        let verdict = |uri: &'static str, hosts: usize| {
            let mut headers = HeaderMap::new();
            for _ in 0..hosts {
                headers.append(header::HOST, "10.0.0.9:17443".parse().unwrap());
            }
            check(&headers, &Uri::from_static(uri), front, &[])
        };
        assert_eq!(verdict("/", 1), Ok(()));
        assert_eq!(verdict("https://10.0.0.9:17443/", 1), Ok(()));
        assert_eq!(verdict("/", 0), Err(Stranger::NoHost));
        assert_eq!(verdict("/", 2), Err(Stranger::NoHost));
        assert_eq!(verdict("https://evil.example:17443/", 1), Err(Stranger::Host));
    }

    #[test]
    fn where_there_is_no_tls_there_is_no_page() {
        let front = Front { local: "127.0.0.1:8080".parse().unwrap(), secure: false };
        let verdict = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:8080".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            check(&headers, &Uri::from_static("/"), front, &[])
        };
        assert_eq!(verdict(None), Ok(()));
        assert_eq!(verdict(Some("http://localhost:8080")), Err(Stranger::Origin));
        assert_eq!(verdict(Some("https://localhost:8080")), Err(Stranger::Origin));
    }
}
