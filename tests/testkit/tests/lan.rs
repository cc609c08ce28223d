//! The LAN behaves like one: hosts meet, multicast travels, firewalls hold, nothing stays behind.

use std::io::ErrorKind;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket,
};
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_testkit::{Addresses, Host, Lan, Launch, SmallDisk, Traffic, WallClock, skip};

/// The index of eth0 in a namespace that holds nothing else but its loopback.
const ETH0: u32 = 2;
const SOON: Duration = Duration::from_secs(2);

fn listen(host: &Host) -> Result<(TcpListener, SocketAddr)> {
    let listener = host.within(|| TcpListener::bind((host.address(), 0)))??;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn connect(host: &Host, to: SocketAddr, limit: Duration) -> Result<std::io::Result<TcpStream>> {
    host.within(|| TcpStream::connect_timeout(&to, limit))
}

fn hosts_reach_each_other(addresses: Addresses) -> Result<()> {
    let Some(mut lan) = Lan::new(addresses)? else { return Ok(()) };
    let (a, b) = (lan.host("a")?, lan.host("b")?);
    let (_listener, to) = listen(&b)?;
    let stream = connect(&a, to, SOON)??;
    assert_eq!(stream.local_addr()?.ip(), a.address());
    Ok(())
}

#[test]
fn hosts_reach_each_other_over_ipv4() -> Result<()> {
    hosts_reach_each_other(Addresses::Ipv4)
}

#[test]
fn hosts_reach_each_other_over_ipv6_only_and_at_once() -> Result<()> {
    hosts_reach_each_other(Addresses::Ipv6)
}

#[test]
fn multicast_travels_to_every_host() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (a, b) = (lan.host("a")?, lan.host("b")?);
    let group4 = Ipv4Addr::new(224, 0, 0, 251);
    let heard4 = b.within(|| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5353))?;
        socket.join_multicast_v4(&group4, &b.ipv4())?;
        anyhow::Ok(socket)
    })??;
    let group6: Ipv6Addr = "ff02::fb".parse()?;
    let heard6 = b.within(|| {
        let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 5354))?;
        socket.join_multicast_v6(&group6, ETH0)?;
        anyhow::Ok(socket)
    })??;
    heard4.set_read_timeout(Some(SOON))?;
    heard6.set_read_timeout(Some(SOON))?;
    a.within(|| {
        UdpSocket::bind((a.ipv4(), 0))?.send_to(b"four", (group4, 5353))?;
        let to = SocketAddrV6::new(group6, 5354, 0, ETH0);
        UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?.send_to(b"sixsix", to)
    })??;
    let mut bytes = [0; 16];
    assert_eq!(heard4.recv(&mut bytes).context("IPv4 multicast")?, 4);
    assert_eq!(heard6.recv(&mut bytes).context("IPv6 multicast")?, 6);
    Ok(())
}

#[test]
fn the_firewall_drops_what_nobody_asked_for_and_lets_answers_in() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (a, b) = (lan.host("a")?, lan.host("b")?);
    b.drop_inbound_except_mdns()?;
    let (_inside, to_b) = listen(&b)?;
    let refused = connect(&a, to_b, Duration::from_millis(300))?.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TimedOut);
    let (_outside, to_a) = listen(&a)?;
    connect(&b, to_a, SOON)??;
    Ok(())
}

#[test]
fn the_meter_counts_udp_but_not_mdns() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (a, b) = (lan.host("a")?, lan.host("b")?);
    b.count_udp()?;
    let to: IpAddr = b.address();
    a.within(|| {
        let socket = UdpSocket::bind((a.ipv4(), 0))?;
        for port in [17480, 17480, 5353] {
            socket.send_to(b"x", (to, port))?;
        }
        std::io::Result::Ok(())
    })??;
    assert_eq!(b.udp_received()?, 2);
    Ok(())
}

#[test]
fn an_unplugged_host_comes_back_and_a_new_lease_moves_it() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (a, mut b) = (lan.host("a")?, lan.host("b")?);
    b.link_down()?;
    let (_before, to_a) = listen(&a)?;
    assert!(connect(&b, to_a, SOON)?.is_err());
    b.link_up()?;
    connect(&b, to_a, SOON)??;
    b.renumber(99)?;
    let (_listener, to_b) = listen(&b)?;
    assert_eq!(to_b.ip(), IpAddr::from([10, 77, 0, 99]));
    connect(&a, to_b, SOON)??;
    Ok(())
}

#[test]
fn nothing_stays_behind() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    lan.host("a")?;
    let prefix = format!("ll{}x", std::process::id());
    let namespaces = || -> Result<usize> {
        let names = std::fs::read_dir("/run/netns")?;
        Ok(names.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(&prefix)).count())
    };
    assert_eq!(namespaces()?, 2);
    drop(lan);
    assert_eq!(namespaces()?, 0);
    Ok(())
}

/// Whether a UDP packet from one host arrives at a socket of another.
fn udp_arrives(from: &Host, to: &UdpSocket) -> Result<bool> {
    let address = to.local_addr()?;
    from.within(|| UdpSocket::bind((from.ipv4(), 0))?.send_to(b"x", address))??;
    to.set_read_timeout(Some(Duration::from_millis(200)))?;
    Ok(to.recv(&mut [0; 4]).is_ok())
}

#[test]
fn a_fault_stops_its_kind_of_traffic_and_no_other_until_it_is_healed() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (a, b) = (lan.host("a")?, lan.host("b")?);
    let (_listener, tcp) = listen(&b)?;
    let media = b.within(|| UdpSocket::bind((b.ipv4(), 17480)))??;
    let mdns = b.within(|| UdpSocket::bind((b.ipv4(), 5353)))??;
    let short = Duration::from_millis(200);
    let passes = || -> Result<[bool; 3]> {
        let signaling = connect(&a, tcp, short)?.is_ok();
        Ok([signaling, udp_arrives(&a, &media)?, udp_arrives(&a, &mdns)?])
    };
    assert_eq!(passes()?, [true; 3]);
    // At either end, and each in place of the one before.
    for host in [&a, &b] {
        lan.cut(host, Traffic::Signaling)?;
        assert_eq!(passes()?, [false, true, true]);
        lan.cut(host, Traffic::Media)?;
        assert_eq!(passes()?, [true, false, true]);
        lan.cut(host, Traffic::Multicast)?;
        assert_eq!(passes()?, [true; 3]);
        lan.cut(host, Traffic::All)?;
        assert_eq!(passes()?, [false; 3]);
        lan.heal(host)?;
        assert_eq!(passes()?, [true; 3]);
        lan.heal(host)?;
    }
    Ok(())
}

#[test]
fn of_multicast_so_many_packets_get_lost_and_nobody_is_told() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (a, b) = (lan.host("a")?, lan.host("b")?);
    let group = Ipv4Addr::new(224, 0, 0, 251);
    let socket = b.within(|| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5353))?;
        socket.join_multicast_v4(&group, &b.ipv4())?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        anyhow::Ok(socket)
    })??;
    let heard_of_200 = || -> Result<usize> {
        let mut heard = 0;
        for _ in 0..200 {
            a.within(|| UdpSocket::bind((a.ipv4(), 0))?.send_to(b"x", (group, 5353)))??;
        }
        while socket.recv(&mut [0; 4]).is_ok() {
            heard += 1;
        }
        Ok(heard)
    };
    lan.lose(&b, Traffic::Multicast, 30)?;
    let heard = heard_of_200()?;
    assert!((110..170).contains(&heard), "{heard} of 200 arrived");
    lan.cut(&a, Traffic::Multicast)?;
    assert_eq!(heard_of_200()?, 0);
    Ok(())
}

#[test]
fn a_host_can_have_a_second_cable_and_a_vpn_that_leads_nowhere() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (a, b) = (lan.host("a")?, lan.host("b")?);
    let second = lan.plug_in_again(&b, "wlan0")?;
    lan.vpn_up(&b, "tun0")?;
    let (_listener, to_b) = listen(&b)?;
    connect(&a, to_b, SOON)??;
    b.link_down()?;
    let listener = b.within(|| TcpListener::bind((second, 0)))??;
    let _held = connect(&a, listener.local_addr()?, SOON)??;
    assert_eq!(b.connections(listener.local_addr()?.port())?, 1);
    b.unplug("wlan0")?;
    b.unplug("tun0")?;
    assert!(connect(&a, listener.local_addr()?, Duration::from_millis(200))?.is_err());
    Ok(())
}

#[test]
fn a_small_disk_is_shared_and_full_when_it_is_said_to_be() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (host, folder) = (lan.host("a")?, tempfile::tempdir()?);
    let disk = SmallDisk::new(&host, folder.path(), 64)?;
    let write = |name: &str| -> Result<bool> {
        let script = format!("echo something > {}/{name}", disk.folder().display());
        let program = disk.launch(&host, "sh").args(["-c", &script]).finish(SOON)?;
        Ok(program.exit_code() == Some(0))
    };
    assert!(write("before")?);
    assert!(disk.seen().join("before").is_file(), "this test sees what programs write");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "nobody else has it");
    disk.fill()?;
    assert!(!write("meanwhile")?);
    disk.free()?;
    assert!(write("after")?);
    Ok(())
}

#[test]
fn a_wall_clock_jumps_for_one_program_alone() -> Result<()> {
    let Some(clock) = WallClock::new()? else {
        return skip("libfaketime is not installed: run scripts/setup.sh --test");
    };
    let now = || -> Result<i64> {
        let program = clock.give(Launch::here("date")).arg("+%s").finish(SOON)?;
        let events = program.events();
        events.first().and_then(|event| event.value.as_i64()).context("no number")
    };
    let since = |before: i64| anyhow::Ok(now()? - before);
    let before = now()?;
    clock.set_off(3600)?;
    assert!((3600..3610).contains(&since(before)?));
    clock.set_off(-3600)?;
    assert!((-3600..-3590).contains(&since(before)?));
    Ok(())
}
