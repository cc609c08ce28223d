//! The flags of the page for phones.

use std::net::SocketAddr;
use std::str::FromStr;

use clap::Args;
use clap::error::ErrorKind;
use lanlens_node::WebOptions;

/// Flags of the programs that serve a page for phones.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Phones and encoders")]
pub struct WebArgs {
    /// Serve the page for phones exactly here, or not at all [default: ports 17443 to 17452, every
    /// interface]
    #[arg(long, value_name = "IP:PORT|off")]
    web: Option<Web>,

    /// Let encoders on this computer publish by WHIP without TLS, at http://IP:PORT/whip
    #[arg(long, value_name = "127.0.0.1:PORT", value_parser = parse_loopback)]
    whip_http: Option<SocketAddr>,
}

/// What `--web` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Web {
    Off,
    At(SocketAddr),
}

impl FromStr for Web {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Web::Off),
            _ => text.parse().map(Web::At).map_err(|_| "write it like 192.168.1.20:17443, or off"),
        }
    }
}

fn parse_loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "write it like 127.0.0.1:8889".to_owned())?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("without TLS only this computer may come in: take 127.0.0.1".to_owned()),
    }
}

impl WebArgs {
    /// How the page is to be served; `None` for not at all.
    ///
    /// # Errors
    /// Wrong usage: flags that contradict each other.
    pub fn options(&self) -> Result<Option<WebOptions>, clap::Error> {
        let listen = match self.web {
            None => None,
            Some(Web::At(address)) => Some(address),
            Some(Web::Off) if self.whip_http.is_none() => return Ok(None),
            Some(Web::Off) => {
                let words = "--whip-http is a part of what --web off leaves away\n";
                return Err(clap::Error::raw(ErrorKind::ArgumentConflict, words));
            }
        };
        Ok(Some(WebOptions { listen, whip_http: self.whip_http }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        web: WebArgs,
    }

    fn options(args: &[&str]) -> Result<Option<WebOptions>, ErrorKind> {
        let program = Program::try_parse_from([&["program"], args].concat());
        program.and_then(|program| program.web.options()).map_err(|error| error.kind())
    }

    #[test]
    fn a_page_is_served_unless_somebody_says_off() {
        let (listen, whip_http) = (None, None);
        assert_eq!(options(&[]), Ok(Some(WebOptions { listen, whip_http })));
        assert_eq!(options(&["--web", "off"]), Ok(None));
        let at = "192.168.1.20:17443".parse().unwrap();
        let listen = Some(at);
        assert_eq!(
            options(&["--web", "192.168.1.20:17443"]),
            Ok(Some(WebOptions { listen, whip_http }))
        );
    }

    #[test]
    fn without_tls_only_this_computer_is_listened_to() {
        let at = |text: &str| Some(text.parse().unwrap());
        let found = options(&["--whip-http", "127.0.0.1:8889"]).unwrap().unwrap();
        assert_eq!(found.whip_http, at("127.0.0.1:8889"));
        let found = options(&["--whip-http", "[::1]:8889"]).unwrap().unwrap();
        assert_eq!(found.whip_http, at("[::1]:8889"));
        for text in ["0.0.0.0:8889", "192.168.1.20:8889", "8889", "[::]:1", "localhost:80"] {
            assert_eq!(options(&["--whip-http", text]), Err(ErrorKind::ValueValidation), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage() {
        for text in ["17443", "on", "", "192.168.1.20", "https://192.168.1.20"] {
            assert_eq!(options(&["--web", text]), Err(ErrorKind::ValueValidation), "{text}");
        }
        let both = options(&["--web", "off", "--whip-http", "127.0.0.1:8889"]);
        assert_eq!(both, Err(ErrorKind::ArgumentConflict));
    }
}
