//! The LAN behaves like one: hosts meet, multicast travels, firewalls hold, nothing stays behind.

use std::io::ErrorKind;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket,
};
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_testkit::{Addresses, Host, Lan};

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
