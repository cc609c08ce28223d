//! The wire: what nodes say to each other, byte for byte.
//!
//! Owns the signaling [`Message`]s, the [`Txt`] record of an announcement and the protocol
//! [`VERSION`]. Turns bytes into checked values and back; knows nothing of sockets, and decides
//! nothing. `docs/protocol.md` explains every message with an example; the golden file
//! `tests/golden.jsonl` holds the same examples and is checked.

mod discovery;
mod message;
mod name;
mod proof;
mod txt;

pub use discovery::{DiscoveryEvent, SERVICE_TYPE};
pub use message::{
    ErrorCode, Greeting, Message, OfferedCamera, ProtocolError, ToldNode, WaitingDevice,
    WatchingDevice,
};
pub use name::{clean_name, clean_text};
pub use proof::{ChannelBinding, Commitment, Nonce, Proof, Secret, code};
pub use txt::{Txt, TxtError};

/// The version of signaling and TXT. Unknown versions are refused with words.
pub const VERSION: u32 = 1;
