//! What is known of tokens and credentials, and how that changes. The time is an argument.

use data_encoding::HEXLOWER;
use lanlens_model::limits::{
    CREDENTIALS_MAX, NAME_BYTES_MAX, PHONE_IDLE, PHONE_TOKEN_TIME, PHONE_TOKENS_MAX,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{Credential, PhoneKind, PhoneScope, RedeemError, TokenState};

/// A token that is worth nothing is kept this long, to say so to whoever comes with it.
const SPENT_KEPT_S: u64 = 24 * 3600;
/// A credential that was shown within this counts as just shown: the file is not written each time.
const USED_STEP_S: u64 = 24 * 3600;

/// SHA-256 of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash([u8; 32]);

impl Hash {
    pub(super) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// In a time that tells nothing of either.
    fn is(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&HEXLOWER.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("no SHA-256 in hexadecimal"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Token {
    hash: Hash,
    scope: PhoneScope,
    issued_s: u64,
    expires_s: u64,
    used: bool,
    /// The hash of the credential that it was exchanged for. Older files do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_by: Option<Hash>,
}

impl Token {
    /// Whether its time is over, used or not.
    fn is_over(&self, now_s: u64) -> bool {
        // A clock that was set back must not make a token live longer.
        now_s >= self.expires_s || self.issued_s > now_s.saturating_add(PHONE_TOKEN_TIME.as_secs())
    }

    fn state(&self, now_s: u64) -> TokenState {
        match (self.used, self.is_over(now_s)) {
            (true, _) => TokenState::Used,
            (false, true) => TokenState::Expired,
            (false, false) => TokenState::Fresh,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Guest {
    hash: Hash,
    name: String,
    kind: PhoneKind,
    scope: PhoneScope,
    created_s: u64,
    used_s: u64,
}

impl Guest {
    fn id(&self) -> String {
        HEXLOWER.encode(&self.hash.0[..8])
    }

    fn is_idle(&self, now_s: u64) -> bool {
        self.kind == PhoneKind::Phone && now_s.saturating_sub(self.used_s) >= PHONE_IDLE.as_secs()
    }

    fn credential(&self) -> Credential {
        Credential {
            id: self.id(),
            name: self.name.clone(),
            kind: self.kind,
            scope: self.scope,
            created_s: self.created_s,
            used_s: self.used_s,
        }
    }
}

/// Everything in `phones.json`. Oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lists {
    tokens: Vec<Token>,
    guests: Vec<Guest>,
}

impl Lists {
    /// Gives out a token; returns when it expires.
    pub(super) fn issue(&mut self, hash: Hash, scope: PhoneScope, now_s: u64) -> u64 {
        let expires_s = now_s.saturating_add(PHONE_TOKEN_TIME.as_secs());
        let (used, used_by) = (false, None);
        self.tokens.push(Token { hash, scope, issued_s: now_s, expires_s, used, used_by });
        while self.tokens.len() > PHONE_TOKENS_MAX {
            let spent = |token: &Token| token.state(now_s) != TokenState::Fresh;
            self.tokens.remove(self.tokens.iter().position(spent).unwrap_or_default());
        }
        expires_s
    }

    /// What a token is worth.
    pub(super) fn state(&self, hash: &Hash, now_s: u64) -> TokenState {
        find(&self.tokens, |token| &token.hash, hash)
            .and_then(|at| self.tokens.get(at))
            .map_or(TokenState::Unknown, |token| token.state(now_s))
    }

    /// Exchanges a token for a credential whose secret has the hash `bearer`; again for the same one,
    /// see [`Lists::again`].
    pub(super) fn redeem(
        &mut self,
        token: &Hash,
        scope: PhoneScope,
        name: &str,
        bearer: Hash,
        now_s: u64,
    ) -> Result<Credential, RedeemError> {
        let at = find(&self.tokens, |token| &token.hash, token);
        let found = at.and_then(|at| self.tokens.get(at)).ok_or(RedeemError::Unknown)?;
        match found.state(now_s) {
            TokenState::Fresh if found.scope != scope => {
                return Err(RedeemError::WrongScope(found.scope));
            }
            TokenState::Fresh => {}
            TokenState::Used => {
                return self.again(token, scope, &bearer, now_s).ok_or(RedeemError::Used);
            }
            TokenState::Expired => return Err(RedeemError::Expired),
            TokenState::Unknown => return Err(RedeemError::Unknown),
        }
        let credential = match self.check(&bearer, now_s) {
            // A phone that was let in already, and did not hear of it before it had another token.
            Some(known) if (known.kind, known.scope) == (PhoneKind::Phone, scope) => {
                self.rename(&known.id, name);
                self.touch(&known.id, now_s);
                Credential { name: cut(name).to_owned(), ..known }
            }
            Some(_) => return Err(RedeemError::Taken),
            None => {
                let admitted = self.admit(bearer, PhoneKind::Phone, scope, name, now_s);
                admitted.ok_or(RedeemError::Full)?
            }
        };
        let at = find(&self.tokens, |token| &token.hash, token);
        if let Some(token) = at.and_then(|at| self.tokens.get_mut(at)) {
            token.used = true;
            token.used_by = Some(bearer);
        }
        Ok(credential)
    }

    /// Whom a used token let in, for somebody who brings the secret of that very credential: it got no
    /// answer, and asks once more. `None` when the token's time is over, or the guest was removed.
    pub(super) fn again(
        &self,
        token: &Hash,
        scope: PhoneScope,
        bearer: &Hash,
        now_s: u64,
    ) -> Option<Credential> {
        let at = find(&self.tokens, |token| &token.hash, token)?;
        let token = self.tokens.get(at).filter(|t| !t.is_over(now_s) && t.scope == scope)?;
        let same = bool::from(token.used_by.as_ref()?.is(bearer));
        same.then(|| self.check(bearer, now_s)).flatten()
    }

    /// A new credential; `None` if there are too many.
    pub(super) fn admit(
        &mut self,
        hash: Hash,
        kind: PhoneKind,
        scope: PhoneScope,
        name: &str,
        now_s: u64,
    ) -> Option<Credential> {
        self.forget(now_s);
        if self.guests.len() >= CREDENTIALS_MAX {
            return None;
        }
        let name = cut(name).to_owned();
        let guest = Guest { hash, name, kind, scope, created_s: now_s, used_s: now_s };
        let credential = guest.credential();
        self.guests.push(guest);
        Some(credential)
    }

    /// Whose secret has this hash.
    pub(super) fn check(&self, hash: &Hash, now_s: u64) -> Option<Credential> {
        let at = find(&self.guests, |guest| &guest.hash, hash)?;
        self.guests.get(at).filter(|guest| !guest.is_idle(now_s)).map(Guest::credential)
    }

    /// Notes that a credential was shown; whether that is worth writing down.
    pub(super) fn touch(&mut self, id: &str, now_s: u64) -> bool {
        match self.guest(id) {
            // Never back: a clock that is set later must not find it idle.
            Some(guest) if now_s.saturating_sub(guest.used_s) >= USED_STEP_S => {
                guest.used_s = now_s;
                true
            }
            _ => false,
        }
    }

    /// Gives another name; whether there is such a credential.
    pub(super) fn rename(&mut self, id: &str, name: &str) -> bool {
        self.guest(id).map(|guest| cut(name).clone_into(&mut guest.name)).is_some()
    }

    /// Forgets a credential; whether there was one.
    pub(super) fn revoke(&mut self, id: &str) -> bool {
        let before = self.guests.len();
        self.guests.retain(|guest| guest.id() != id);
        self.guests.len() != before
    }

    /// Everybody who may come in.
    pub(super) fn credentials(&self, now_s: u64) -> Vec<Credential> {
        self.guests.iter().filter(|guest| !guest.is_idle(now_s)).map(Guest::credential).collect()
    }

    /// Leaves out what is over: idle phones, and tokens that were spent long ago.
    pub(super) fn forget(&mut self, now_s: u64) {
        self.guests.retain(|guest| !guest.is_idle(now_s));
        self.tokens.retain(|token| {
            token.state(now_s) == TokenState::Fresh
                || now_s.abs_diff(token.expires_s) < SPENT_KEPT_S
        });
    }

    fn guest(&mut self, id: &str) -> Option<&mut Guest> {
        self.guests.iter_mut().find(|guest| guest.id() == id)
    }
}

/// Where a hash is. Looks at every one, whichever it is.
fn find<T>(all: &[T], hash_of: impl Fn(&T) -> &Hash, wanted: &Hash) -> Option<usize> {
    let mut found = None;
    for (at, one) in all.iter().enumerate() {
        if bool::from(hash_of(one).is(wanted)) {
            found = Some(at);
        }
    }
    found
}

/// At most [`NAME_BYTES_MAX`], cut at a character.
fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_BYTES_MAX)]
}

#[cfg(test)]
#[path = "lists_tests.rs"]
mod tests;
