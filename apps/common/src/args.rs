//! Flags that stand on every program that runs a node.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use lanlens_node::{NodeConfig, platform};

/// Flags that stand on every program that runs a node.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network and storage")]
pub struct CommonArgs {
    /// Folder of identity, trust and settings [default: the platform's data folder]
    #[arg(long, env = "LANLENS_HOME", value_name = "DIR")]
    home: Option<PathBuf>,

    /// Use only this network interface (may be given several times)
    #[arg(long, value_name = "NAME")]
    interface: Vec<String>,

    /// Listen for signaling exactly here [default: ports 17470 to 17479, every interface]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,

    /// Connect to this peer too, where multicast is blocked (may be given several times)
    #[arg(long, value_name = "IP:PORT")]
    peer: Vec<SocketAddr>,
}

impl CommonArgs {
    /// The home folder.
    ///
    /// # Errors
    /// When none is given and the system names none.
    pub fn home(&self) -> Result<PathBuf> {
        self.home
            .clone()
            .or_else(platform::default_home)
            .context("this system names no home folder; choose one with --home DIR")
    }

    /// Puts the flags into a node's configuration.
    #[must_use]
    pub fn apply(&self, config: NodeConfig) -> NodeConfig {
        NodeConfig {
            interfaces: self.interface.clone(),
            listen: self.listen,
            peers: self.peer.clone(),
            ..config
        }
    }
}

/// Seconds as people type them: `10`, `0.5`.
///
/// # Errors
/// In words, for anything but a number from 0 to a year.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if !(0.0..=31_536_000.0).contains(&seconds) {
        return Err("must be from 0 to a year".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction_but_no_nonsense() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "-1", "nan", "inf", "1e99", "ten"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
