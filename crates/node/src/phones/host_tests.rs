//! Guests and their cameras, as whole nodes on loopback; of the phones themselves only the offers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use lanlens_identity::{Home, PhoneKind, PhoneScope, take_slot};
use lanlens_model::{AccessMode, DeviceId, Event, NodeId};
use lanlens_rtc::RtcConfig;
use tokio::sync::broadcast;

use super::*;

/// Generous: the machine may be busy, and a test that waits this long fails anyway.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of a phone that never comes.
const OFFER: &str = "v=0\r\n\
    o=- 5262437405479173050 2 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    t=0 0\r\n\
    a=group:BUNDLE 0\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 108\r\n\
    c=IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:F8Ag\r\n\
    a=ice-pwd:Pdj45YTMzdOlfzl03jlCK6mX\r\n\
    a=ice-options:trickle\r\n\
    a=fingerprint:sha-256 2B:9B:E5:0D:12:43:F6:EC:F3:11:BF:97:6B:41:36:D8:13:F8:B0:7B:CB:CD:E4:FE:ED:88:46:31:A4:CA:53:BF\r\n\
    a=setup:actpass\r\n\
    a=mid:0\r\n\
    a=sendonly\r\n\
    a=rtcp-mux\r\n\
    a=rtpmap:108 H264/90000\r\n\
    a=rtcp-fb:108 nack\r\n\
    a=rtcp-fb:108 nack pli\r\n\
    a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";

fn host(home: &Path) -> Host {
    let device = DeviceId::from_bytes([1; 16]);
    let serving = Serving {
        home: home.to_owned(),
        node: NodeId::new(device, "viewer"),
        slot: "viewer-screen-0".to_owned(),
        access: AccessMode::Ask,
        interfaces: vec!["lo".to_owned()],
        listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        rtc: RtcConfig::new(|| vec![IpAddr::from(Ipv4Addr::LOCALHOST)]),
        events: broadcast::channel(16).0,
    };
    Host::new(serving, TaskTracker::new(), CancellationToken::new())
}

fn guest(n: usize) -> Credential {
    let (kind, scope) = (PhoneKind::Phone, PhoneScope::Publish);
    let (id, name) = (format!("{n:016x}"), format!("Phone {n}"));
    Credential { id, name, kind, scope, created_s: 0, used_s: 0 }
}

async fn publishes(host: &Host, guest: &Credential) -> Result<Answered, Refusal> {
    host.publish(guest, OFFER.to_owned()).await
}

async fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(tokio::time::Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the phones that publish are so many.
async fn count(host: &Host, phones: usize) {
    let mut now = host.phones();
    let so_many = now.wait_for(|now| now.len() == phones);
    tokio::time::timeout(PATIENCE, so_many).await.unwrap().unwrap();
}

/// Waits until every guest has gone, and its camera.
async fn empty(host: Host) {
    host.cancel.cancel();
    host.tasks.close();
    tokio::time::timeout(PATIENCE, host.tasks.wait()).await.unwrap();
}

/// How often the only camera of this home has begun, as a number that grows.
fn epoch(home: &Path) -> u64 {
    let is_camera = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().contains("phone");
    let slots = std::fs::read_dir(home.join("slots")).unwrap();
    let path = slots.map(|entry| entry.unwrap().path()).find(is_camera).unwrap();
    std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_phones_publish_through_one_node_and_each_of_them_may_begin_anew() {
    let home = tempfile::tempdir().unwrap();
    let host = Arc::new(host(home.path()));
    let others = u32::try_from(PHONES_MAX).unwrap() - 2;
    let others = Arc::clone(&host.places).try_acquire_many_owned(others).unwrap();
    // All at once, when two places are left.
    let asking: Vec<_> = (0..6)
        .map(|n| {
            let host = Arc::clone(&host);
            tokio::spawn(async move { (n, publishes(&host, &guest(n)).await) })
        })
        .collect();
    let mut inside = Vec::new();
    for asking in asking {
        match asking.await.unwrap() {
            (n, Ok(_)) => inside.push(n),
            (_, refused) => assert!(matches!(refused, Err(Refusal::Limit(_))), "{refused:?}"),
        }
    }
    assert_eq!(inside.len(), 2, "{inside:?}");
    count(&host, 2).await;
    let again = publishes(&host, &guest(inside[0])).await;
    assert!(again.is_ok(), "it has a place: {again:?}");
    let nonsense = host.publish(&guest(7), "no offer".to_owned()).await;
    assert!(matches!(nonsense, Err(Refusal::Limit(_))), "{nonsense:?}");

    // The place of one who has gone is for the next, and nonsense takes none.
    host.expel_all_but(&[guest(inside[1])]);
    count(&host, 1).await;
    for _ in 0..3 {
        let nonsense = host.publish(&guest(7), "no offer".to_owned()).await;
        assert!(matches!(nonsense, Err(Refusal::BadSdp(_))), "{nonsense:?}");
    }
    publishes(&host, &guest(8)).await.unwrap();
    drop(others);
    empty(Arc::into_inner(host).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_whose_place_is_not_to_be_had_in_the_home_takes_none_of_the_host() {
    let home = tempfile::tempdir().unwrap();
    let host = host(&home.path().join("nobody\0can/make/this"));
    for _ in 0..=PHONES_MAX {
        let busy = publishes(&host, &guest(1)).await;
        assert!(matches!(busy, Err(Refusal::Busy(_))), "{busy:?}");
    }
    assert_eq!(host.places.available_permits(), PHONES_MAX);
    empty(host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_is_expelled_with_its_camera_and_nobody_else() {
    let home = tempfile::tempdir().unwrap();
    let store = PhoneStore::open(&Home::open(home.path()).unwrap());
    let (_, stays) = store.issue_encoder("Stays").unwrap();
    let (_, goes) = store.issue_encoder("Goes").unwrap();
    let host = Arc::new(host(home.path()));
    let (stays_page, mut goes_page) = (host.follow(&stays), host.follow(&goes));
    let (kept, ended) =
        tokio::join!(async { publishes(&host, &stays).await }, publishes(&host, &goes));
    let (kept, ended) = (kept.unwrap().session, ended.unwrap().session);
    count(&host, 2).await;
    let looks = Arc::clone(&host).expel_the_removed(store.clone(), host.cancel.clone());
    let looks = tokio::spawn(looks);

    assert!(store.revoke(&goes.id).unwrap());
    count(&host, 1).await;
    assert!(host.phones().borrow().contains_key(&stays.id));
    assert_eq!(host.places.available_permits(), PHONES_MAX - 1, "its camera has ended");
    // Its page is told nothing more, so it asks again and hears that it may not.
    while goes_page.changed().await.is_ok() {}
    assert_eq!(host.end(&goes, &ended).await, Err(Refusal::NotFound));
    assert_eq!(stays_page.borrow().name, "Stays");
    assert_eq!(host.end(&stays, &kept).await, Ok(()));
    host.cancel.cancel();
    looks.await.unwrap();
    empty(Arc::into_inner(host).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_is_expelled_while_its_camera_starts_leaves_none_behind() {
    let home = tempfile::tempdir().unwrap();
    let host = Arc::new(host(home.path()));
    let publishing = {
        let host = Arc::clone(&host);
        tokio::spawn(async move { publishes(&host, &guest(1)).await })
    };
    let slots = home.path().join("slots");
    until("its camera does not start", || slots.read_dir().ok()?.next().map(drop)).await;
    host.expel_all_but(&[]);
    let _ = publishing.await.unwrap();
    // Whoever holds the first place of a source is the only one.
    let (home, source) = (Home::open(home.path()).unwrap(), format!("phone {}", guest(1).id));
    until("its camera runs on", || {
        take_slot(&home, "camera", &source).ok()?.name.ends_with("-0").then_some(())
    })
    .await;
    assert_eq!(host.places.available_permits(), PHONES_MAX);
    empty(Arc::into_inner(host).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_new_names_the_camera_takes_the_last() {
    let home = tempfile::tempdir().unwrap();
    let host = host(home.path());
    let page = host.follow(&guest(1));
    publishes(&host, &guest(1)).await.unwrap();
    let camera = page.borrow().camera;
    let before = epoch(home.path());
    for n in 0..8 {
        host.rename(&guest(1), &format!("Name {n}"));
    }
    let mut page = page;
    let named = page.wait_for(|page| page.name == "Name 7");
    tokio::time::timeout(PATIENCE, named).await.unwrap().unwrap();
    until("the camera does not come back", || (epoch(home.path()) > before).then_some(())).await;
    // The guest does one thing after the other: whoever is answered now comes after the start.
    publishes(&host, &guest(1)).await.unwrap();
    assert_eq!(epoch(home.path()), before + 1);
    assert_eq!(page.borrow().camera, camera, "it is the same tile");
    empty(host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_cannot_come_back_by_its_new_name_ends_the_session_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let host = host(&home);
    let (mut page, mut events) = (host.follow(&guest(1)), host.serving.events.subscribe());
    let session = publishes(&host, &guest(1)).await.unwrap().session;
    tokio::time::timeout(PATIENCE, page.wait_for(|page| page.camera.is_some()))
        .await
        .unwrap()
        .unwrap();
    // The home is not what it was.
    std::fs::rename(&home, folder.path().join("elsewhere")).unwrap();
    std::fs::write(&home, "no folder").unwrap();
    host.rename(&guest(1), "Kitchen");

    count(&host, 0).await;
    tokio::time::timeout(PATIENCE, page.wait_for(|page| page.camera.is_none()))
        .await
        .unwrap()
        .unwrap();
    let fragment = "a=ice-ufrag:F8Ag\r\na=ice-pwd:Pdj45YTMzdOlfzl03jlCK6mX\r\n".to_owned();
    assert_eq!(host.trickle(&guest(1), &session, fragment).await, Err(Refusal::NotFound));
    let told = async {
        loop {
            match events.recv().await.unwrap() {
                Event::Error { message } if message.contains("Kitchen") => return message,
                _ => {}
            }
        }
    };
    let message = tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert!(message.contains("could not come back"), "{message}");
    assert_eq!(host.places.available_permits(), PHONES_MAX);
    assert!(matches!(publishes(&host, &guest(1)).await, Err(Refusal::Busy(_))), "and why");
    empty(host).await;
}
