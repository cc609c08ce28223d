//! Each address by itself: where packets to it leave, whether its network card answers, whether a
//! connection opens.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use if_addrs::get_if_addrs;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::observations::{Gateway, Neighbour, Route, Tcp, Way};

/// For one connection: a little more than the three seconds in which a system gives up to resolve an
/// address.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3300);
/// Said "unreachable" faster than this, it was said by somebody: a system that asks in vain takes
/// seconds.
const REJECTED_WITHIN: Duration = Duration::from_millis(900);
/// For the gateway to answer.
const GATEWAY_TIMEOUT: Duration = Duration::from_millis(1200);
/// Any port: only whether the network card can be resolved is of interest (RFC 863).
const DISCARD_PORT: u16 = 9;
/// Where Linux keeps IPv4 neighbours and routes.
const ARP_TABLE: &str = "/proc/net/arp";
const ROUTES: &str = "/proc/net/route";

/// Looks at every address, all at once.
pub(super) async fn ways(addresses: &[SocketAddr]) -> Vec<Way> {
    let mut running: JoinSet<(usize, Way)> = JoinSet::new();
    for (n, address) in addresses.iter().copied().enumerate() {
        running.spawn(async move { (n, way(address).await) });
    }
    let mut ways = running.join_all().await;
    ways.sort_by_key(|(n, _)| *n);
    ways.into_iter().map(|(_, way)| way).collect()
}

async fn way(address: SocketAddr) -> Way {
    let route = tokio::task::spawn_blocking(move || route(address)).await.unwrap_or(Route::None);
    let tcp = match route {
        Route::None => Tcp::NoRoute,
        _ => connect(address).await,
    };
    let ip = address.ip();
    let asked = tokio::task::spawn_blocking(move || neighbour(ip)).await;
    let neighbour = match tcp {
        // An answer by TCP is one, whatever the table says.
        Tcp::Open | Tcp::Refused => Neighbour::Answers,
        _ => asked.unwrap_or(Neighbour::Unknown),
    };
    Way { address, route, neighbour, tcp }
}

async fn connect(address: SocketAddr) -> Tcp {
    let start = Instant::now();
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Tcp::Open,
        Ok(Err(error)) => failure(&error, address, start.elapsed()),
        Err(_) => Tcp::Silent,
    }
}

fn failure(error: &io::Error, address: SocketAddr, after: Duration) -> Tcp {
    match error.kind() {
        // What ICMPv6 says from far away (administratively prohibited), IPv4 never says.
        io::ErrorKind::PermissionDenied if address.is_ipv6() => Tcp::Rejected,
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Tcp::Refused,
        io::ErrorKind::PermissionDenied => Tcp::BlockedHere,
        io::ErrorKind::NetworkUnreachable => Tcp::NoRoute,
        io::ErrorKind::HostUnreachable if after < REJECTED_WITHIN => Tcp::Rejected,
        _ => Tcp::Silent,
    }
}

/// By which interface packets to an address leave; nothing is sent. Blocks for a moment.
fn route(address: SocketAddr) -> Route {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    let Ok(source) = source else { return Route::None };
    if source.ip() == address.ip() {
        return Route::Own;
    }
    let listed = get_if_addrs().unwrap_or_default();
    let named = match address {
        // Several interfaces may have one link-local address; the scope says which is meant.
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => {
            let of_scope = listed.iter().find(|interface| interface.index == Some(v6.scope_id()));
            of_scope.map(|interface| interface.name.clone())
        }
        // Where the system tells the interface itself: a tunnel may borrow the address of another.
        _ => run("ip", &["route", "get", &address.ip().to_string()])
            .and_then(|output| device_of(&output)),
    };
    let by_source = || {
        let own = listed.iter().find(|interface| interface.ip() == source.ip());
        own.map(|interface| interface.name.clone())
    };
    named.or_else(by_source).map_or(Route::None, Route::Via)
}

/// The interface in `10.0.0.2 dev eth0 src 10.0.0.3 uid 0`.
fn device_of(output: &str) -> Option<String> {
    let mut words = output.split_whitespace().skip_while(|word| *word != "dev");
    words.nth(1).map(str::to_owned)
}

/// What a program prints, if it is there and ends well.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The default gateway, and whether it answers; `None` where there is none or the system lists its
/// routes elsewhere.
pub(super) async fn gateway() -> Option<Gateway> {
    let ip = default_gateway(&std::fs::read_to_string(ROUTES).ok()?)?;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Makes the system resolve it. A gateway that does not want the packet is there as well.
    let _ = socket.send_to(&[], (ip, DISCARD_PORT));
    tokio::time::sleep(GATEWAY_TIMEOUT).await;
    let asked = tokio::task::spawn_blocking(move || neighbour(ip.into())).await;
    Some(Gateway { ip: ip.into(), neighbour: asked.unwrap_or(Neighbour::Unknown) })
}

/// The gateway in Linux's table of IPv4 routes: that of destination 0.0.0.0.
fn default_gateway(table: &str) -> Option<Ipv4Addr> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let gateway = u32::from_str_radix(fields.get(2)?, 16).ok()?;
        // In the byte order of the network, printed as a number of this machine.
        let gateway = Ipv4Addr::from(gateway.to_ne_bytes());
        (*fields.get(1)? == "00000000" && !gateway.is_unspecified()).then_some(gateway)
    })
}

/// What the system's table of neighbours says. Blocks for a moment.
fn neighbour(ip: IpAddr) -> Neighbour {
    if let (IpAddr::V4(v4), Ok(table)) = (ip, std::fs::read_to_string(ARP_TABLE)) {
        return in_arp_file(&table, v4);
    }
    let table = match ip {
        IpAddr::V4(_) => run("arp", &["-an"]),
        IpAddr::V6(_) => run("ip", &["-6", "neigh", "show"]),
    };
    table.map_or(Neighbour::Unknown, |table| in_printed_table(&table, ip))
}

/// Linux's file: address, type, flags (bit 1: resolved), hardware address, …
fn in_arp_file(table: &str, ip: Ipv4Addr) -> Neighbour {
    let ip = ip.to_string();
    let mut outcome = Neighbour::NotAsked;
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [address, _, flags, ..] = fields.as_slice() else { continue };
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or_default();
        if *address == ip {
            outcome = if flags & 2 != 0 { Neighbour::Answers } else { Neighbour::Silent };
        }
    }
    outcome
}

/// `ip neigh` and the several kinds of `arp -an`.
fn in_printed_table(table: &str, ip: IpAddr) -> Neighbour {
    let ip = ip.to_string();
    let is_word =
        |line: &&str| line.split_whitespace().any(|word| word.trim_matches(['(', ')']) == ip);
    match table.lines().find(is_word) {
        None => Neighbour::Unknown,
        Some(line) => {
            let line = line.to_lowercase();
            let silent = ["incomplete", "failed"].iter().any(|word| line.contains(word));
            if silent { Neighbour::Silent } else { Neighbour::Answers }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arp_table_tells_who_answered_and_who_did_not() {
        let table = "IP address HW type Flags HW address Mask Device\n\
                     10.77.0.1 0x1 0x2 aa:bb:cc:dd:ee:ff * eth0\n\
                     10.77.0.2 0x1 0x0 00:00:00:00:00:00 * eth0\n";
        let of = |ip: &str| in_arp_file(table, ip.parse().unwrap());
        assert_eq!(of("10.77.0.1"), Neighbour::Answers);
        assert_eq!(of("10.77.0.2"), Neighbour::Silent);
        assert_eq!(of("10.77.0.20"), Neighbour::NotAsked);
    }

    #[test]
    fn printed_tables_of_other_systems_are_understood() {
        let of = |table: &str, ip: &str| in_printed_table(table, ip.parse().unwrap());
        let mac = "? (10.0.0.2) at (incomplete) on en0\n? (10.0.0.1) at a:b:c:d:e:f on en0";
        assert_eq!(of(mac, "10.0.0.2"), Neighbour::Silent);
        assert_eq!(of(mac, "10.0.0.1"), Neighbour::Answers);
        let windows = "  10.0.0.1   aa-bb-cc-dd-ee-ff   dynamic";
        assert_eq!(of(windows, "10.0.0.1"), Neighbour::Answers);
        let linux = "fd77::2 dev eth0 FAILED\nfd77::1 dev eth0 lladdr aa:bb REACHABLE";
        assert_eq!(of(linux, "fd77::2"), Neighbour::Silent);
        assert_eq!(of(linux, "fd77::1"), Neighbour::Answers);
        assert_eq!(of(linux, "fd77::9"), Neighbour::Unknown);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_default_gateway_is_read_from_the_table_of_routes() {
        let table = "Iface Destination Gateway Flags\neth0 00004D0A 00000000 0001\n\
                     eth0 00000000 01004D0A 0003";
        assert_eq!(default_gateway(table), Some(Ipv4Addr::new(10, 77, 0, 1)));
        assert_eq!(default_gateway("Iface Destination Gateway Flags\n"), None);
    }

    #[test]
    fn who_says_unreachable_at_once_is_on_the_way_and_who_says_it_late_is_this_system() {
        let of = |kind, address: &str, ms| {
            let error = io::Error::from(kind);
            failure(&error, address.parse().unwrap(), Duration::from_millis(ms))
        };
        let (v4, v6) = ("10.0.0.2:17470", "[fd77::2]:17470");
        assert_eq!(of(io::ErrorKind::HostUnreachable, v4, 2), Tcp::Rejected);
        assert_eq!(of(io::ErrorKind::HostUnreachable, v4, 3050), Tcp::Silent);
        assert_eq!(of(io::ErrorKind::ConnectionRefused, v4, 0), Tcp::Refused);
        assert_eq!(of(io::ErrorKind::PermissionDenied, v4, 0), Tcp::BlockedHere);
        assert_eq!(of(io::ErrorKind::PermissionDenied, v6, 0), Tcp::Rejected);
    }

    #[test]
    fn the_interface_is_read_from_what_ip_prints() {
        let device = |output: &str| device_of(output);
        assert_eq!(device("10.0.0.2 via 10.0.0.1 dev eth0 src 10.0.0.3").as_deref(), Some("eth0"));
        assert_eq!(device("unreachable 10.0.0.2"), None);
    }

    #[test]
    fn the_way_to_ones_own_address_is_ones_own() {
        assert_eq!(route("127.0.0.1:9".parse().unwrap()), Route::Own);
    }
}
