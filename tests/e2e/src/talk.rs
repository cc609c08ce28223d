//! What a hand-made peer says once it is greeted: it answers pings, asks for leave, shows proofs.

use std::io::ErrorKind;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use lanlens_model::DeviceId;
use serde_json::{Value, json};
use tungstenite::{Error as WsError, Message};

use crate::peer::{Key, PATIENCE, Peer};
use crate::proofs::{self, Bytes32};

/// How long a peer waits for one answer.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How often a silent socket is left to look at the clock.
const LOOK: Duration = Duration::from_millis(10);

/// What came of asking for leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Both ends show this code.
    Code(String),
    /// Nobody is asked, for this reason.
    Ended(String),
}

impl Asked {
    /// The code.
    ///
    /// # Errors
    /// When nobody was asked; with the reason.
    pub fn code(self) -> Result<String> {
        match self {
            Asked::Code(code) => Ok(code),
            Asked::Ended(reason) => bail!("a code was expected, and the answer was `{reason}`"),
        }
    }
}

impl Peer {
    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn say(&mut self, message: &Value) -> Result<()> {
        self.send(&message.to_string())
    }

    /// The next message within `limit`, if any. Pings are answered on the way and not shown.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn hear(&mut self, limit: Duration) -> Result<Option<Value>> {
        self.socket.get_ref().tcp().set_read_timeout(Some(LOOK))?;
        let heard = self.hear_until(Instant::now() + limit);
        self.socket.get_ref().tcp().set_read_timeout(Some(PATIENCE))?;
        heard
    }

    fn hear_until(&mut self, end: Instant) -> Result<Option<Value>> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text)?;
                    match message["type"].as_str() {
                        Some("ping") => self.answer_ping(&message)?,
                        Some("pong") => {}
                        _ => return Ok(Some(message)),
                    }
                }
                Ok(_) => {}
                Err(WsError::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("the connection ended"),
            }
            if Instant::now() >= end {
                return Ok(None);
            }
        }
    }

    fn answer_ping(&mut self, ping: &Value) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as u64;
        self.say(&json!({ "type": "pong", "t1": ping["t1"], "t2": now, "t3": now }))
    }

    /// The next message of this type; others are dropped.
    ///
    /// # Errors
    /// When it does not come within `limit`; with what came instead.
    pub fn wait(&mut self, kind: &str, limit: Duration) -> Result<Value> {
        let (end, mut others) = (Instant::now() + limit, Vec::new());
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.hear(left).with_context(|| format!("no `{kind}`, but {others:?}"))? {
                Some(message) if message["type"] == kind => return Ok(message),
                Some(other) => others.push(other),
                None => bail!("no `{kind}` within {limit:?}, but {others:?}"),
            }
        }
    }

    /// Everything that comes within `time`; the connection stays alive meanwhile.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn stay(&mut self, time: Duration) -> Result<Vec<Value>> {
        let (end, mut heard) = (Instant::now() + time, Vec::new());
        while let Some(message) = self.hear(end.saturating_duration_since(Instant::now()))? {
            heard.push(message);
        }
        Ok(heard)
    }

    /// Asks the device `camera` for leave, up to the code.
    ///
    /// # Errors
    /// When the camera does not answer as documented.
    pub fn ask(&mut self, key: &Key, camera: DeviceId) -> Result<Asked> {
        self.say(&json!({ "type": "access_request" }))?;
        let end = Instant::now() + ANSWER_LIMIT;
        let commitment = loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self.hear(left)?.context("no answer to a request")?;
            match message["type"].as_str() {
                Some("access_commit") => break message["commitment"].clone(),
                Some("access_ended") => {
                    let reason = message["reason"].as_str().unwrap_or_default();
                    return Ok(Asked::Ended(reason.to_owned()));
                }
                _ => {}
            }
        };
        let nonce = proofs::nonce(&format!("{}{commitment}", key.device));
        self.say(&json!({ "type": "access_nonce", "nonce": proofs::hex(&nonce) }))?;
        let revealed = nonce_in(&self.wait("access_reveal", ANSWER_LIMIT)?)?;
        if commitment != proofs::commitment(&revealed) {
            bail!("the camera reveals another nonce than the one it was bound to");
        }
        Ok(Asked::Code(proofs::code(&revealed, &nonce, camera, key.device)))
    }

    /// Shows a proof of an invitation's secret on this connection.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn prove(&mut self, secret: &[u8], key: &Key, camera: DeviceId) -> Result<()> {
        let channel = self.socket.get_ref().channel()?;
        let proof = proofs::proof(secret, &channel, key.device, camera);
        self.say(&json!({ "type": "invitation", "proofs": [proof] }))
    }
}

/// The nonce in an `access_nonce` or `access_reveal`.
///
/// # Errors
/// When there is none.
pub fn nonce_in(message: &Value) -> Result<Bytes32> {
    let text = message["nonce"].as_str().unwrap_or_default();
    proofs::unhex(text).with_context(|| format!("no nonce in {message}"))
}
