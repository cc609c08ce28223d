//! `lanlens trust`: who may watch this computer's cameras, decided in a terminal.
//!
//! Changes the home's file and nothing else: no node is started, and programs that run see the
//! change within a quarter of a second. The rules are in `lanlens_model`, the file in
//! `lanlens_identity`; here are the words.

use std::io::{IsTerminal, Write};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use lanlens_app::{EXIT_DONE, EXIT_FAILED, EXIT_NOTHING_FOUND, HomeArgs, say_error};
use lanlens_identity::{
    DecideError, FindError, Home, TrustStore, find_device, renew_key, short_id_chars, unix_s,
};
use lanlens_model::limits::INVITATIONS_MAX;
use lanlens_model::{Code, DeviceId, Invitation, TrustChange, TrustView};

use crate::{out, trust_invite, trust_list};

const EXIT_WRONG_USAGE: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  lanlens trust list                    who waits, who may watch, who was refused
  lanlens trust allow 482913            let in the device that shows this code
  lanlens trust revoke \"Ben's laptop\"   its picture stops at once
  lanlens trust invite                  a link and a QR code for --access invite

Cameras that run take a change over at once; nothing needs to be restarted.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing found.";

/// Flags of `lanlens trust`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TrustArgs {
    #[command(subcommand)]
    task: TrustTask,

    #[command(flatten)]
    home: HomeArgs,
}

#[derive(Debug, Subcommand)]
enum TrustTask {
    /// Who waits for leave, who may watch, who was refused
    #[command(after_help = trust_list::EXAMPLES)]
    List(trust_list::ListArgs),

    /// Let a device watch
    #[command(after_help = "\
Examples:
  lanlens trust allow 482913            the code that both screens show
  lanlens trust allow 482 913           the same
  lanlens trust allow k3jq7x2a          a device that `lanlens trust list` shows
  lanlens trust allow 482913 --owner    and let it allow and remove others, as your own viewer")]
    Allow(AllowArgs),

    /// Refuse a device, now and later
    #[command(after_help = "\
Examples:
  lanlens trust deny 482913             whoever shows this code
  lanlens trust deny k3jq7x2a           a device that `lanlens trust list` shows")]
    Deny(WhomArgs),

    /// Take back what a device was allowed: its picture stops at once
    #[command(after_help = "\
Examples:
  lanlens trust revoke k3jq7x2a         a device that `lanlens trust list` shows
  lanlens trust revoke \"Ben's laptop\"   the same by its name, if no other device has it

The cameras stay claimed, also when the last owner goes: `lanlens trust reset` frees them.")]
    Revoke(DeviceArgs),

    /// Forget everybody: the next viewer that asks owns the cameras
    #[command(after_help = "\
Examples:
  lanlens trust reset                   asks before it does so
  lanlens trust reset --yes             for scripts")]
    Reset(ConfirmArgs),

    /// The invitation to this computer's cameras, as a link and a QR code
    #[command(after_help = trust_invite::EXAMPLES)]
    Invite(trust_invite::InviteArgs),

    /// Use an invitation to somebody's cameras in this computer's viewer
    #[command(after_help = "\
Example:
  lanlens trust join lanlens:join/abcdefghijklmnopqrstuvwxyz")]
    Join(JoinArgs),

    /// The notice of who claimed the cameras has been read
    #[command(after_help = "\
Example:
  lanlens trust dismiss                 `lanlens trust list` shows the notice no more")]
    Dismiss,

    /// Become a new device: for a key that a second computer uses too
    #[command(after_help = "\
Examples:
  lanlens trust new-key                 asks before it does so
  lanlens trust new-key --yes           for scripts

Needed after a card or a home folder was copied. Close this home's programs first.")]
    NewKey(ConfirmArgs),
}

/// Whom to allow, and how much.
#[derive(Debug, Args)]
struct AllowArgs {
    #[command(flatten)]
    whom: WhomArgs,

    /// It may allow and remove others too, like the viewer that claimed the cameras
    #[arg(long)]
    owner: bool,
}

/// Whom `allow` and `deny` are about.
#[derive(Debug, Args)]
struct WhomArgs {
    /// The six digits that both screens show, or a device: its id, the beginning of it, or its name
    #[arg(value_name = "CODE|DEVICE", required = true)]
    whom: Vec<String>,
}

/// Whom `revoke` is about.
#[derive(Debug, Args)]
struct DeviceArgs {
    /// Its id, the beginning of it, or its name
    #[arg(value_name = "DEVICE", required = true)]
    device: Vec<String>,
}

/// For what cannot be undone.
#[derive(Debug, Args)]
struct ConfirmArgs {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Whose cameras.
#[derive(Debug, Args)]
struct JoinArgs {
    /// What `lanlens trust invite` printed there
    #[arg(value_name = "LINK", value_parser = parse_invitation)]
    link: Invitation,
}

fn parse_invitation(text: &str) -> Result<Invitation, String> {
    text.parse().map_err(|_| {
        "not an invitation: those are lanlens:join/ and 26 letters and digits".to_owned()
    })
}

pub(crate) fn run(args: TrustArgs) -> Result<u8> {
    let dir = args.home.home()?;
    if let TrustTask::List(_) = args.task
        && !dir.exists()
    {
        // Looking makes no home, least of all one that was mistyped.
        return trust_list::nobody(&TrustView::default());
    }
    let home = Home::open(dir)?;
    let mut store = TrustStore::open(&home);
    match args.task {
        TrustTask::List(args) => trust_list::run(&args, &store.load()?, unix_s()),
        TrustTask::Allow(args) => {
            let role = if args.owner { Role::Owner } else { Role::Watcher };
            found(decide(&mut store, &args.whom.whom.join(" "), Some(role)))
        }
        TrustTask::Deny(args) => found(decide(&mut store, &args.whom.join(" "), None)),
        TrustTask::Revoke(args) => found(revoke(&mut store, &args.device.join(" "))),
        TrustTask::Reset(args) => reset(&home, &mut store, &args),
        TrustTask::Invite(args) => trust_invite::run(&args, &mut store),
        TrustTask::Join(args) => join(&mut store, args.link),
        TrustTask::Dismiss => dismiss(&mut store),
        TrustTask::NewKey(args) => new_key(&home, &mut store, &args),
    }
}

/// Done, or, where nobody is meant, the exit code for that.
fn found(outcome: Result<()>) -> Result<u8> {
    let Err(error) = outcome else { return Ok(EXIT_DONE) };
    let nobody = matches!(error.downcast_ref(), Some(DecideError::NobodyWaits(_)))
        || matches!(error.downcast_ref(), Some(FindError::Nobody(_)));
    if nobody {
        say_error(&error);
        return Ok(EXIT_NOTHING_FOUND);
    }
    Err(error)
}

/// What a device may do that is let in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Watcher,
    Owner,
}

/// Lets somebody in in this role, or nobody.
fn decide(store: &mut TrustStore, whom: &str, role: Option<Role>) -> Result<()> {
    let Ok(code) = whom.parse::<Code>() else { return decide_device(store, whom, role) };
    let decided = store.decide_code(code, role.is_some(), unix_s())?;
    if role == Some(Role::Owner) {
        store.change(|view| view.make_owner(decided.device, &decided.name))?;
    }
    let who = called(&decided.trust, decided.device, &decided.name);
    let state = match role {
        Some(Role::Owner) => "is now an owner of the cameras",
        Some(Role::Watcher) => "may now watch",
        None => "may not watch",
    };
    out(&format!("{who} {state}\n"));
    Ok(())
}

fn decide_device(store: &mut TrustStore, whom: &str, role: Option<Role>) -> Result<()> {
    let (view, outcome) = store.change(|view| -> Result<_> {
        let found = find_device(view, whom)?;
        let (device, could) = (found.device, view.admits(found.device));
        let code = view.waiting.iter().find(|waiting| waiting.device == device).map(|w| w.code);
        match (role, code) {
            // Anybody can call himself anything, so a name opens no door.
            (Some(_), Some(code)) if found.by_name => bail!(
                "who waits as “{whom}” has only said so: compare the code on both screens, then \
                 `lanlens trust allow {code}`"
            ),
            (Some(_), None) if found.by_name => bail!(
                "“{whom}” is a name that anybody can take: `lanlens trust allow {device}` if it is \
                 this device that you mean"
            ),
            (Some(Role::Owner), _) => view.make_owner(device, &found.name),
            (Some(Role::Watcher), _) => view.allow(device, &found.name),
            (None, _) => view.deny(device, &found.name),
        }
        Ok((found, could))
    })?;
    let (found, could) = outcome?;
    let state = match (role, could) {
        (Some(Role::Owner), _) => "is now an owner of the cameras",
        (Some(Role::Watcher), false) => "may now watch",
        (Some(Role::Watcher), true) => "may watch already",
        (None, true) => "may no longer watch",
        (None, false) => "may not watch",
    };
    out(&format!("{} {state}\n", called(&view, found.device, &found.name)));
    Ok(())
}

fn revoke(store: &mut TrustStore, whom: &str) -> Result<()> {
    decide_device(store, whom, None)?;
    if store.load()?.invitation.is_some() {
        out(
            "whoever still has the invitation can come back as a new device: `lanlens trust invite \
             --new` makes another\n",
        );
    }
    Ok(())
}

/// A device in a sentence.
pub(crate) fn called(view: &TrustView, device: DeviceId, name: &str) -> String {
    let id = short(device, short_id_chars(view));
    match name.is_empty() {
        true => format!("device {id}"),
        false => format!("“{name}” (device {id})"),
    }
}

/// The beginning of an id.
pub(crate) fn short(device: DeviceId, chars: usize) -> String {
    device.to_string().chars().take(chars).collect()
}

fn reset(home: &Home, store: &mut TrustStore, args: &ConfirmArgs) -> Result<u8> {
    let what = format!(
        "This forgets everyone who may watch or was refused, and every invitation, in {}. The next \
         viewer that asks owns the cameras.",
        home.dir().display()
    );
    if let Some(code) = confirm(&what, args) {
        return Ok(code);
    }
    store.reset()?;
    out("everybody is forgotten: the next viewer that asks owns the cameras\n");
    Ok(EXIT_DONE)
}

fn new_key(home: &Home, store: &mut TrustStore, args: &ConfirmArgs) -> Result<u8> {
    let what = format!(
        "This replaces the key in {} for good. The cameras of others will not know this computer \
         any more.",
        home.dir().display()
    );
    if let Some(code) = confirm(&what, args) {
        return Ok(code);
    }
    let device = renew_key(home)?;
    out(&format!(
        "this home is now the device {device}\n\
         who may watch its cameras stays as it was; at the cameras of others it has to ask again\n"
    ));
    if store.load()?.invitation.is_some() {
        out("a copy of the home holds its invitation too: `lanlens trust invite --new` makes \
             another\n");
    }
    Ok(EXIT_DONE)
}

/// Asks whether to go on; the exit code if not.
fn confirm(what: &str, args: &ConfirmArgs) -> Option<u8> {
    if args.yes {
        return None;
    }
    let mut stderr = std::io::stderr();
    if !std::io::stdin().is_terminal() || !stderr.is_terminal() {
        eprintln!("error: this cannot be undone: add --yes, or run it in a terminal to be asked");
        return Some(EXIT_WRONG_USAGE);
    }
    let mut answer = String::new();
    let asked = write!(stderr, "{what}\nGo on? [y/N] ").and_then(|()| stderr.flush());
    let heard = asked.and_then(|()| std::io::stdin().read_line(&mut answer));
    if heard.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes" | "Yes") {
        return None;
    }
    eprintln!("nothing was changed");
    Some(EXIT_FAILED)
}

fn join(store: &mut TrustStore, invitation: Invitation) -> Result<u8> {
    let before = store.load()?.joined;
    let view = store.apply(&TrustChange::Join(invitation))?;
    out("kept: this computer's viewer shows it to cameras that ask for an invitation\n");
    if before.iter().any(|held| !view.joined.contains(held)) {
        out(&format!("the oldest was dropped for it: {INVITATIONS_MAX} are kept\n"));
    }
    Ok(EXIT_DONE)
}

fn dismiss(store: &mut TrustStore) -> Result<u8> {
    let (_, news) = store.change(|view| view.news.take())?;
    out(match news {
        Some(_) => "the notice is gone; the owner stays\n",
        None => "there is no notice\n",
    });
    Ok(EXIT_DONE)
}
