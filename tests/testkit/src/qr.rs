//! Reads a QR code off a picture of a screen, as a phone's camera would: by somebody else's reader
//! (zbar), because a code that only our own code can read is none.

use std::process::Command;

use anyhow::{Context, Result};

use crate::picture::Picture;

/// zbar's exit status for a picture without a code.
const NOTHING: i32 = 4;

/// What the first QR code of a picture says; `None` where there is none.
///
/// # Errors
/// When `zbarimg` (Debian: zbar-tools) is missing or fails.
pub fn read(picture: &Picture) -> Result<Option<String>> {
    let folder = tempfile::Builder::new().prefix("lanlens-qr-").tempdir()?;
    let path = folder.path().join("screen.png");
    picture.write_png(&path)?;
    let mut command = Command::new("zbarimg");
    command.args(["--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable"]).arg(&path);
    let output = command.output().context("starting zbarimg (package zbar-tools)")?;
    if output.status.code() == Some(NOTHING) {
        return Ok(None);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "zbarimg failed: {}", words.trim());
    let text = String::from_utf8(output.stdout).context("the code is no text")?;
    Ok(text.lines().next().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_black_picture_says_nothing() {
        match read(&Picture::black(64, 64)) {
            Ok(text) => assert_eq!(text, None),
            Err(error) => assert!(format!("{error:#}").contains("zbar-tools"), "{error:#}"),
        }
    }
}
