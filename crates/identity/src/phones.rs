//! Who may publish through this home's page: one-time tokens for phones, lasting ones for encoders.
//!
//! Owns the rules of tokens and credentials ([`lists`], plain data with the time as an argument) and
//! `phones.json` ([`PhoneStore`]). Secrets are told once and never kept: the file holds their SHA-256
//! alone, which is enough for random ones. Knows nothing of HTTP.

mod lists;
mod store;

use std::path::PathBuf;

use lanlens_model::limits::CREDENTIALS_MAX;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::RandomError;

pub use store::PhoneStore;

/// What somebody who proved a credential may do: one or the other, never both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhoneScope {
    /// Send its pictures.
    Publish,
    /// See the cameras of the node.
    Watch,
}

impl PhoneScope {
    /// As it is written in requests and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Watch => "watch",
        }
    }
}

/// What holds a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhoneKind {
    /// A page in a browser.
    Phone,
    /// A program that publishes by WHIP.
    Encoder,
}

/// A phone or an encoder that may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// 16 hexadecimal digits, of the hash of what it shows.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What it is.
    pub kind: PhoneKind,
    /// What it may do.
    pub scope: PhoneScope,
    /// When it was made, seconds since 1970 (UTC).
    pub created_s: u64,
    /// When it was last shown, to the day or so, seconds since 1970 (UTC).
    pub used_s: u64,
}

/// A token to be shown to one phone: good once, and for
/// [`PHONE_TOKEN_TIME`](lanlens_model::limits::PHONE_TOKEN_TIME).
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// 22 characters (128 random bits in base64url), fit for the fragment of a URL.
    pub text: String,
    /// When it is worth nothing any more, seconds since 1970 (UTC).
    pub expires_s: u64,
}

impl std::fmt::Debug for JoinToken {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinToken").field("expires_s", &self.expires_s).finish_non_exhaustive()
    }
}

/// What a token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It lets one phone in.
    Fresh,
    /// It let one in already.
    Used,
    /// Nobody used it in time.
    Expired,
    /// Nobody gave it out, or that was long ago.
    Unknown,
}

/// Why the lists of phones cannot be used. Each says what to do.
#[derive(Debug, Error)]
pub enum PhonesError {
    /// The file cannot be read, written or locked.
    #[error("cannot use {path} ({source}): make it readable and writable")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The lists stand as they were, and can be read.
    #[error("cannot change {path}, the disk is full: free some space")]
    DiskFull {
        /// The store's file.
        path: PathBuf,
    },
    /// It does not hold the lists.
    #[error(
        "{path} is damaged ({reason}): restore it from a backup, or delete it, and let every phone \
         scan a new code and every encoder have a new token"
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another program wrote it in a way this one does not know.
    #[error("{path} was written by a newer version of Lanlens: update this program")]
    Newer {
        /// The store's file.
        path: PathBuf,
    },
    /// There are as many phones and encoders as there may be.
    #[error(
        "{CREDENTIALS_MAX} phones and encoders may come in already: remove some with `lanlens phone --remove NAME`"
    )]
    Full,
    /// There is no chance to draw a secret from.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Why a token lets nobody in.
#[derive(Debug, Error)]
pub enum RedeemError {
    /// See [`TokenState::Unknown`].
    #[error("this code is not known here: scan a new one")]
    Unknown,
    /// See [`TokenState::Used`].
    #[error("this code was used already: scan a new one")]
    Used,
    /// See [`TokenState::Expired`].
    #[error("this code has expired: scan a new one")]
    Expired,
    /// It is good, for something else; it still is.
    #[error("this code is for something else: it lets a device {}", .0.as_str())]
    WrongScope(PhoneScope),
    /// What a phone drew as its credential is not one; the token is still good.
    #[error(
        "the credential has to be 32 random bytes in base64url: 43 characters, without padding"
    )]
    NotACredential,
    /// Something else has the credential that a phone drew already; the token is still good.
    #[error("this credential belongs to something else: draw another one")]
    Taken,
    /// See [`PhonesError::Full`]; the token is still good.
    #[error(
        "{CREDENTIALS_MAX} phones and encoders may come in already: remove some with `lanlens phone --remove NAME`"
    )]
    Full,
    /// The lists cannot be used.
    #[error(transparent)]
    Store(#[from] PhonesError),
}
