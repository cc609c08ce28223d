//! The authority of this home's page, for browsers: whoever installs it is safe from somebody in the
//! middle.
//!
//! Owns `web-root.key` and `web-root.crt`, made once, and the certificates that it signs ([`leaf`]).
//! It can vouch for private addresses and `.local` names alone, so whoever stole it could not pretend
//! to be anybody else to a phone that trusts it. No name of a user or machine is in it.

mod leaf;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::{HEXLOWER, HEXUPPER};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, PublicKeyData, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{Home, files, unix_s};

const KEY_FILE: &str = "web-root.key";
const CERTIFICATE_FILE: &str = "web-root.crt";
const LOCK_FILE: &str = "web-root.lock";
/// Several times what either takes.
const BYTES_MAX: u64 = 16 * 1024;

/// What the root may vouch for: private (RFC 1918), link-local (RFC 3927, RFC 4291), unique local (RFC
/// 4193), shared (RFC 6598) and loopback addresses.
const PERMITTED: [(IpAddr, u8); 9] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];
/// And names below this.
const PERMITTED_NAMES: &str = "local";

/// Why the page has no certificate. Each says what to do.
#[derive(Debug, Error)]
pub enum WebRootError {
    /// A file cannot be read, written or locked.
    #[error("cannot use {path} ({source}): make it readable and writable")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds no key or certificate that this program made.
    #[error(
        "{path} is damaged ({reason}): restore it from a backup, or delete web-root.key and \
         web-root.crt; phones that trusted the old certificate then ask again"
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system's random numbers or the crypto library failed.
    #[error("cannot make a key or a certificate: {0}")]
    Crypto(String),
}

/// The certificates that a page shows, by the address that it is asked at.
pub type Certificates = BTreeMap<IpAddr, Arc<CertifiedKey>>;

/// This home's authority.
pub struct WebRoot {
    home: Home,
    key: KeyPair,
    certificate: CertificateDer<'static>,
}

impl std::fmt::Debug for WebRoot {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebRoot").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

impl WebRoot {
    /// The root of `home`, made now if it has none (ECDSA P-256; the key's file 0600). Of several
    /// programs that start at once, one makes it and all get the same.
    ///
    /// # Errors
    /// See [`WebRootError`]. A damaged file is an error and stays as it is.
    pub fn load_or_create(home: &Home) -> Result<Self, WebRootError> {
        let _lock = lock(home)?;
        let (key_path, path) = (home.file(KEY_FILE), home.file(CERTIFICATE_FILE));
        let key = load_key(&key_path)?;
        let certificate = match read(&path)? {
            Some(pem) => parse(&pem, &key)
                .map_err(|reason| WebRootError::Damaged { path: path.clone(), reason })?,
            // New, or stopped between the two files.
            None => {
                let made = root_params(&key).self_signed(&key).map_err(crypto)?;
                write(&path, made.pem().as_bytes())?;
                made.into()
            }
        };
        Ok(Self { home: home.clone(), key, certificate })
    }

    /// SHA-256 of the certificate in hexadecimal pairs with colons, as phones show it.
    pub fn fingerprint(&self) -> String {
        let hex = HEXUPPER.encode(&Sha256::digest(&self.certificate));
        let pairs: Vec<&str> = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]).collect();
        pairs.join(":")
    }

    /// The certificate, to be installed on phones.
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// What the page shows at each of these addresses: the certificate that it showed there before,
    /// as long as that is good for another month, so that what people accepted once stays accepted
    /// whatever other networks come and go; else a new one, for all of them and `names` (below
    /// `.local`). Of 397 days at most, with a key of its own; kept in the home.
    ///
    /// An address outside the private ranges gets the newest of them, which no browser accepts
    /// without a question.
    ///
    /// # Errors
    /// See [`WebRootError`].
    pub fn certificates(
        &self,
        addresses: &[IpAddr],
        names: &[String],
    ) -> Result<Certificates, WebRootError> {
        let _lock = lock(&self.home)?;
        leaf::for_addresses(self, addresses, names, unix_s())
    }

    fn issuer(&self) -> Issuer<'static, &KeyPair> {
        Issuer::new(root_params(&self.key), &self.key)
    }
}

/// Whether the root may vouch for an address.
fn is_permitted(ip: IpAddr) -> bool {
    PERMITTED.iter().any(|(network, prefix)| match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            (ip.to_bits() ^ network.to_bits()).leading_zeros() >= u32::from(*prefix)
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            (ip.to_bits() ^ network.to_bits()).leading_zeros() >= u32::from(*prefix)
        }
        _ => false,
    })
}

/// Whether the root may vouch for a name.
fn is_permitted_name(name: &str) -> bool {
    let labels = name.to_ascii_lowercase();
    labels.strip_suffix(PERMITTED_NAMES).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
        && labels.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

fn root_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    // So that two homes' roots can be told apart in a phone's settings.
    let digest = HEXLOWER.encode(&Sha256::digest(key.subject_public_key_info())[..4]);
    params.distinguished_name.push(DnType::CommonName, format!("Lanlens pages {digest}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let addresses = PERMITTED
        .iter()
        .map(|(ip, prefix)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*ip, *prefix)));
    let names = GeneralSubtree::DnsName(PERMITTED_NAMES.to_owned());
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: addresses.chain([names]).collect(),
        excluded_subtrees: Vec::new(),
    });
    // A computer without a clock must not make one that is not valid yet.
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

/// The key in `path`, made now if there is none; the caller holds the lock.
fn load_key(path: &Path) -> Result<KeyPair, WebRootError> {
    let Some(pem) = read(path)? else {
        let key = new_key()?;
        write(path, key.serialize_pem().as_bytes())?;
        return Ok(key);
    };
    let file = |source| WebRootError::File { path: path.to_owned(), source };
    if files::foreign_rights(path).map_err(file)? != 0 {
        tracing::warn!("{} could be read by other users; made private", path.display());
        files::make_private(path, 0o600).map_err(file)?;
    }
    let damaged = |reason| WebRootError::Damaged { path: path.to_owned(), reason };
    let pem = String::from_utf8(pem).map_err(|_| damaged("not a text file".to_owned()))?;
    KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_ECDSA_P256_SHA256)
        .map_err(|error| damaged(error.to_string()))
}

fn parse(pem: &[u8], key: &KeyPair) -> Result<CertificateDer<'static>, String> {
    use rustls::pki_types::pem::PemObject;
    let certificate = CertificateDer::from_pem_slice(pem).map_err(|error| error.to_string())?;
    let parsed = ParsedCertificate::try_from(&certificate).map_err(|error| error.to_string())?;
    let same = parsed.subject_public_key_info().as_ref() == key.subject_public_key_info();
    if !same {
        return Err("it belongs to another key".to_owned());
    }
    Ok(certificate)
}

fn new_key() -> Result<KeyPair, WebRootError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(crypto)
}

fn crypto(error: rcgen::Error) -> WebRootError {
    WebRootError::Crypto(error.to_string())
}

fn lock(home: &Home) -> Result<std::fs::File, WebRootError> {
    let path = home.file(LOCK_FILE);
    files::lock(&path).map_err(|source| WebRootError::File { path, source })
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, WebRootError> {
    files::read(path, BYTES_MAX)
        .map_err(|source| WebRootError::File { path: path.to_owned(), source })
}

fn write(path: &Path, content: &[u8]) -> Result<(), WebRootError> {
    files::replace(path, content)
        .map_err(|source| WebRootError::File { path: path.to_owned(), source })
}

#[cfg(test)]
#[path = "web_root_tests.rs"]
mod tests;
