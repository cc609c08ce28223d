//! `lanlens phone --encoder NAME`: a lasting token, and how the usual encoders take it.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use lanlens_app::EXIT_DONE;
use lanlens_identity::PhoneStore;
use lanlens_model::PhoneLink;
use serde_json::json;

use crate::out;

/// The encoder that is let in.
pub(crate) struct Encoder<'a> {
    pub(crate) name: &'a str,
    /// What another command needs behind it to mean the same home.
    pub(crate) home_flag: String,
}

impl Encoder<'_> {
    /// Makes its token and tells it, once. `links`: the WHIP endpoint at each address, the best first.
    pub(crate) fn admit(self, store: &PhoneStore, links: &[PhoneLink], json: bool) -> Result<u8> {
        let best = links.first().context("no address of this computer fits into a link")?;
        let (token, credential) = store.issue_encoder(self.name)?;
        let urls: Vec<&str> = links.iter().map(|link| link.url.as_str()).collect();
        if json {
            let (id, name) = (&credential.id, &credential.name);
            out(&format!(
                "{}\n",
                json!({ "token": token, "id": id, "name": name, "url": best.url, "urls": urls })
            ));
        } else if std::io::stdout().is_terminal() {
            let remove = format!("lanlens phone --remove {}{}", credential.id, self.home_flag);
            out(&words(&credential.name, &remove, &token, &urls));
        } else {
            out(&format!("{token}\n"));
        }
        Ok(EXIT_DONE)
    }
}

fn words(name: &str, remove: &str, token: &str, urls: &[&str]) -> String {
    let url = urls.first().copied().unwrap_or_default();
    let page = url.strip_suffix("whip").unwrap_or(url);
    let others: String = urls.iter().skip(1).map(|url| format!("          or {url}\n")).collect();
    format!(
        "\
“{name}” may publish with this token. It is shown only now, and lasts until
`{remove}`.

  token   {token}
  WHIP    {url}
{others}
H.264 in Constrained Baseline without B-frames, a keyframe at least every 2 s:

OBS        Settings, Stream: service WHIP, server and bearer token as above;
           Output, Advanced: x264, profile baseline, tune zerolatency, keyframe
           interval 2 s.
GStreamer  gst-launch-1.0 videotestsrc is-live=true ! videoconvert \\
             ! x264enc tune=zerolatency key-int-max=60 \\
             ! video/x-h264,profile=constrained-baseline ! h264parse \\
             ! rtph264pay config-interval=-1 aggregate-mode=zero-latency \\
             ! application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000 \\
             ! whipsink whip-endpoint={url} \\
               auth-token={token}
ffmpeg 8   ffmpeg -re -i FILE -an -c:v libx264 -profile:v baseline -bf 0 -g 60 \\
             -tune zerolatency -f whip -authorization {token} \\
             {url}

An encoder that refuses the certificate: install this home's root where it runs,
{page}trust offers it. Or, on this computer, start
the program with --whip-http 127.0.0.1:8889 and use http://127.0.0.1:8889/whip.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_holds_all_that_an_encoder_needs() {
        let urls = ["https://192.168.1.20:17443/whip", "https://10.0.0.2:17443/whip"];
        let text = words("Stage", "lanlens phone --remove 0123", "s3cret", &urls);
        assert!(text.starts_with("“Stage” may publish"));
        assert!(text.contains("  token   s3cret\n  WHIP    https://192.168.1.20:17443/whip\n"));
        assert!(text.contains("or https://10.0.0.2:17443/whip\n"));
        assert!(text.contains("`lanlens phone --remove 0123`"));
        assert!(text.contains("https://192.168.1.20:17443/trust offers it."));
        let longest = text.lines().filter(|line| !line.contains('=')).map(str::len).max();
        assert!(longest.unwrap() <= 82, "a terminal has 80 columns: {longest:?}");
    }
}
