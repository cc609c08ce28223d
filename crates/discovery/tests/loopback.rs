//! Programs of one machine find each other on the loopback interface alone.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use lanlens_discovery::{Advert, Discovery, DiscoveryConfig};
use lanlens_model::{CameraId, DeviceId, Epoch, NodeId, Role};
use lanlens_protocol::{DiscoveryEvent, Txt};
use tokio::sync::mpsc;

fn advert(slot: &str, port: u16) -> Advert {
    let device = DeviceId::from_spki(&std::process::id().to_be_bytes());
    let camera = Some(CameraId::new(device, slot));
    let node = NodeId::new(device, slot);
    let name = "Kitchen".to_owned();
    Advert::new(port, Txt { node, role: Role::Camera, epoch: Epoch(1), camera, name, via: None })
}

fn start() -> (Discovery, mpsc::Receiver<DiscoveryEvent>) {
    let (sender, receiver) = mpsc::channel(16);
    let config = DiscoveryConfig { interfaces: vec!["lo".into()], ..DiscoveryConfig::default() };
    let discovery = Discovery::start(config, sender);
    (discovery.unwrap_or_else(|error| panic!("{error}")), receiver)
}

/// The next event that `pick` takes; other programs on this machine may announce things too.
async fn next<T>(
    events: &mut mpsc::Receiver<DiscoveryEvent>,
    pick: impl Fn(DiscoveryEvent) -> Option<T>,
) -> T {
    let search = async {
        loop {
            let event = events.recv().await.unwrap_or_else(|| panic!("discovery ended"));
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), search)
        .await
        .unwrap_or_else(|_| panic!("not heard within 10 s"))
}

fn resolved(advert: &Advert) -> impl Fn(DiscoveryEvent) -> Option<(Txt, u16)> {
    let name = format!("{}.", advert.instance);
    move |event| match event {
        DiscoveryEvent::Resolved { instance, txt, addresses } if instance.starts_with(&name) => {
            assert!(addresses.iter().all(|a| a.ip().is_loopback()), "{addresses:?}");
            Some((txt, addresses[0].port()))
        }
        _ => None,
    }
}

fn removed(advert: &Advert) -> impl Fn(DiscoveryEvent) -> Option<()> {
    let name = format!("{}.", advert.instance);
    move |event| match event {
        DiscoveryEvent::Removed { instance } if instance.starts_with(&name) => Some(()),
        _ => None,
    }
}

#[tokio::test]
async fn a_camera_is_found_renamed_and_gone_with_its_goodbye() {
    let ((mut camera, mut by_camera), (_viewer, mut heard)) = (start(), start());
    let mut advert = advert("camera-0", 20_001);
    camera.advertise(&advert).unwrap();
    assert_eq!(next(&mut heard, resolved(&advert)).await, (advert.txt.clone(), 20_001));

    advert.txt.name = "거실".into();
    camera.advertise(&advert).unwrap();
    assert_eq!(next(&mut heard, resolved(&advert)).await.0.name, "거실");

    tokio::task::spawn_blocking(|| camera.shutdown()).await.unwrap();
    next(&mut heard, removed(&advert)).await;

    // Meanwhile its own words came back to it as to everyone.
    while let Ok(event) = by_camera.try_recv() {
        assert!(resolved(&advert)(event.clone()).is_none(), "its own echo: {event:?}");
    }
}

#[tokio::test]
async fn five_cameras_with_one_name_are_five_cameras() {
    let (_viewer, mut heard) = start();
    let mut cameras = Vec::new();
    for n in 0..5 {
        let (mut camera, _) = start();
        let advert = advert(&format!("same-name-{n}"), 20_010 + n);
        camera.advertise(&advert).unwrap();
        cameras.push((camera, advert));
    }
    let mut found = std::collections::BTreeSet::new();
    while found.len() < cameras.len() {
        let port = next(&mut heard, |event| {
            cameras.iter().find_map(|(_, advert)| resolved(advert)(event.clone()))
        });
        found.insert(port.await.1);
    }
}

#[tokio::test]
async fn a_refresh_tells_new_cameras_and_repeats_nothing() {
    let ((mut camera, _), (viewer, mut heard)) = (start(), start());
    let first = advert("refresh-0", 20_020);
    camera.advertise(&first).unwrap();
    next(&mut heard, resolved(&first)).await;
    viewer.refresh().unwrap();
    let (mut late, _) = start();
    let second = advert("refresh-1", 20_021);
    late.advertise(&second).unwrap();
    next(&mut heard, |event| {
        assert!(resolved(&first)(event.clone()).is_none(), "told twice");
        resolved(&second)(event)
    })
    .await;
}
