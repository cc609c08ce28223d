//! TLS 1.3 with a key of one's own and no opinion on the other side's, at either end.
//!
//! Owns configurations and streams; what is said over them is [`crate::peer`]'s.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, Error as TlsError,
    ServerConfig, ServerConnection, SignatureScheme, StreamOwned,
};

use crate::peer::Key;

/// For whoever dials; proves `key`, or nothing.
pub(crate) fn client(key: Option<&Key>) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)));
    Ok(match key {
        None => builder.with_no_client_auth(),
        Some(key) => builder.with_client_auth_cert(vec![key.certificate.clone()], private(key))?,
    })
}

/// For whoever is dialed.
pub(crate) fn server(key: &Key) -> Result<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Anyone(provider)));
    Ok(builder.with_single_cert(vec![key.certificate.clone()], private(key))?)
}

fn private(key: &Key) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.private.clone()).into()
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) enum Tls {
    /// We dialed.
    Client(StreamOwned<ClientConnection, TcpStream>),
    /// We were dialed.
    Server(StreamOwned<ServerConnection, TcpStream>),
}

impl Tls {
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Tls::Client(stream) => &stream.sock,
            Tls::Server(stream) => &stream.sock,
        }
    }

    /// What only the two ends of this connection know (RFC 9266).
    pub(crate) fn channel(&self) -> Result<[u8; 32]> {
        let (label, room) = (b"EXPORTER-Channel-Binding", [0; 32]);
        let channel = match self {
            Tls::Client(stream) => stream.conn.export_keying_material(room, label, Some(&[])),
            Tls::Server(stream) => stream.conn.export_keying_material(room, label, Some(&[])),
        };
        channel.map_err(|error| anyhow!(error))
    }
}

impl Read for Tls {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Tls::Client(stream) => stream.read(bytes),
            Tls::Server(stream) => stream.read(bytes),
        }
    }
}

impl Write for Tls {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Tls::Client(stream) => stream.write(bytes),
            Tls::Server(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Tls::Client(stream) => stream.flush(),
            Tls::Server(stream) => stream.flush(),
        }
    }
}

/// Does not care whom it talks to.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl Anyone {
    fn check(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }
}

fn no_tls12() -> TlsError {
    TlsError::General("TLS 1.3 only".into())
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.check(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Anyone {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.check(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
