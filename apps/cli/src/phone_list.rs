//! `lanlens phone --list` and `--remove`: who may come in through the page, and who no longer.

use anyhow::Result;
use lanlens_app::{EXIT_DONE, EXIT_FAILED, EXIT_NOTHING_FOUND};
use lanlens_identity::{Credential, PhoneKind, PhoneStore, unix_s};
use serde_json::json;

use crate::out;
use crate::table::Table;

/// Shorter beginnings of an id name nobody.
const ID_CHARS_MIN: usize = 4;

pub(crate) fn list(store: &PhoneStore, json: bool) -> Result<u8> {
    let all = store.list()?;
    if json {
        all.iter().for_each(|guest| {
            out(&format!(
                "{}\n",
                json!({
                    "id": guest.id, "name": guest.name, "kind": kind(guest.kind),
                    "scope": guest.scope.as_str(), "created_s": guest.created_s,
                    "used_s": guest.used_s,
                })
            ));
        });
    }
    if all.is_empty() {
        eprintln!("no phone and no encoder may come in: `lanlens phone` lets one in");
        return Ok(EXIT_NOTHING_FOUND);
    }
    if !json {
        let now_s = unix_s();
        let mut table = Table::new(&["NAME", "KIND", "MAY", "ID", "LAST HERE"]);
        for guest in all {
            let here = ago_days(now_s.saturating_sub(guest.used_s));
            let (kind, may) = (kind(guest.kind).to_owned(), guest.scope.as_str().to_owned());
            table.row(vec![guest.name, kind, may, guest.id, here]);
        }
        out(&table.to_string());
    }
    Ok(EXIT_DONE)
}

pub(crate) fn remove(store: &PhoneStore, whom: &str) -> Result<u8> {
    let all = store.list()?;
    match find(&all, whom).as_slice() {
        [] => {
            eprintln!("nobody is called {whom}: `lanlens phone --list` shows who there is");
            Ok(EXIT_NOTHING_FOUND)
        }
        [guest] => {
            if !store.revoke(&guest.id)? {
                eprintln!("{} had been removed already", guest.name);
                return Ok(EXIT_NOTHING_FOUND);
            }
            out(&format!("“{}” ({}) can come in no longer\n", guest.name, guest.id));
            Ok(EXIT_DONE)
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|guest| guest.id.as_str()).collect();
            eprintln!("error: {whom} may be several, name one by its id: {}", ids.join(", "));
            Ok(EXIT_FAILED)
        }
    }
}

/// By id, by the beginning of one, else by name.
fn find<'a>(all: &'a [Credential], whom: &str) -> Vec<&'a Credential> {
    let lower = whom.to_ascii_lowercase();
    let begins = |guest: &&Credential| whom.len() >= ID_CHARS_MIN && guest.id.starts_with(&lower);
    let by_name: Vec<_> = all.iter().filter(|guest| guest.name == whom).collect();
    let by_id = all.iter().filter(begins);
    // A name that looks like the beginning of another's id means both.
    by_id.filter(|guest| guest.name != whom).chain(by_name.iter().copied()).collect()
}

fn kind(kind: PhoneKind) -> &'static str {
    match kind {
        PhoneKind::Phone => "phone",
        PhoneKind::Encoder => "encoder",
    }
}

/// Uses are noted to the day.
fn ago_days(seconds: u64) -> String {
    match seconds / 86_400 {
        0 => "within a day".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_identity::PhoneScope;

    fn guest(id: &str, name: &str) -> Credential {
        let (kind, scope) = (PhoneKind::Phone, PhoneScope::Publish);
        let (id, name) = (id.to_owned(), name.to_owned());
        Credential { id, name, kind, scope, created_s: 0, used_s: 0 }
    }

    #[test]
    fn one_is_named_by_its_name_its_id_or_the_beginning_of_it() {
        let all = [
            guest("abcd000000000001", "Pixel"),
            guest("abcd000000000002", "Stage"),
            guest("ef01000000000003", "Stage"),
        ];
        let ids = |whom| find(&all, whom).iter().map(|guest| &guest.id[..4]).collect::<Vec<_>>();
        assert_eq!(ids("Pixel"), ["abcd"]);
        assert_eq!(ids("EF01"), ["ef01"]);
        assert_eq!(ids("abcd000000000002"), ["abcd"]);
        assert_eq!(ids("abcd").len(), 2, "nobody is removed by an id that two begin with");
        assert_eq!(ids("Stage").len(), 2);
        assert!(ids("ef0").is_empty() && ids("pixel").is_empty() && ids("").is_empty());
    }

    #[test]
    fn a_name_that_is_the_beginning_of_an_id_means_both() {
        let all = [guest("abcd000000000001", "Pixel"), guest("ef01000000000003", "abcd")];
        assert_eq!(find(&all, "abcd").len(), 2);
    }
}
