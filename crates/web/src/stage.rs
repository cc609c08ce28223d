//! What stands behind the pages.

use std::fmt;

use async_trait::async_trait;
use lanlens_identity::Credential;
use lanlens_model::CameraId;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;

/// Takes what phones and encoders publish. Every call comes from somebody whose credential was
/// checked, and whose scope is to publish.
#[async_trait]
pub trait Stage: Send + Sync + 'static {
    /// A new session (RFC 9725 section 4.2); one that the same guest had is replaced.
    ///
    /// # Errors
    /// Why not.
    async fn publish(&self, guest: &Credential, offer: String) -> Result<Answered, Refusal>;

    /// More candidates (section 4.3.1), as an SDP fragment (RFC 8840).
    ///
    /// # Errors
    /// Why not.
    async fn trickle(
        &self,
        guest: &Credential,
        session: &SessionKey,
        fragment: String,
    ) -> Result<(), Refusal>;

    /// New ICE credentials of the guest, and ours in return (section 4.3.2).
    ///
    /// # Errors
    /// Why not.
    async fn restart(
        &self,
        guest: &Credential,
        session: &SessionKey,
        fragment: String,
    ) -> Result<Restarted, Refusal>;

    /// The guest ends its session.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when it has ended already, or is somebody else's.
    async fn end(&self, guest: &Credential, session: &SessionKey) -> Result<(), Refusal>;

    /// What the guest's page shows, now and whenever it changes. The page is open while this is
    /// held, or was: of a phone that vanished without a word TCP may believe so for minutes.
    fn follow(&self, guest: &Credential) -> watch::Receiver<PageState>;

    /// What the guest's page says of its phone.
    fn report(&self, guest: &Credential, report: PageReport);

    /// The guest's camera has another name from now on, which is stored already.
    fn rename(&self, guest: &Credential, name: &str);
}

/// Names a session in its URL. Made by the stage, of 128 random bits or more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub String);

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Its name.
    pub session: SessionKey,
    /// Names its ICE session: what the entity tag is made of.
    pub ice: String,
    /// The answer.
    pub sdp: String,
}

/// ICE begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restarted {
    /// Names the new ICE session.
    pub ice: String,
    /// Our credentials and candidates (RFC 8840).
    pub fragment: String,
}

/// What the page shows, and does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PageState {
    /// The guest's camera, once it has published.
    #[serde(serialize_with = "as_text")]
    pub camera: Option<CameraId>,
    /// Its name.
    pub name: String,
    /// Somebody watches: pictures are needed.
    pub wanted: bool,
    /// What they need at most, kbit/s.
    pub kbps: u32,
    /// Who watches, by name.
    pub viewers: Vec<Viewer>,
}

/// Somebody who watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Viewer {
    /// What it calls itself; may be empty.
    pub name: String,
}

/// What the page says of its phone.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
pub struct PageReport {
    /// The page is in the background or the phone locked: its camera is stopped by the system.
    #[serde(default)]
    pub hidden: bool,
    /// The battery's charge, 0 to 1, where the browser says.
    #[serde(default)]
    pub battery: Option<f32>,
    /// Whether it is being charged.
    #[serde(default)]
    pub charging: Option<bool>,
}

/// Why a request of a guest is refused, in a sentence for people with what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The session description or fragment makes no sense.
    #[error("{0}")]
    BadSdp(String),
    /// Nothing in it is H.264.
    #[error("{0}")]
    NoH264(String),
    /// H.264, but of a kind that viewers cannot be counted on to decode.
    #[error("{0}")]
    UnsupportedProfile(String),
    /// There is no such session any more.
    #[error("this session has ended; publish again")]
    NotFound,
    /// Too many of something.
    #[error("{0}")]
    Limit(String),
    /// Not now.
    #[error("{0}")]
    Busy(String),
}

fn as_text<S: serde::Serializer>(id: &Option<CameraId>, to: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => to.collect_str(id),
        None => to.serialize_none(),
    }
}
