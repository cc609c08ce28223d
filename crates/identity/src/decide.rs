//! Allow or deny: whom a person means by a code, an id or a name, and the one change that follows.
//!
//! Owns the matching; knows nothing of where the words were typed.

use std::collections::BTreeMap;

use lanlens_model::{Code, DeviceId, TrustView};
use thiserror::Error;

use crate::{TrustError, TrustStore};

/// Characters of an id that are shown: more than the six of a code, so that it is never taken for
/// one.
const SHORT_ID_CHARS: usize = 8;

/// Why nothing was decided.
#[derive(Debug, Error)]
pub enum DecideError {
    /// The code is wrong, or too old, or somebody has decided already.
    #[error(
        "nobody waits here with the code {}: `lanlens trust list` on the camera's computer shows \
         who waits", .0.spaced()
    )]
    NobodyWaits(Code),
    /// Two devices came to the same code by chance, or one is trying to.
    #[error(
        "two devices wait with the code {}: give the device id that `lanlens trust list` shows \
         instead, after comparing more than the code", .0.spaced()
    )]
    SameCode(Code),
    /// The lists cannot be changed.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Whom a decision was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The device.
    pub device: DeviceId,
    /// The name under which it waited, unverified.
    pub name: String,
    /// The lists as they are now.
    pub trust: TrustView,
}

impl TrustStore {
    /// Allows or denies the one device that waits with `code` at `now_s` (seconds since 1970),
    /// whether at one program of this home or at several.
    ///
    /// # Errors
    /// See [`DecideError`]; nothing was changed then.
    pub fn decide_code(
        &mut self,
        code: Code,
        allow: bool,
        now_s: u64,
    ) -> Result<Decided, DecideError> {
        let (trust, found) = self.change(|view| {
            let (device, name) = waits_with(view, code, now_s)?;
            match allow {
                true => view.allow(device, &name),
                false => view.deny(device, &name),
            }
            Ok((device, name))
        })?;
        found.map(|(device, name)| Decided { device, name, trust })
    }
}

fn waits_with(view: &TrustView, code: Code, now_s: u64) -> Result<(DeviceId, String), DecideError> {
    let mut matching =
        view.waiting.iter().filter(|waiting| waiting.code == code && waiting.until_s > now_s);
    let first = matching.next().ok_or(DecideError::NobodyWaits(code))?;
    match matching.all(|waiting| waiting.device == first.device) {
        true => Ok((first.device, first.name.clone())),
        false => Err(DecideError::SameCode(code)),
    }
}

/// Why no device was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FindError {
    /// No id begins so, and no name is this one.
    #[error("no device here is called “{0}”: `lanlens trust list` shows those that are")]
    Nobody(String),
    /// More than one is meant.
    #[error(
        "more than one device here is called “{0}”: give more of the id that `lanlens trust list` \
         shows"
    )]
    Several(String),
}

/// A device that somebody means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The device.
    pub device: DeviceId,
    /// Its name in the lists, unverified; empty if a whole id was given that is not listed.
    pub name: String,
    /// It was found by its name alone, which proves nothing.
    pub by_name: bool,
}

/// The device that `text` means: a whole id, the beginning of exactly one listed id, or the name
/// of exactly one listed device. Whoever waits counts as listed.
///
/// A name that looks like the beginning of another's id is no help to its bearer: then both are
/// meant, and that is an error.
///
/// # Errors
/// See [`FindError`].
pub fn find_device(view: &TrustView, text: &str) -> Result<Found, FindError> {
    let text = text.trim();
    let listed = listed(view);
    if let Ok(device) = text.parse::<DeviceId>() {
        let name = listed.get(&device).map(|name| (*name).to_owned()).unwrap_or_default();
        return Ok(Found { device, name, by_name: false });
    }
    if text.is_empty() {
        return Err(FindError::Nobody(text.to_owned()));
    }
    let start = text.to_lowercase();
    let mut matching = listed.iter().filter_map(|(device, name)| {
        // Shorter beginnings are drawn in a moment by whoever wants to be taken for a name.
        let by_id = start.len() >= ID_CHARS_MIN && device.to_string().starts_with(&start);
        (by_id || *name == text).then(|| Found {
            device: *device,
            name: (*name).to_owned(),
            by_name: !by_id,
        })
    });
    let found = matching.next().ok_or_else(|| FindError::Nobody(text.to_owned()))?;
    match matching.next() {
        None => Ok(found),
        Some(_) => Err(FindError::Several(text.to_owned())),
    }
}

/// The shortest beginning of an id that means a device: 40 bits.
const ID_CHARS_MIN: usize = 8;

/// How many characters of an id tell the listed devices apart; at least eight. [`find_device`]
/// takes an id of this length back.
pub fn short_id_chars(view: &TrustView) -> usize {
    let mut ids: Vec<String> = listed(view).keys().map(ToString::to_string).collect();
    // The two that are most alike stand side by side then.
    ids.sort_unstable();
    let alike =
        |pair: &[String]| pair[0].chars().zip(pair[1].chars()).take_while(|(a, b)| a == b).count();
    ids.windows(2).map(|pair| alike(pair) + 1).max().unwrap_or(0).max(SHORT_ID_CHARS)
}

/// Every device that the lists speak of, once, with its name.
fn listed(view: &TrustView) -> BTreeMap<DeviceId, &str> {
    let decided = [&view.owners, &view.watchers, &view.denied].into_iter().flatten();
    let waiting = view.waiting.iter().map(|waiting| (&waiting.device, &waiting.name));
    // A name that was decided upon counts for more than one that is only claimed now.
    waiting.chain(decided).map(|(device, name)| (*device, name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Home;
    use lanlens_model::{NodeId, TrustChange, Waiting};

    fn device(first: u8, last: u8) -> DeviceId {
        let mut bytes = [first; 16];
        bytes[15] = last;
        DeviceId::from_bytes(bytes)
    }

    fn waits(device: DeviceId, name: &str, node: &str, code: u64, until_s: u64) -> Waiting {
        Waiting {
            device,
            name: name.to_owned(),
            node: NodeId::new(super::tests::device(99, 0), node),
            camera: "Kitchen".to_owned(),
            code: Code::from_number(code),
            until_s,
        }
    }

    fn store(waiting: &[Waiting]) -> (tempfile::TempDir, TrustStore) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = TrustStore::open(&Home::open(dir.path()).unwrap());
        for waiting in waiting {
            store.apply(&TrustChange::Wait(waiting.clone())).unwrap();
        }
        (dir, store)
    }

    const LATER: u64 = u64::MAX;

    #[test]
    fn the_device_that_shows_the_code_is_decided_upon_wherever_it_waits() {
        let (ben, eve) = (device(1, 0), device(2, 0));
        let (_dir, mut store) = store(&[
            waits(ben, "Ben", "a", 7, LATER),
            waits(ben, "Ben", "b", 7, LATER),
            waits(eve, "Eve", "a", 8, LATER),
        ]);
        let decided = store.decide_code(Code::from_number(7), true, 0).unwrap();
        assert_eq!((decided.device, decided.name.as_str()), (ben, "Ben"));
        assert_eq!(decided.trust.watchers[&ben], "Ben");
        assert_eq!(decided.trust.waiting.len(), 1);
        let decided = store.decide_code(Code::from_number(8), false, 0).unwrap();
        assert_eq!(decided.trust.denied[&eve], "Eve");
        assert_eq!(store.load().unwrap(), decided.trust);
        // Decided is decided: the code is worth nothing more.
        let again = store.decide_code(Code::from_number(8), true, 0).unwrap_err();
        assert!(matches!(again, DecideError::NobodyWaits(_)), "{again}");
    }

    #[test]
    fn a_code_that_two_devices_show_decides_nothing_and_says_to_use_the_id() {
        let (ben, eve) = (device(1, 0), device(2, 0));
        let (_dir, mut store) = store(&[
            waits(ben, "Ben", "a", 482_913, LATER),
            waits(eve, "Ben", "a", 482_913, LATER),
        ]);
        let before = store.load().unwrap();
        let error = store.decide_code(Code::from_number(482_913), true, 0).unwrap_err();
        assert!(matches!(error, DecideError::SameCode(_)), "{error}");
        assert!(error.to_string().contains("482 913: give the device id"), "{error}");
        assert_eq!(store.load().unwrap(), before);
    }

    #[test]
    fn a_wrong_or_old_code_decides_nothing_and_says_what_to_do() {
        let ben = device(1, 0);
        let (_dir, mut store) = store(&[waits(ben, "Ben", "a", 7, LATER - 1)]);
        for (code, now_s) in [(8, 0), (7, LATER - 1)] {
            let error = store.decide_code(Code::from_number(code), true, now_s).unwrap_err();
            assert!(matches!(error, DecideError::NobodyWaits(_)), "{error}");
            assert!(error.to_string().contains("`lanlens trust list`"), "{error}");
        }
        assert!(store.load().unwrap().is_empty());
        store.decide_code(Code::from_number(7), true, LATER - 2).unwrap();
    }

    fn view() -> TrustView {
        let mut view = TrustView::default();
        view.claim(device(1, 0), "Ann's phone", 0);
        view.allow(device(2, 0), "Laptop");
        view.deny(device(2, 1), "Laptop");
        view.apply(&TrustChange::Wait(waits(device(3, 0), "Ben", "a", 7, 600)));
        view.apply(&TrustChange::Wait(waits(device(3, 0), "Ben", "b", 7, 600)));
        view
    }

    #[test]
    fn a_device_is_found_by_its_id_its_beginning_or_a_name_of_its_own() {
        let view = view();
        let found = |text: &str| find_device(&view, text).map(|f| (f.device, f.name, f.by_name));
        let ann = device(1, 0).to_string();
        let expected = Ok((device(1, 0), "Ann's phone".to_owned(), false));
        assert_eq!(found(&ann), expected);
        assert_eq!(found(&ann.to_uppercase()), expected);
        assert_eq!(found(&ann[..SHORT_ID_CHARS]), expected);
        assert_eq!(found(" Ann's phone "), Ok((device(1, 0), "Ann's phone".to_owned(), true)));
        assert_eq!(found("Ben"), Ok((device(3, 0), "Ben".to_owned(), true)));
        let unknown = device(77, 0);
        assert_eq!(found(&unknown.to_string()), Ok((unknown, String::new(), false)));
    }

    #[test]
    fn what_means_nobody_or_several_is_an_error() {
        let mut view = view();
        for text in ["", "  ", "Carla", "1", &device(77, 0).to_string()[..25]] {
            let error = find_device(&view, text).unwrap_err();
            assert!(matches!(error, FindError::Nobody(_)), "{text}: {error}");
        }
        let alike = device(2, 0).to_string();
        for text in ["Laptop", &alike[..8]] {
            let error = find_device(&view, text).unwrap_err();
            assert!(matches!(error, FindError::Several(_)), "{text}: {error}");
        }
        // Who calls himself like the beginning of the owner's id is not taken for the owner, and
        // the owner not for him.
        let ann = device(1, 0).to_string();
        view.apply(&TrustChange::Wait(waits(device(4, 0), &ann[..8], "a", 9, 600)));
        assert!(matches!(find_device(&view, &ann[..8]), Err(FindError::Several(_))));
        assert_eq!(find_device(&view, &ann[..9]).unwrap().device, device(1, 0));
    }

    #[test]
    fn a_short_id_finds_its_device_and_is_never_taken_for_a_code() {
        assert_eq!(short_id_chars(&TrustView::default()), SHORT_ID_CHARS);
        let view = view();
        let chars = short_id_chars(&view);
        for device in listed(&view).keys() {
            let short = &device.to_string()[..chars];
            assert_eq!(find_device(&view, short).map(|f| f.device), Ok(*device), "{short}");
            assert!(short.parse::<Code>().is_err());
        }
    }
}
