//! Flags that several programs have: where the home is, and what every node can be told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use lanlens_node::{NodeConfig, platform};

/// The flag of everything that uses a home, whether it runs a node or not.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network and storage")]
pub struct HomeArgs {
    /// Folder of identity, trust and settings [default: the platform's data folder]
    #[arg(long, env = "LANLENS_HOME", value_name = "DIR", global = true)]
    home: Option<PathBuf>,
}

impl HomeArgs {
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

    /// What must stand behind another program's command to mean the same home: empty, or a space and
    /// `--home DIR`, quoted for a shell where the path needs it.
    #[must_use]
    pub fn flag(&self) -> String {
        let Some(home) = &self.home else { return String::new() };
        let path = home.display().to_string();
        let plain = |c: char| c.is_alphanumeric() || "/._-\\:".contains(c);
        match path.chars().all(plain) {
            true => format!(" --home {path}"),
            false => format!(" --home '{}'", path.replace('\'', "'\\''")),
        }
    }
}

/// Flags of everything that uses the network, whether it runs a node or not.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network and storage")]
pub struct NetworkArgs {
    #[command(flatten)]
    home: HomeArgs,

    /// Use only this network interface (may be given several times)
    #[arg(long, value_name = "NAME")]
    pub interface: Vec<String>,

    /// Connect to this peer too, where multicast is blocked (may be given several times)
    #[arg(long, value_name = "IP:PORT")]
    pub peer: Vec<SocketAddr>,
}

impl NetworkArgs {
    /// The home folder.
    ///
    /// # Errors
    /// When none is given and the system names none.
    pub fn home(&self) -> Result<PathBuf> {
        self.home.home()
    }
}

/// Flags that stand on every program that runs a node.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network and storage")]
pub struct CommonArgs {
    #[command(flatten)]
    network: NetworkArgs,

    /// Listen for signaling exactly here [default: ports 17470 to 17479, every interface]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
}

impl CommonArgs {
    /// The home folder.
    ///
    /// # Errors
    /// When none is given and the system names none.
    pub fn home(&self) -> Result<PathBuf> {
        self.network.home()
    }

    /// What must stand behind another program's command to mean the same home; empty for the
    /// default one.
    #[must_use]
    pub fn home_flag(&self) -> String {
        self.network.home.flag()
    }

    /// Puts the flags into a node's configuration.
    #[must_use]
    pub fn apply(&self, config: NodeConfig) -> NodeConfig {
        NodeConfig {
            interfaces: self.network.interface.clone(),
            listen: self.listen,
            peers: self.network.peer.clone(),
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
    fn a_home_is_named_so_that_a_shell_understands_it() {
        let flag = |home: &str| HomeArgs { home: Some(home.into()) }.flag();
        assert_eq!(HomeArgs { home: None }.flag(), "");
        assert_eq!(flag("/tmp/a-b_c.d"), " --home /tmp/a-b_c.d");
        assert_eq!(flag("/tmp/Ann's home"), r" --home '/tmp/Ann'\''s home'");
    }

    #[test]
    fn seconds_may_have_a_fraction_but_no_nonsense() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "-1", "nan", "inf", "1e99", "ten"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
