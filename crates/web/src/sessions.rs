//! Which sessions there are, whose, and the entity tag of each.

use std::collections::BTreeMap;

use lanlens_model::limits::CREDENTIALS_MAX;

use crate::SessionKey;

#[derive(Debug)]
struct Entry {
    guest: String,
    ice: String,
}

/// The table of sessions: one a credential, since a new one replaces the last.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_key: BTreeMap<SessionKey, Entry>,
}

impl Sessions {
    /// A session that begins; the same guest's last one is over.
    pub(crate) fn begin(&mut self, guest: &str, key: SessionKey, ice: String) {
        self.by_key.retain(|_, entry| entry.guest != guest);
        // Credentials that were revoked leave theirs behind.
        if self.by_key.len() >= CREDENTIALS_MAX {
            self.by_key.pop_first();
        }
        self.by_key.insert(key, Entry { guest: guest.to_owned(), ice });
    }

    /// What names the ICE session now; `None` if there is no such session, or it is somebody else's.
    pub(crate) fn ice(&self, guest: &str, key: &SessionKey) -> Option<&str> {
        let entry = self.by_key.get(key).filter(|entry| entry.guest == guest)?;
        Some(&entry.ice)
    }

    /// ICE began anew.
    pub(crate) fn restart(&mut self, key: &SessionKey, ice: String) {
        if let Some(entry) = self.by_key.get_mut(key) {
            entry.ice = ice;
        }
    }

    /// A session that is over.
    pub(crate) fn end(&mut self, key: &SessionKey) {
        self.by_key.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> SessionKey {
        SessionKey(format!("{n:03}"))
    }

    #[test]
    fn a_guest_has_one_session_and_sees_no_other() {
        let mut sessions = Sessions::default();
        sessions.begin("a", key(1), "x".into());
        sessions.begin("b", key(2), "y".into());
        assert_eq!(sessions.ice("a", &key(1)), Some("x"));
        assert_eq!(sessions.ice("a", &key(2)), None);
        sessions.restart(&key(1), "z".into());
        assert_eq!(sessions.ice("a", &key(1)), Some("z"));
        sessions.begin("a", key(3), "w".into());
        assert_eq!(sessions.ice("a", &key(1)), None);
        sessions.end(&key(3));
        assert_eq!(sessions.ice("a", &key(3)), None);
    }

    #[test]
    fn the_table_does_not_grow_with_credentials_that_come_and_go() {
        let mut sessions = Sessions::default();
        for n in 0..=CREDENTIALS_MAX {
            sessions.begin(&n.to_string(), key(n), String::new());
        }
        assert_eq!(sessions.by_key.len(), CREDENTIALS_MAX);
    }
}
