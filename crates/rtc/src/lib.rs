//! WebRTC sessions: one publisher per viewer on the camera's side, one subscriber per camera on the
//! viewer's side, and one ingest per phone or encoder that publishes to us.
//!
//! This is the only crate that names types of `webrtc` and `rtc`; everything around it speaks
//! session descriptions as text, [`EncodedUnit`](lanlens_media::EncodedUnit)s and
//! [`SessionEvent`]s. It knows nothing of signaling, devices, codecs or access: whoever calls has
//! decided that this viewer may watch this camera.
//!
//! ```text
//!          camera                                                viewer
//!
//!  units ─▶ Publisher task                                  Subscriber task ─▶ on_unit
//!            │ keyframe gate, RTP (RFC 6184)                 ▲ assembler (sans-IO)
//!            ▼                                               │
//!          track ─▶ peer connection ══ DTLS-SRTP, UDP ══▶ peer connection
//!            ▲        NACK answers, TWCC, GCC estimate       │ NACK every 20 ms, TWCC reports
//!            └──────────── PLI, FIR ◀────────────────────────┘ PLI until decodable
//!
//!  offer ─▶ Publisher::start                                Subscriber::start ─▶ Description(offer)
//!  Description(answer), Candidate, Connected … ◀─ SessionEvent ─▶ … accept_answer, add_candidate
//!
//!          phone, encoder (WHIP)                                 node
//!
//!  offer ──────────────────────────────────────────────▶ Ingest::start ─▶ Answer
//!  fragment (RFC 8840) ────────────────────────────────▶ trickle, restart ─▶ Answer
//!  RTP, sender reports ════════ DTLS-SRTP, UDP ════════▶ the subscriber's task ─▶ on_unit
//! ```
//!
//! - A session is one task that owns one peer connection. Handles only post commands to it, into a
//!   bounded queue, and read counters.
//! - The subscriber offers, receive-only (as in WHEP); the publisher answers. Host candidates go into
//!   the description; what is gathered later is sent on its own.
//! - An ingest answers who offers to send (WHIP, RFC 9725), in whatever way that one writes its offer.
//! - No jitter buffer: a unit leaves the [`assembler`] the moment it is whole.
//! - What the peer sends (descriptions, candidates, packets) is checked against
//!   [`limits`](lanlens_model::limits) before the WebRTC stack sees it.
//!
//! **Architecture invariant:** dropping or closing a handle closes its peer connection; the stack
//! itself would leak a task and its sockets when dropped.

pub mod assembler;
#[doc(hidden)]
pub mod bench_support;
mod candidate;
mod capture_time;
mod config;
mod description;
mod error;
mod estimate;
mod feedback;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod inbound;
mod ingest;
mod nack;
mod offer;
mod pacing;
mod packetizer;
mod peer;
mod publisher;
mod receiver;
mod reports;
mod resend;
mod runtime;
mod sections;
mod sent;
mod session;
mod stats;
mod subscriber;

pub use config::RtcConfig;
pub use error::{DescriptionError, RtcError};
pub use ingest::{Answer, FragmentError, Ingest, IngestError};
pub use offer::check_offer;
pub use publisher::Publisher;
pub use session::SessionEvent;
pub use stats::{PublisherStats, SubscriberStats};
pub use subscriber::Subscriber;
