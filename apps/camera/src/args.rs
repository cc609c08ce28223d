//! The command line of `lanlens-camera`.

use clap::{Parser, ValueEnum};
use lanlens_app::{CommonArgs, WebArgs};
use lanlens_model::AccessMode;
use lanlens_node::{SourceSpec, Wish};

const EXAMPLES: &str = "\
Examples:
  lanlens-camera                                   the first camera of this computer
  lanlens-camera --name Nursery --size 640x360     a name, and less data on a weak Wi-Fi
  lanlens-camera --source pattern --access open    a moving test picture for everyone
  lanlens-camera --access invite                   only for those you give the link that
                                                   `lanlens trust invite` prints

The first viewer that asks for the picture owns the camera; other devices wait, with a code on
both screens, until its owner allows them in the viewer or with `lanlens trust` (--access ask).";

/// Shows this computer's camera to the viewers of the local network. No server, no account.
#[derive(Debug, Parser)]
#[command(name = "lanlens-camera", version, after_help = EXAMPLES)]
pub(crate) struct CameraArgs {
    /// Name that viewers see [default: “Camera” and four letters]
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// auto (first real camera), camera:N, /dev/videoN, pattern, or file:PATH (.y4m, looped)
    #[arg(long, default_value = "auto")]
    pub(crate) source: SourceSpec,

    /// Size of the picture [default: 1280x720, or what the camera offers near it]
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    size: Option<(u32, u32)>,

    /// Frames a second [default: 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=120))]
    fps: Option<u32>,

    /// Ceiling of the data rate in kbit/s [default: fits the size, 2500 for 1280x720]
    #[arg(long, value_name = "KBPS", value_parser = clap::value_parser!(u32).range(30..=50_000))]
    pub(crate) bitrate: Option<u32>,

    /// Who may watch
    #[arg(long, value_enum, default_value_t = AccessArg::Ask)]
    pub(crate) access: AccessArg,

    /// No window (there is none yet: this is always so)
    #[arg(long)]
    headless: bool,

    /// One JSON object a line on stdout, nothing else there
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) web: WebArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum AccessArg {
    /// The first viewer owns the camera, others wait
    Ask,
    /// Only viewers with the invitation that `lanlens trust invite` shows
    Invite,
    /// Anyone on the local network
    Open,
}

impl From<AccessArg> for AccessMode {
    fn from(access: AccessArg) -> Self {
        match access {
            AccessArg::Ask => AccessMode::Ask,
            AccessArg::Invite => AccessMode::Invite,
            AccessArg::Open => AccessMode::Open,
        }
    }
}

impl CameraArgs {
    pub(crate) fn wish(&self) -> Wish {
        Wish { size: self.size, fps: self.fps }
    }
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once(['x', 'X', '×']).ok_or("write it like 1280x720")?;
    let side = |text: &str| text.trim().parse::<u32>().map_err(|_| "write it like 1280x720");
    let (width, height) = (side(sides.0)?, side(sides.1)?);
    if !(16..=3840).contains(&width) || !(16..=2160).contains(&height) {
        return Err("must be from 16x16 to 3840x2160".to_owned());
    }
    Ok((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CameraArgs::command().debug_assert();
    }

    #[test]
    fn a_size_is_two_numbers_in_range() {
        assert_eq!(parse_size("640x360"), Ok((640, 360)));
        for text in ["640", "x", "640x", "0x0", "9999x9999", "-1x5", "a×b"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
