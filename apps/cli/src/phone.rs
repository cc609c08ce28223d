//! `lanlens phone`: lets a phone or an encoder in through the page that a running program serves.
//!
//! Starts no node and asks no program: it writes into the home what that program reads there, a token
//! for one phone or a lasting one for an encoder.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};
use clap::Args;
use lanlens_app::{EXIT_DONE, EXIT_FAILED, EXIT_NOTHING_FOUND, HomeArgs, phone_links};
use lanlens_identity::{Door, Home, PhoneScope, PhoneStore, WebRoot, running_doors};
use lanlens_model::limits::PHONE_TOKEN_TIME;
use lanlens_model::{NetworkKind, PhoneLink};
use lanlens_node::{best_first, interfaces};
use serde_json::json;

use crate::{out, phone_encoder, phone_list};

const EXAMPLES: &str = "\
Examples:
  lanlens phone                         a code to scan, good for one phone
  lanlens phone | head -n 1 | qrencode -o phone.png
  lanlens phone --encoder Stage         a lasting token for OBS, GStreamer or ffmpeg
  lanlens phone --list                  which phones and encoders may come in
  lanlens phone --remove Stage          one of them no longer

A program of this home must run that serves the page: lanlens-viewer or lanlens-camera, without
--web off.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing found.";

/// Flags of `lanlens phone`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PhoneArgs {
    /// Make a lasting token for an encoder that speaks WHIP, and say how to use it
    #[arg(long, value_name = "NAME", group = "task", value_parser = parse_name)]
    encoder: Option<String>,

    /// Which phones and encoders may come in
    #[arg(long, group = "task")]
    list: bool,

    /// Let one of them come in no longer
    #[arg(long, value_name = "NAME|ID", group = "task")]
    remove: Option<String>,

    /// JSON on stdout
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    home: HomeArgs,
}

fn parse_name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a name is what viewers show: give it one".to_owned()),
        name => Ok(name.to_owned()),
    }
}

pub(crate) fn run(args: &PhoneArgs) -> Result<u8> {
    let home = Home::open(&args.home.home()?)?;
    let store = PhoneStore::open(&home);
    if args.list {
        return phone_list::list(&store, args.json);
    }
    if let Some(whom) = &args.remove {
        return phone_list::remove(&store, whom);
    }
    let Some(door) = best_door(running_doors(&home)) else {
        eprintln!(
            "no program of this home serves a page for phones now: start lanlens-viewer or \
             lanlens-camera (without --web off), then try again"
        );
        return Ok(EXIT_NOTHING_FOUND);
    };
    if door.addresses.is_empty() {
        eprintln!("error: this computer has no network that a phone could be in");
        return Ok(EXIT_FAILED);
    }
    match &args.encoder {
        Some(name) => {
            let encoder = phone_encoder::Encoder { name, home_flag: args.home.flag() };
            encoder.admit(&store, &links(&door, "whip"), args.json)
        }
        None => show_code(&home, &store, &door, args.json),
    }
}

/// Any would do: all let in whoever the home lets in. A viewer is where the picture is wanted.
fn best_door(mut doors: Vec<Door>) -> Option<Door> {
    doors.sort_by_key(|door| !door.slot.starts_with("viewer"));
    doors.into_iter().next()
}

fn show_code(home: &Home, store: &PhoneStore, door: &Door, json: bool) -> Result<u8> {
    let token = store.issue_token(PhoneScope::Publish)?;
    let links = links(door, &format!("#{}", token.text));
    let best = links.first().context("no address of this computer fits into a link")?;
    let fingerprint = WebRoot::load_or_create(home)?.fingerprint();
    if json {
        let urls: Vec<_> = links.iter().map(as_json).collect();
        out(&format!(
            "{}\n",
            json!({
                "url": best.url, "urls": urls, "expires_s": token.expires_s,
                "fingerprint": fingerprint,
            })
        ));
    } else if std::io::stdout().is_terminal() {
        let minutes = PHONE_TOKEN_TIME.as_secs() / 60;
        out(&format!(
            "{}\nGood for {minutes} minutes, once.\nCertificate (SHA-256): {fingerprint}\n",
            phone_links(&links)?
        ));
    } else {
        links.iter().for_each(|link| {
            out(&format!("{}\n", link.url));
        });
    }
    Ok(EXIT_DONE)
}

fn as_json(link: &PhoneLink) -> serde_json::Value {
    let network = match link.network {
        NetworkKind::Local => "local",
        NetworkKind::Vpn => "vpn",
        NetworkKind::Virtual => "virtual",
    };
    let interface = Some(&link.interface).filter(|interface| !interface.is_empty());
    json!({ "url": link.url, "interface": interface, "network": network })
}

/// The page at each of its addresses with `path` behind it, the best first.
fn links(door: &Door, path: &str) -> Vec<PhoneLink> {
    let here = interfaces::local_addresses(&[]).unwrap_or_default();
    let with_interface = |ip: &IpAddr| {
        let known = here.iter().find(|address| address.ip == *ip).cloned();
        // An address that is gone, or is another namespace's: nothing speaks against it.
        known.unwrap_or(interfaces::LocalAddress {
            interface: String::new(),
            ip: *ip,
            scope: 0,
            is_point_to_point: false,
        })
    };
    let links = best_first(door.addresses.iter().map(with_interface).collect()).into_iter();
    links
        .filter(|(address, _)| match address.ip {
            // It means something else on every machine, and fits into no link.
            IpAddr::V6(ip) => !ip.is_unicast_link_local(),
            IpAddr::V4(_) => true,
        })
        .map(|(address, network)| PhoneLink {
            url: format!("https://{}/{path}", SocketAddr::new(address.ip, door.port)),
            ip: address.ip,
            interface: address.interface,
            network,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use lanlens_identity::{DoorGuard, PhoneKind};

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        phone: PhoneArgs,
    }

    /// The exit code; 2 for wrong usage.
    fn exit(home: &Home, args: &[&str]) -> u8 {
        let home = home.dir().to_str().unwrap();
        let args = [&["lanlens", "--home", home], args].concat();
        Program::try_parse_from(args).map_or(2, |program| run(&program.phone).unwrap())
    }

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        (dir, home)
    }

    #[test]
    fn nothing_is_given_out_while_no_program_serves_a_page() {
        let (_dir, home) = home();
        assert_eq!(exit(&home, &[]), EXIT_NOTHING_FOUND);
        assert_eq!(exit(&home, &["--encoder", "Stage"]), EXIT_NOTHING_FOUND);
        assert_eq!(PhoneStore::open(&home).list().unwrap(), []);
        assert_eq!(exit(&home, &["--list"]), EXIT_NOTHING_FOUND);
    }

    #[test]
    fn an_encoder_is_let_in_listed_and_removed() {
        let (_dir, home) = home();
        let running = DoorGuard::open(&home, "camera-pattern-0").unwrap();
        running.tell(17443, &["203.0.113.7".parse().unwrap()]).unwrap();
        assert_eq!(exit(&home, &[]), EXIT_DONE);
        assert_eq!(exit(&home, &["--encoder", " Stage ", "--json"]), EXIT_DONE);
        let store = PhoneStore::open(&home);
        let all = store.list().unwrap();
        assert_eq!(all.len(), 1, "a token is no guest: {all:?}");
        assert_eq!((all[0].name.as_str(), all[0].kind), ("Stage", PhoneKind::Encoder));
        assert_eq!(exit(&home, &["--list"]), EXIT_DONE);
        assert_eq!(exit(&home, &["--remove", "Nobody"]), EXIT_NOTHING_FOUND);
        assert_eq!(store.list().unwrap().len(), 1);
        assert_eq!(exit(&home, &["--remove", "Stage"]), EXIT_DONE);
        assert_eq!(store.list().unwrap(), []);
    }

    #[test]
    fn a_page_without_a_network_lets_nobody_in() {
        let (_dir, home) = home();
        let running = DoorGuard::open(&home, "viewer-screen-0").unwrap();
        running.tell(17443, &[]).unwrap();
        assert_eq!(exit(&home, &[]), EXIT_FAILED);
    }

    #[test]
    fn one_thing_is_done_at_a_time() {
        let (_dir, home) = home();
        assert_eq!(exit(&home, &["--list", "--encoder", "Stage"]), 2);
        assert_eq!(exit(&home, &["--encoder", " "]), 2);
    }

    fn door(slot: &str, addresses: &[&str]) -> Door {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        Door { slot: slot.to_owned(), port: 17443, addresses }
    }

    #[test]
    fn the_viewers_page_is_taken_where_several_programs_serve_one() {
        let doors = || vec![door("camera-pattern-0", &[]), door("viewer-screen-0", &[])];
        assert_eq!(best_door(doors()).unwrap().slot, "viewer-screen-0");
        assert_eq!(best_door(doors()[..1].to_vec()).unwrap().slot, "camera-pattern-0");
        assert_eq!(best_door(Vec::new()), None);
    }

    #[test]
    fn links_are_what_a_phone_can_open_the_likeliest_first() {
        // Addresses for documentation: no machine has them.
        let door = door("viewer-screen-0", &["2001:db8::7", "fe80::7", "203.0.113.7"]);
        let urls: Vec<String> = links(&door, "#t").into_iter().map(|link| link.url).collect();
        assert_eq!(urls, ["https://203.0.113.7:17443/#t", "https://[2001:db8::7]:17443/#t"]);
    }
}
