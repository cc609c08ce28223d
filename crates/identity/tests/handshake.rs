//! Two devices shake hands in memory.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::sync::Arc;

use lanlens_identity::{Home, Identity, WrongDevice, device_of};
use lanlens_model::DeviceId;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Error, HandshakeKind, ServerConnection};

fn identity() -> Identity {
    let dir = tempfile::tempdir().unwrap();
    Identity::load_or_create(&Home::open(dir.path()).unwrap()).unwrap()
}

fn name() -> ServerName<'static> {
    ServerName::try_from("lanlens").unwrap()
}

/// Carries bytes both ways until the handshake is done or one side refuses.
fn shake(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), Error> {
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        while !bytes.is_empty() {
            let n = server.read_tls(&mut bytes.as_slice()).unwrap();
            bytes.drain(..n);
            server.process_new_packets()?;
        }
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        while !bytes.is_empty() {
            let n = client.read_tls(&mut bytes.as_slice()).unwrap();
            bytes.drain(..n);
            client.process_new_packets()?;
        }
    }
    Ok(())
}

fn meet(client: Arc<ClientConfig>, server: &Identity) -> (ClientConnection, ServerConnection) {
    let client = ClientConnection::new(client, name()).unwrap();
    (client, ServerConnection::new(server.server_config()).unwrap())
}

fn proven(certificates: Option<&[CertificateDer<'_>]>) -> DeviceId {
    device_of(&certificates.unwrap()[0]).unwrap()
}

#[test]
fn each_side_learns_which_device_the_other_is() {
    let (a, b) = (identity(), identity());
    let (mut client, mut server) = meet(a.client_config(Some(b.device())), &b);
    shake(&mut client, &mut server).unwrap();
    assert_eq!(proven(client.peer_certificates()), b.device());
    assert_eq!(proven(server.peer_certificates()), a.device());
    client.writer().write_all(b"hello").unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    server.read_tls(&mut bytes.as_slice()).unwrap();
    server.process_new_packets().unwrap();
    let mut text = [0; 5];
    server.reader().read_exact(&mut text).unwrap();
    assert_eq!(&text, b"hello");
}

#[test]
fn another_device_at_the_dialed_address_is_named_in_the_error() {
    let (a, b, c) = (identity(), identity(), identity());
    let (mut client, mut server) = meet(a.client_config(Some(b.device())), &c);
    let error = shake(&mut client, &mut server).unwrap_err();
    let expected = WrongDevice { expected: b.device(), found: c.device() };
    assert_eq!(WrongDevice::find(&error), Some(expected));
    let io = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    assert_eq!(WrongDevice::find(&io), Some(expected));
    assert_eq!(WrongDevice::find(&Error::DecryptError), None);
}

#[test]
fn a_client_without_a_key_is_refused() {
    let (a, b) = (identity(), identity());
    let config = (*a.client_config(None)).clone();
    let anonymous = ClientConfig::builder_with_provider(Arc::clone(config.crypto_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let (mut client, mut server) = meet(Arc::new(anonymous), &b);
    let error = shake(&mut client, &mut server).unwrap_err();
    assert!(matches!(error, Error::NoCertificatesPresented), "{error}");
}

#[test]
fn a_certificate_without_its_key_proves_nothing() {
    let (a, b) = (identity(), identity());
    // The thief shows b's certificate, which anyone can copy, and signs with its own key.
    let stolen = rustls::sign::CertifiedKey::new(vec![b.certificate().clone()], other_key());
    let mut config = (*b.server_config()).clone();
    config.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(stolen));
    let mut client = ClientConnection::new(a.client_config(Some(b.device())), name()).unwrap();
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    assert!(shake(&mut client, &mut server).is_err());
}

#[test]
fn a_second_handshake_proves_the_key_again() {
    let (a, b) = (identity(), identity());
    let config = a.client_config(None);
    for _ in 0..2 {
        let (mut client, mut server) = meet(Arc::clone(&config), &b);
        shake(&mut client, &mut server).unwrap();
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full));
    }
}

/// A signing key that does not belong to the certificate beside it.
fn other_key() -> Arc<dyn rustls::sign::SigningKey> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let der = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    rustls::crypto::ring::sign::any_supported_type(&der.into()).unwrap()
}

/// Trusts every server, so that only the server's verdict is tested.
#[derive(Debug)]
struct Anyone;

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
