//! `phones.json`: read at every look, changed under its lock.

use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::lists::{Hash, Lists};
use super::{Credential, JoinToken, PhoneKind, PhoneScope, PhonesError, RedeemError, TokenState};
use crate::{Home, files, random_bytes, unix_s};

const VERSION: u32 = 1;
/// Several times what full lists take with the longest names.
const BYTES_MAX: u64 = 1024 * 1024;
/// Secrets are shorter; nothing longer is looked at.
const SECRET_BYTES_MAX: usize = 128;
/// Random bytes of a credential.
const BEARER_BYTES: usize = 32;

/// The phones and encoders that may come in through this home's page. Cheap to clone; several
/// programs of a home, and several threads, may use one at once. Every call reads the file, and some
/// write it: not to be called where nothing may wait.
#[derive(Debug, Clone)]
pub struct PhoneStore {
    path: PathBuf,
    lock_path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    phones: Lists,
}

impl PhoneStore {
    /// Touches no file yet.
    pub fn open(home: &Home) -> Self {
        Self { path: home.file("phones.json"), lock_path: home.file("phones.lock") }
    }

    /// A new token, which lets one phone in.
    ///
    /// # Errors
    /// See [`PhonesError`].
    pub fn issue_token(&self, scope: PhoneScope) -> Result<JoinToken, PhonesError> {
        let text = BASE64URL_NOPAD.encode(&random_bytes::<16>()?);
        let now_s = unix_s();
        let expires_s = self.change(now_s, |lists| lists.issue(Hash::of(&text), scope, now_s))?;
        Ok(JoinToken { text, expires_s })
    }

    /// What a token is worth now. [`TokenState::Unknown`] too while the lists cannot be read.
    pub fn token_state(&self, text: &str) -> TokenState {
        match self.load() {
            Ok(lists) => lists.state(&Hash::of(text), unix_s()),
            Err(error) => {
                tracing::debug!(%error, "tokens cannot be read");
                TokenState::Unknown
            }
        }
    }

    /// Exchanges a token for a phone's own credential: what it shows from now on (43 characters, 256
    /// random bits in base64url; told here and never again), and what is known of it. Of several who
    /// come with the same token, one is let in.
    ///
    /// # Errors
    /// See [`RedeemError`].
    pub fn redeem(
        &self,
        token: &str,
        scope: PhoneScope,
        name: &str,
    ) -> Result<(String, Credential), RedeemError> {
        let (bearer, hash) = new_bearer()?;
        self.exchange(token, scope, name, hash).map(|credential| (bearer, credential))
    }

    /// Exchanges a token like [`PhoneStore::redeem`], for a credential that the phone drew itself (of
    /// the same shape): one whose answer was lost comes again with both, and hears the same as long as
    /// the token would have been good.
    ///
    /// # Errors
    /// See [`RedeemError`].
    pub fn redeem_as(
        &self,
        token: &str,
        scope: PhoneScope,
        name: &str,
        bearer: &str,
    ) -> Result<Credential, RedeemError> {
        if !is_bearer(bearer) {
            return Err(RedeemError::NotACredential);
        }
        self.exchange(token, scope, name, Hash::of(bearer))
    }

    fn exchange(
        &self,
        token: &str,
        scope: PhoneScope,
        name: &str,
        bearer: Hash,
    ) -> Result<Credential, RedeemError> {
        let (token, now_s) = (Hash::of(bounded(token)), unix_s());
        let lists = self.load()?;
        // Whoever brings nonsense does not hold up those who bring a token.
        match lists.state(&token, now_s) {
            TokenState::Unknown => Err(RedeemError::Unknown),
            TokenState::Expired => Err(RedeemError::Expired),
            TokenState::Used => lists.again(&token, scope, &bearer, now_s).ok_or(RedeemError::Used),
            TokenState::Fresh => {
                self.change(now_s, |lists| lists.redeem(&token, scope, name, bearer, now_s))?
            }
        }
    }

    /// A lasting credential for an encoder; as with [`PhoneStore::redeem`], told once.
    ///
    /// # Errors
    /// See [`PhonesError`].
    pub fn issue_encoder(&self, name: &str) -> Result<(String, Credential), PhonesError> {
        let (bearer, hash) = new_bearer()?;
        let (kind, scope, now_s) = (PhoneKind::Encoder, PhoneScope::Publish, unix_s());
        let admitted = self.change(now_s, |lists| lists.admit(hash, kind, scope, name, now_s))?;
        Ok((bearer, admitted.ok_or(PhonesError::Full)?))
    }

    /// Who shows this credential, if somebody may come in with it.
    ///
    /// # Errors
    /// See [`PhonesError`]; nobody may come in then.
    pub fn check(&self, bearer: &str) -> Result<Option<Credential>, PhonesError> {
        Ok(self.load()?.check(&Hash::of(bounded(bearer)), unix_s()))
    }

    /// Notes that a credential was shown, so that it is not forgotten as idle. Writes once a day at
    /// most.
    ///
    /// # Errors
    /// See [`PhonesError`].
    pub fn touch(&self, id: &str) -> Result<(), PhonesError> {
        let now_s = unix_s();
        if self.load()?.touch(id, now_s) {
            self.change(now_s, |lists| lists.touch(id, now_s))?;
        }
        Ok(())
    }

    /// Gives a credential another name; whether there is such a credential.
    ///
    /// # Errors
    /// See [`PhonesError`].
    pub fn rename(&self, id: &str, name: &str) -> Result<bool, PhonesError> {
        self.change(unix_s(), |lists| lists.rename(id, name))
    }

    /// Forgets a credential: whoever shows it is a stranger from now on. Whether there was one.
    ///
    /// # Errors
    /// See [`PhonesError`].
    pub fn revoke(&self, id: &str) -> Result<bool, PhonesError> {
        self.change(unix_s(), |lists| lists.revoke(id))
    }

    /// Everybody who may come in, the oldest first.
    ///
    /// # Errors
    /// See [`PhonesError`].
    pub fn list(&self) -> Result<Vec<Credential>, PhonesError> {
        Ok(self.load()?.credentials(unix_s()))
    }

    fn load(&self) -> Result<Lists, PhonesError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let damaged = |error: serde_json::Error| PhonesError::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        };
        let file = |source| PhonesError::File { path: self.path.clone(), source };
        let Some(bytes) = files::read(&self.path, BYTES_MAX).map_err(file)? else {
            return Ok(Lists::default());
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(damaged)?;
        if head.version > VERSION {
            return Err(PhonesError::Newer { path: self.path.clone() });
        }
        Ok(serde_json::from_slice::<Stored>(&bytes).map_err(damaged)?.phones)
    }

    /// Changes the lists under the lock; writes only what has changed, without what is over.
    fn change<T>(&self, now_s: u64, edit: impl FnOnce(&mut Lists) -> T) -> Result<T, PhonesError> {
        let _lock = files::lock(&self.lock_path)
            .map_err(|source| cannot_change(&self.lock_path, source))?;
        let before = self.load()?;
        let mut lists = before.clone();
        let outcome = edit(&mut lists);
        if lists != before {
            lists.forget(now_s);
            self.write(lists)?;
        }
        Ok(outcome)
    }

    fn write(&self, phones: Lists) -> Result<(), PhonesError> {
        let failed = |source| cannot_change(&self.path, source);
        let stored = Stored { version: VERSION, phones };
        let mut text = serde_json::to_string_pretty(&stored).map_err(|e| failed(e.into()))?;
        text.push('\n');
        files::replace(&self.path, text.as_bytes()).map_err(failed)
    }
}

fn new_bearer() -> Result<(String, Hash), PhonesError> {
    let text = BASE64URL_NOPAD.encode(&random_bytes::<BEARER_BYTES>()?);
    let hash = Hash::of(&text);
    Ok((text, hash))
}

/// Whether this is of the shape that [`new_bearer`] makes.
fn is_bearer(text: &str) -> bool {
    text.len() <= SECRET_BYTES_MAX
        && BASE64URL_NOPAD.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == BEARER_BYTES)
}

/// Hashing megabytes helps nobody.
fn bounded(secret: &str) -> &str {
    if secret.len() <= SECRET_BYTES_MAX { secret } else { "" }
}

/// What a failed change means to the user.
fn cannot_change(path: &Path, source: io::Error) -> PhonesError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PhonesError::DiskFull { path },
        _ => PhonesError::File { path, source },
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
