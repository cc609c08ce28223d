//! TLS between devices: both sides prove a key, and the key is the name.
//!
//! Owns the verifiers and configurations (TLS 1.3, RFC 8446; ring). There is no authority, so
//! issuer, names and dates of a certificate mean nothing here; the handshake's signature and the
//! public key mean everything.
//!
//! **Invariant:** sessions are never resumed. A resumed handshake skips the verifiers, so a ticket
//! of one device could answer for another.

use std::sync::Arc;

use lanlens_model::DeviceId;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError as RustlsCertificateError, ClientConfig, DigitallySignedStruct,
    DistinguishedName, Error, OtherError, PeerIncompatible, ServerConfig, SignatureScheme,
};
use thiserror::Error as ThisError;

/// The signatures that peers may prove their key with: what our own programs make, and Ed25519.
const SCHEMES: [SignatureScheme; 2] =
    [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519];

/// A certificate without a readable public key.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("the certificate cannot be read: {0}")]
pub struct CertificateError(String);

/// A peer proved a key, but not the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("expected device {expected}, found {found}")]
pub struct WrongDevice {
    /// Who was dialed.
    pub expected: DeviceId,
    /// Who answered.
    pub found: DeviceId,
}

impl WrongDevice {
    /// The reason inside a failed handshake's error (or inside the [`std::io::Error`] around it), if
    /// this was it.
    pub fn find(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Self::find(io.get_ref()?);
        }
        match error.downcast_ref::<Error>()? {
            Error::InvalidCertificate(RustlsCertificateError::Other(other)) => {
                other.0.downcast_ref::<Self>().copied()
            }
            _ => None,
        }
    }
}

/// The device that a peer's certificate belongs to: the hash of its public key, as in
/// [`DeviceId::from_spki`]. Says nothing unless a handshake proved that certificate.
///
/// # Errors
/// [`CertificateError`] when it is not an X.509 v3 certificate.
pub fn device_of(certificate: &CertificateDer<'_>) -> Result<DeviceId, CertificateError> {
    // The parser that the signature check uses: there must be no second opinion on the key.
    let parsed = ParsedCertificate::try_from(certificate)
        .map_err(|error| CertificateError(error.to_string()))?;
    Ok(DeviceId::from_spki(parsed.subject_public_key_info().as_ref()))
}

/// Everything that TLS needs, made once.
pub(crate) struct TlsConfigs {
    server: Arc<ServerConfig>,
    client: ClientConfig,
    provider: Arc<CryptoProvider>,
}

impl TlsConfigs {
    pub(crate) fn new(
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = |expect| Arc::new(KeyIsName { provider: Arc::clone(&provider), expect });
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier(None))
            .with_single_cert(vec![certificate.clone()], key.clone_key())?;
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier(None))
            .with_client_auth_cert(vec![certificate], key)?;
        client.resumption = Resumption::disabled();
        // Names are meaningless here, and what is not sent tells an eavesdropper nothing.
        client.enable_sni = false;
        Ok(Self { server: Arc::new(server), client, provider })
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    pub(crate) fn client(&self, expect: Option<DeviceId>) -> Arc<ClientConfig> {
        let mut config = self.client.clone();
        let verifier = KeyIsName { provider: Arc::clone(&self.provider), expect };
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        Arc::new(config)
    }
}

/// Accepts whoever proves a key; with `expect`, that key only.
#[derive(Debug)]
struct KeyIsName {
    provider: Arc<CryptoProvider>,
    expect: Option<DeviceId>,
}

impl KeyIsName {
    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let found = device_of(certificate).map_err(|_| RustlsCertificateError::BadEncoding)?;
        match self.expect {
            Some(expected) if expected != found => {
                let wrong = WrongDevice { expected, found };
                Err(RustlsCertificateError::Other(OtherError(Arc::new(wrong))).into())
            }
            _ => Ok(()),
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }
}

/// TLS 1.2 is not offered, so rustls never asks.
fn no_tls12() -> Error {
    PeerIncompatible::Tls12NotOfferedOrEnabled.into()
}

impl ServerCertVerifier for KeyIsName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

impl ClientCertVerifier for KeyIsName {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}
