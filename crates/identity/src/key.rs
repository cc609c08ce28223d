//! The device's key: one per home, made once, replaced only where the user says so.
//!
//! Owns `device.key` and the certificate made from it; the TLS rules are in `tls`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lanlens_model::DeviceId;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ServerConfig};
use thiserror::Error;

use crate::tls::TlsConfigs;
use crate::{Home, device_of, files};

/// A P-256 key in PEM takes about 240 bytes.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// Why a home has no usable key.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file cannot be read, written or locked.
    #[error(
        "cannot use {path} ({source}): make it readable and writable, or choose another home with \
         --home DIR"
    )]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds no key that this program made. It is left as it is.
    #[error(
        "the device key {path} is damaged ({reason}): restore it from a backup, or run `lanlens \
         trust new-key` to become a new device, which the cameras of others do not know"
    )]
    Damaged {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system's random numbers or the crypto library failed.
    #[error("cannot make a key or a certificate: {0}")]
    Crypto(String),
}

/// This device: its key, and the TLS configurations that prove it. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    device: DeviceId,
    certificate: CertificateDer<'static>,
    tls: Arc<TlsConfigs>,
}

impl std::fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Identity {
    /// The key of `home`, made now (ECDSA P-256, mode 0600) if it has none. Of several programs
    /// that start at once, one makes the key and all get the same.
    ///
    /// # Errors
    /// See [`IdentityError`]. A damaged file is an error and stays as it is.
    pub fn load_or_create(home: &Home) -> Result<Self, IdentityError> {
        let path = home.file("device.key");
        let file = |source| IdentityError::File { path: path.clone(), source };
        let pem = match files::read(&path, KEY_BYTES_MAX).map_err(file)? {
            Some(pem) => pem,
            None => {
                let _lock = files::lock(&home.file("device.lock")).map_err(file)?;
                match files::read(&path, KEY_BYTES_MAX).map_err(file)? {
                    Some(pem) => pem,
                    None => create(&path)?,
                }
            }
        };
        if files::foreign_rights(&path).map_err(file)? != 0 {
            tracing::warn!("{} could be read by other users; made private", path.display());
            files::make_private(&path, 0o600).map_err(file)?;
        }
        Self::from_pem(&pem).map_err(|reason| IdentityError::Damaged { path, reason })
    }

    /// A new key in place of the old one, if any; the caller has made sure that nobody uses that.
    pub(crate) fn replace(home: &Home) -> Result<Self, IdentityError> {
        let (path, lock) = (home.file("device.key"), home.file("device.lock"));
        let _lock =
            files::lock(&lock).map_err(|source| IdentityError::File { path: lock, source })?;
        let pem = create(&path)?;
        Self::from_pem(&pem).map_err(|reason| IdentityError::Damaged { path, reason })
    }

    fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let pem = std::str::from_utf8(pem).map_err(|_| "not a text file".to_owned())?;
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_ECDSA_P256_SHA256)
            .map_err(|error| error.to_string())?;
        let certificate = certificate(&key).map_err(|error| error.to_string())?;
        let device = device_of(&certificate).map_err(|error| error.to_string())?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = TlsConfigs::new(certificate.clone(), private).map_err(|e| e.to_string())?;
        Ok(Self { device, certificate, tls: Arc::new(tls) })
    }

    /// The id that this key proves.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The self-signed certificate that peers see. Made afresh at every start; the key inside is
    /// what counts.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// For accepting links: TLS 1.3 only, and the peer must prove a key of its own. Which one it
    /// was: [`device_of`] its certificate.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.tls.server()
    }

    /// For opening links: TLS 1.3 only, proves our key, and accepts any peer that proves its own;
    /// with `expect`, only the one whose key has that id. Another key fails the handshake with
    /// [`crate::WrongDevice`] inside the error ([`crate::WrongDevice::find`]).
    pub fn client_config(&self, expect: Option<DeviceId>) -> Arc<ClientConfig> {
        self.tls.client(expect)
    }
}

/// Makes a key and writes it; the caller holds the lock.
fn create(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        .map_err(|error| IdentityError::Crypto(error.to_string()))?;
    let pem = key.serialize_pem().into_bytes();
    files::replace(path, &pem)
        .map_err(|source| IdentityError::File { path: path.to_owned(), source })?;
    Ok(pem)
}

/// Valid from 1975 to 4096: a Raspberry Pi without a clock must not lock itself out, and nobody
/// checks the dates.
fn certificate(key: &KeyPair) -> Result<CertificateDer<'static>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Lanlens");
    Ok(params.self_signed(key)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_keeps_its_device_and_another_home_is_another_device() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = |dir: &tempfile::TempDir| {
            Identity::load_or_create(&Home::open(dir.path()).unwrap()).unwrap().device()
        };
        assert_eq!(id(&a), id(&a));
        assert_ne!(id(&a), id(&b));
    }

    #[test]
    fn programs_that_start_at_once_agree_on_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let ids = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let home = Home::open(dir.path()).unwrap();
                        Identity::load_or_create(&home).unwrap().device()
                    })
                })
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn a_damaged_key_is_reported_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let path = dir.path().join("device.key");
        for content in [&b""[..], b"-----BEGIN PRIVATE KEY-----\nAAAA\n", b"\xff\xfe", &[b'a'; 999]]
        {
            std::fs::write(&path, content).unwrap();
            let error = Identity::load_or_create(&home).unwrap_err();
            assert!(matches!(error, IdentityError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("restore it from a backup"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_private_and_made_private_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let path = dir.path().join("device.key");
        Identity::load_or_create(&home).unwrap();
        assert_eq!(files::foreign_rights(&path).unwrap(), 0);
        files::make_private(&path, 0o644).unwrap();
        Identity::load_or_create(&home).unwrap();
        assert_eq!(files::foreign_rights(&path).unwrap(), 0);
    }
}
