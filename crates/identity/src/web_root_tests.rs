//! The root and its certificates, as a browser that trusts the root judges them.

use super::*;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::{ServerName, UnixTime};
use std::time::Duration;

fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    (dir, home)
}

fn ips(all: &[&str]) -> Vec<IpAddr> {
    all.iter().map(|ip| ip.parse().unwrap()).collect()
}

/// What a browser with the root installed says at `now_s`.
fn verify(root: &WebRoot, leaf: &CertifiedKey, host: &str, now_s: u64) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots.add(root.der().to_vec().into()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now_s));
    let verdict = verifier.verify_server_cert(&leaf.cert[0], &[], &name, &[], now);
    verdict.map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_phone_that_trusts_the_root_accepts_every_address_and_name() {
    let (_dir, home) = home();
    let root = WebRoot::load_or_create(&home).unwrap();
    let addresses = ips(&["192.168.1.7", "10.1.2.3", "fd00::7", "127.0.0.1", "::1", "100.64.1.1"]);
    let all = root.certificates(&addresses, &["lanlens-7.local".to_owned()]).unwrap();
    for ip in &addresses {
        verify(&root, &all[ip], &ip.to_string(), unix_s()).unwrap();
        verify(&root, &all[ip], "lanlens-7.local", unix_s()).unwrap();
    }
    let stranger = verify(&root, &all[&addresses[0]], "192.168.1.8", unix_s()).unwrap_err();
    assert!(stranger.contains("not valid for name"), "{stranger}");
}

#[test]
fn the_root_vouches_for_nothing_outside_private_networks() {
    let (_dir, home) = home();
    let root = WebRoot::load_or_create(&home).unwrap();
    // Somebody who has stolen its key.
    let forge = |sans: &[&str]| {
        let key = new_key().unwrap();
        let sans: Vec<String> = sans.iter().map(|&san| san.to_owned()).collect();
        let params = CertificateParams::new(sans).unwrap();
        let leaf = params.signed_by(&key, &root.issuer()).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let key = ring::sign::any_ecdsa_type(&key).unwrap();
        CertifiedKey::new(vec![leaf.into()], key)
    };
    for host in ["203.0.113.9", "2001:db8::1", "bank.example", "local.example", "172.32.0.1"] {
        let verdict = verify(&root, &forge(&[host]), host, unix_s()).unwrap_err();
        assert!(verdict.contains("NameConstraint"), "{host}: {verdict}");
    }
    verify(&root, &forge(&["192.168.1.7"]), "192.168.1.7", unix_s()).unwrap();
    // And we do not ask it to: the address gets a certificate that is not for it.
    let all = root.certificates(&ips(&["203.0.113.9"]), &["bank.example".to_owned()]).unwrap();
    assert!(verify(&root, &all[&ips(&["203.0.113.9"])[0]], "203.0.113.9", unix_s()).is_err());
}

#[test]
fn what_was_accepted_at_an_address_stays_whatever_networks_come_and_go() {
    let (_dir, home) = home();
    let (wifi, vpn) = (ips(&["192.168.1.7"])[0], ips(&["10.8.0.2"])[0]);
    let shown = |addresses: &[IpAddr], ip: IpAddr| {
        let root = WebRoot::load_or_create(&home).unwrap();
        root.certificates(addresses, &[]).unwrap()[&ip].cert[0].clone()
    };
    let first = shown(&[wifi], wifi);
    assert_eq!(shown(&[wifi], wifi), first, "a restart");
    assert_eq!(shown(&[wifi, vpn], wifi), first, "a tunnel opens");
    let tunnel = shown(&[wifi, vpn], vpn);
    assert_ne!(tunnel, first);
    assert_eq!(shown(&[vpn], vpn), tunnel, "the network goes");
    assert_eq!(shown(&[wifi], wifi), first, "and comes back");
    // A new name has to be in it.
    let root = WebRoot::load_or_create(&home).unwrap();
    let named = root.certificates(&[wifi], &["a.local".to_owned()]).unwrap();
    assert_ne!(named[&wifi].cert[0], first);
}

#[test]
fn a_certificate_is_short_enough_for_phones_and_made_anew_before_it_ends() {
    const DAY_S: u64 = 24 * 3600;
    let (_dir, home) = home();
    let root = WebRoot::load_or_create(&home).unwrap();
    let ip = ips(&["192.168.1.7"])[0];
    let at = |now_s| {
        let all = leaf::for_addresses(&root, &[ip], &[], now_s).unwrap();
        all[&ip].clone()
    };
    let now_s = unix_s();
    let first = at(now_s);
    let verdict = |leaf: &CertifiedKey, at_s| verify(&root, leaf, "192.168.1.7", at_s);
    verdict(&first, now_s - DAY_S + 60).unwrap();
    verdict(&first, now_s + 395 * DAY_S).unwrap();
    assert!(verdict(&first, now_s - 2 * DAY_S).unwrap_err().contains("not valid yet"));
    assert!(verdict(&first, now_s + 397 * DAY_S).unwrap_err().contains("expired"));
    assert_eq!(at(now_s + 300 * DAY_S).cert, first.cert);
    let later_s = now_s + 367 * DAY_S;
    let second = at(later_s);
    assert_ne!(second.cert, first.cert);
    verdict(&second, later_s).unwrap();
    // The clock was wrong, and is set right: what is not valid yet is not shown.
    let third = at(now_s);
    assert_ne!(third.cert, second.cert);
    verdict(&third, now_s).unwrap();
}

#[test]
fn so_many_certificates_are_kept_and_those_in_use_stay() {
    let (dir, home) = home();
    let root = WebRoot::load_or_create(&home).unwrap();
    let kept = |n: u8| IpAddr::V4(Ipv4Addr::new(10, 0, 0, n));
    let first = root.certificates(&[kept(0)], &[]).unwrap()[&kept(0)].cert.clone();
    for n in 1..40 {
        let all = root.certificates(&[kept(0), kept(n)], &[]).unwrap();
        assert_eq!(all[&kept(0)].cert, first, "{n}");
        verify(&root, &all[&kept(n)], &kept(n).to_string(), unix_s()).unwrap();
    }
    let text = std::fs::read_to_string(dir.path().join("web-leaves.json")).unwrap();
    assert_eq!(text.matches("\"made_s\"").count(), 16);
}

#[test]
fn programs_that_start_at_once_share_a_root_and_another_home_has_another() {
    let ((_a, a), (_b, b)) = (home(), home());
    let roots: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| WebRoot::load_or_create(&a).unwrap().fingerprint()))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
    assert_ne!(WebRoot::load_or_create(&b).unwrap().fingerprint(), roots[0]);
    assert_eq!(roots[0].len(), 32 * 3 - 1);
}

#[test]
fn a_damaged_root_is_reported_and_left_alone_and_one_without_certificate_gets_it() {
    let (dir, home) = home();
    let made = WebRoot::load_or_create(&home).unwrap();
    let (key, crt) = (dir.path().join(KEY_FILE), dir.path().join(CERTIFICATE_FILE));
    let other = tempfile::tempdir().unwrap();
    WebRoot::load_or_create(&Home::open(other.path()).unwrap()).unwrap();
    let foreign = std::fs::read(other.path().join(CERTIFICATE_FILE)).unwrap();
    for path in [&key, &crt] {
        let good = std::fs::read(path).unwrap();
        for content in [&b""[..], b"-----BEGIN PRIVATE KEY-----\nAA\n", b"\xff\xfe", &foreign] {
            std::fs::write(path, content).unwrap();
            let error = WebRoot::load_or_create(&home).unwrap_err();
            assert!(matches!(error, WebRootError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("restore it from a backup"), "{error}");
            assert_eq!(std::fs::read(path).unwrap(), content);
        }
        std::fs::write(path, good).unwrap();
    }
    // Stopped between the two files: the key stays, and with it what it signed.
    let leaf = made.certificates(&ips(&["10.0.0.1"]), &[]).unwrap();
    std::fs::remove_file(&crt).unwrap();
    let again = WebRoot::load_or_create(&home).unwrap();
    verify(&again, &leaf[&ips(&["10.0.0.1"])[0]], "10.0.0.1", unix_s()).unwrap();
}

#[test]
fn damaged_certificates_are_made_anew() {
    let (dir, home) = home();
    let root = WebRoot::load_or_create(&home).unwrap();
    let ip = ips(&["10.0.0.1"]);
    let path = dir.path().join("web-leaves.json");
    root.certificates(&ip, &[]).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let bad_key = good.replacen("\"key\": \"", "\"key\": \"A", 1);
    for content in ["", "{", "[]", r#"{"v":9}"#, &bad_key, &good.replace("10.0.0.1", "10.0.0.x")] {
        std::fs::write(&path, content).unwrap();
        let all = root.certificates(&ip, &[]).unwrap();
        verify(&root, &all[&ip[0]], "10.0.0.1", unix_s()).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_keys() {
    let (dir, home) = home();
    WebRoot::load_or_create(&home).unwrap().certificates(&ips(&["10.0.0.1"]), &[]).unwrap();
    for file in [KEY_FILE, CERTIFICATE_FILE, LOCK_FILE, "web-leaves.json"] {
        assert_eq!(files::foreign_rights(&dir.path().join(file)).unwrap(), 0, "{file}");
    }
    files::make_private(&dir.path().join(KEY_FILE), 0o644).unwrap();
    WebRoot::load_or_create(&home).unwrap();
    assert_eq!(files::foreign_rights(&dir.path().join(KEY_FILE)).unwrap(), 0);
}
