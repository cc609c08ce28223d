//! The certificates of the page: which to show where, and when a new one is due.
//!
//! Browsers remember an accepted warning for one address and one certificate. So a certificate is
//! kept, with its key, as long as it serves: a restart or another network changes nothing where
//! somebody has accepted it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::BASE64;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

use super::{
    Certificates, WebRoot, WebRootError, crypto, is_permitted, is_permitted_name, new_key,
};
use crate::files;

const FILE: &str = "web-leaves.json";
const VERSION: u32 = 1;
/// Certificates kept: one for each set of addresses that this machine had lately.
const LEAVES_MAX: usize = 16;
const BYTES_MAX: u64 = 256 * 1024;
const DAY_S: u64 = 24 * 3600;
/// What phones accept of a certificate's time is 398 days.
const VALID_S: u64 = 396 * DAY_S;
/// A phone's clock may be behind ours by this.
const EARLIER_S: u64 = DAY_S;
/// With less left, a new one is made.
const LEFT_MIN_S: u64 = 30 * DAY_S;
/// Names and addresses in one certificate.
const NAMES_MAX: usize = 64;

/// One certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leaf {
    /// PKCS #8 and X.509, DER in base64.
    key: String,
    certificate: String,
    pub(super) addresses: Vec<IpAddr>,
    names: Vec<String>,
    made_s: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    v: u32,
    /// The root that signed them.
    root: String,
    /// Oldest first.
    leaves: Vec<Leaf>,
}

impl Leaf {
    /// Whether it may be shown now, and for a while.
    fn is_good(&self, now_s: u64) -> bool {
        self.made_s <= now_s.saturating_add(EARLIER_S)
            && now_s.saturating_add(LEFT_MIN_S) < self.made_s.saturating_add(VALID_S)
    }

    fn covers(&self, address: IpAddr, names: &[String]) -> bool {
        self.addresses.contains(&address) && names.iter().all(|name| self.names.contains(name))
    }

    fn certified(&self) -> Option<CertifiedKey> {
        let der = |text: &str| BASE64.decode(text.as_bytes()).ok();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der(&self.key)?));
        let key = any_ecdsa_type(&key).ok()?;
        let certificate = CertificateDer::from(der(&self.certificate)?);
        let certified = CertifiedKey::new(vec![certificate], key);
        certified.keys_match().is_ok().then_some(certified)
    }
}

/// See [`WebRoot::certificates`]; the caller holds the lock.
pub(super) fn for_addresses(
    root: &WebRoot,
    addresses: &[IpAddr],
    names: &[String],
    now_s: u64,
) -> Result<Certificates, WebRootError> {
    let names: Vec<String> =
        names.iter().filter(|name| is_permitted_name(name)).take(NAMES_MAX).cloned().collect();
    let wanted: Vec<IpAddr> =
        addresses.iter().copied().filter(|ip| is_permitted(*ip)).take(NAMES_MAX).collect();
    let before = read(root);
    let mut leaves: Vec<Leaf> = before.iter().filter(|leaf| leaf.is_good(now_s)).cloned().collect();
    let shown = |leaves: &[Leaf], ip: &IpAddr| leaves.iter().position(|l| l.covers(*ip, &names));
    if leaves.is_empty() || wanted.iter().any(|ip| shown(&leaves, ip).is_none()) {
        leaves.push(issue(root, &wanted, &names, now_s)?);
    }
    while leaves.len() > LEAVES_MAX {
        let in_use: Vec<usize> = wanted.iter().filter_map(|ip| shown(&leaves, ip)).collect();
        let idle = (0..leaves.len() - 1).find(|at| !in_use.contains(at));
        leaves.remove(idle.unwrap_or_default());
    }
    if leaves != before {
        write(root, &leaves)?;
    }
    let newest = leaves.len() - 1;
    let mut ready = BTreeMap::new();
    let mut certificates = Certificates::new();
    for address in addresses {
        let at = shown(&leaves, address).unwrap_or(newest);
        let certified = match ready.get(&at) {
            Some(certified) => Arc::clone(certified),
            None => {
                let unusable = || WebRootError::Crypto("a certificate of ours is unusable".into());
                let certified = Arc::new(leaves[at].certified().ok_or_else(unusable)?);
                ready.insert(at, Arc::clone(&certified));
                certified
            }
        };
        certificates.insert(*address, certified);
    }
    Ok(certificates)
}

/// Makes one for all of these.
fn issue(
    root: &WebRoot,
    addresses: &[IpAddr],
    names: &[String],
    now_s: u64,
) -> Result<Leaf, WebRootError> {
    let key = new_key()?;
    let mut params = CertificateParams::default();
    // With spaces, so that nobody takes it for a host's name.
    params.distinguished_name.push(DnType::CommonName, "Lanlens camera page");
    params.subject_alt_names = addresses.iter().copied().map(SanType::IpAddress).collect();
    for name in names {
        let name = name.as_str().try_into().map_err(crypto)?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + std::time::Duration::from_secs(now_s.saturating_sub(EARLIER_S));
    params.not_after = epoch + std::time::Duration::from_secs(now_s.saturating_add(VALID_S));
    let certificate = params.signed_by(&key, &root.issuer()).map_err(crypto)?;
    Ok(Leaf {
        key: BASE64.encode(&key.serialize_der()),
        certificate: BASE64.encode(certificate.der()),
        addresses: addresses.to_vec(),
        names: names.to_vec(),
        made_s: now_s,
    })
}

/// What is kept and of use; nothing of a file that cannot be read, or of another root. They are made
/// anew at the price of a question to whoever accepted them.
fn read(root: &WebRoot) -> Vec<Leaf> {
    let content = match files::read(&root.home.file(FILE), BYTES_MAX) {
        Ok(content) => content.unwrap_or_default(),
        Err(error) => {
            tracing::debug!(%error, "the page's certificates cannot be read");
            return Vec::new();
        }
    };
    let stored: Stored = serde_json::from_slice(&content).unwrap_or_default();
    if stored.v != VERSION || stored.root != root.fingerprint() {
        return Vec::new();
    }
    stored.leaves.into_iter().filter(|leaf| leaf.certified().is_some()).collect()
}

fn write(root: &WebRoot, leaves: &[Leaf]) -> Result<(), WebRootError> {
    let path = root.home.file(FILE);
    let stored = Stored { v: VERSION, root: root.fingerprint(), leaves: leaves.to_vec() };
    serde_json::to_vec_pretty(&stored)
        .map_err(std::io::Error::from)
        .and_then(|text| files::replace(&path, &text))
        .map_err(|source| WebRootError::File { path, source })
}
