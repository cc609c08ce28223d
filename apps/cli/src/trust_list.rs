//! `lanlens trust list`: the lists as a table, or a line of JSON for each device.

use anyhow::Result;
use clap::Args;
use lanlens_app::{EXIT_DONE, EXIT_NOTHING_FOUND};
use lanlens_identity::short_id_chars;
use lanlens_model::{TrustView, Waiting};
use serde_json::{Value, json};

use crate::out;
use crate::table::Table;
use crate::trust::{called, short};

pub(crate) const EXAMPLES: &str = "\
Examples:
  lanlens trust list                    a table for people
  lanlens trust list --json             a line for each device: list, device, name, code, …

Exit code 3 when nobody waits and nobody is listed.";

/// Flags of `lanlens trust list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One JSON object a device on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListArgs, view: &TrustView, now_s: u64) -> Result<u8> {
    // Entries of programs that were killed stay until the next change.
    let waiting = || view.waiting.iter().filter(|waiting| waiting.until_s > now_s);
    if args.json {
        json_lines(view, waiting()).iter().for_each(|line| {
            out(&format!("{line}\n"));
        });
    }
    if waiting().next().is_none() && view.is_empty() {
        if !args.json {
            out(notes(view, now_s).trim_start());
        }
        return nobody(view);
    }
    if !args.json {
        out(&format!("{}{}", table(view, waiting(), now_s), notes(view, now_s)));
    }
    Ok(EXIT_DONE)
}

/// Tells that there is nobody to show.
pub(crate) fn nobody(view: &TrustView) -> Result<u8> {
    eprintln!(
        "{}",
        match view.claimed {
            true =>
                "nobody waits and nobody is listed, and the cameras are claimed: `lanlens trust \
                     reset` frees them",
            false =>
                "nobody waits and nobody is listed: the first viewer that asks owns the cameras",
        }
    );
    Ok(EXIT_NOTHING_FOUND)
}

fn json_lines<'a>(view: &TrustView, waiting: impl Iterator<Item = &'a Waiting>) -> Vec<Value> {
    let decided = [("owner", &view.owners), ("watcher", &view.watchers), ("denied", &view.denied)];
    let waiting = waiting.map(|w| {
        json!({
            "list": "waiting", "device": w.device, "name": w.name,
            "code": w.code, "camera": w.camera, "until_s": w.until_s,
        })
    });
    let decided = decided.into_iter().flat_map(|(list, devices)| {
        devices
            .iter()
            .map(move |(device, name)| json!({ "list": list, "device": device, "name": name }))
    });
    waiting.chain(decided).collect()
}

fn table<'a>(view: &TrustView, waiting: impl Iterator<Item = &'a Waiting>, now_s: u64) -> Table {
    let chars = short_id_chars(view);
    let mut table = Table::new(&["LIST", "NAME (unverified)", "DEVICE", "CODE", "CAMERA", "LEFT"]);
    for w in waiting {
        table.row(vec![
            "waiting".to_owned(),
            w.name.clone(),
            short(w.device, chars),
            w.code.spaced(),
            w.camera.clone(),
            format!("{} s", w.until_s - now_s),
        ]);
    }
    for (list, devices) in
        [("owner", &view.owners), ("watcher", &view.watchers), ("denied", &view.denied)]
    {
        for (device, name) in devices {
            table.row(vec![list.to_owned(), name.clone(), short(*device, chars)]);
        }
    }
    table
}

/// What else there is to know.
fn notes(view: &TrustView, now_s: u64) -> String {
    let mut notes = String::new();
    if view.waiting.iter().any(|waiting| waiting.until_s > now_s) {
        notes.push_str(
            "\nallow or deny by the code that both screens show: lanlens trust allow CODE\n",
        );
    }
    if let Some(news) = &view.news {
        let who = called(view, news.device, &news.name);
        let when = ago(now_s.saturating_sub(news.at_s));
        notes.push_str(&format!(
            "\n{who} claimed the cameras {when}: `lanlens trust dismiss` if you know it; if not, \
             `lanlens trust revoke` it and `lanlens trust allow CODE --owner` your own viewer\n"
        ));
    }
    if view.invitation.is_some() {
        notes.push_str("\nthere is an invitation: `lanlens trust invite` shows it\n");
    }
    notes
}

/// A time that has passed, as people say it.
fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => "just now".to_owned(),
        120..7200 => format!("{} minutes ago", seconds / 60),
        7200..172_800 => format!("{} hours ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::{Code, DeviceId, NodeId};

    fn device(n: u8) -> DeviceId {
        DeviceId::from_bytes([n; 16])
    }

    fn view() -> TrustView {
        let mut view = TrustView::default();
        view.claim(device(1), "Ann's phone", 1000);
        view.deny(device(2), "거실 TV");
        for (name, until_s) in [("Ben's laptop", 1600), ("too late", 1000)] {
            view.waiting.push(Waiting {
                device: device(3),
                name: name.to_owned(),
                node: NodeId::new(device(9), "camera-0"),
                camera: "Kitchen".to_owned(),
                code: Code::from_number(482_913),
                until_s,
            });
        }
        view
    }

    #[test]
    fn the_table_shows_who_waits_with_the_code_and_ids_to_paste() {
        let view = view();
        let text = table(&view, view.waiting.iter().take(1), 1016).to_string();
        let ids = [1, 2, 3].map(|n| device(n).to_string()[..8].to_owned());
        let expected = format!(
            "LIST     NAME (unverified)  DEVICE    CODE     CAMERA   LEFT\n\
             waiting  Ben's laptop       {}  482 913  Kitchen  584 s\n\
             owner    Ann's phone        {}\n\
             denied   거실 TV            {}\n",
            ids[2], ids[0], ids[1]
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn what_a_script_reads_has_whole_ids_and_no_more_fields_than_it_needs() {
        let view = view();
        let lines = json_lines(&view, view.waiting.iter().take(1));
        let expected = [
            json!({ "list": "waiting", "device": device(3), "name": "Ben's laptop",
                    "code": "482913", "camera": "Kitchen", "until_s": 1600 }),
            json!({ "list": "owner", "device": device(1), "name": "Ann's phone" }),
            json!({ "list": "denied", "device": device(2), "name": "거실 TV" }),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_claim_is_told_until_it_was_dismissed() {
        let mut view = view();
        assert!(notes(&view, 1000 + 7 * 60).contains("“Ann's phone” (device"));
        assert!(notes(&view, 1000 + 7 * 60).contains("claimed the cameras 7 minutes ago"));
        // A clock that was set back.
        assert!(notes(&view, 5).contains("just now"));
        view.news = None;
        assert!(!notes(&view, 2000).contains("claimed"));
    }

    #[test]
    fn times_read_as_people_say_them() {
        let times = [0, 119, 120, 7199, 7200, 172_799, 172_800];
        let expected = [
            "just now",
            "just now",
            "2 minutes ago",
            "119 minutes ago",
            "2 hours ago",
            "47 hours ago",
            "2 days ago",
        ];
        assert_eq!(times.map(ago), expected);
    }
}
