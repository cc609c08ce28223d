//! `lanlens trust invite`: the link, and in a terminal a QR code of it.

use std::io::IsTerminal;

use anyhow::Result;
use clap::Args;
use lanlens_app::{EXIT_DONE, qr_lines};
use lanlens_identity::TrustStore;
use serde_json::json;

use crate::out;

pub(crate) const EXAMPLES: &str = "\
Examples:
  lanlens trust invite                  the link, and in a terminal its QR code
  lanlens trust invite --new            another one: the old one is worth nothing then
  lanlens trust invite | qrencode -o invitation.png

Whoever holds it may watch the cameras of this computer that run with --access invite.";

/// Flags of `lanlens trust invite`.
#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// Make a new one; whoever holds the old one needs the new one
    #[arg(long)]
    new: bool,

    /// {"link": …} on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &InviteArgs, store: &mut TrustStore) -> Result<u8> {
    let link = store.invitation(args.new)?.to_string();
    if args.json {
        out(&format!("{}\n", json!({ "link": link })));
    } else if std::io::stdout().is_terminal() {
        // Capitals fit into a smaller code, and the link may be read in any case.
        let code = qr_lines(&link.to_uppercase())?;
        out(&format!(
            "{code}\n{link}\n\nWhoever holds this may watch the cameras that run with --access invite: \
             paste it into the viewer there, or give it to `lanlens trust join`. Keep it among \
             you.\n"
        ));
    } else {
        out(&format!("{link}\n"));
    }
    Ok(EXIT_DONE)
}
