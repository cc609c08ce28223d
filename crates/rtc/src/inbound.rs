//! Pieces of the WebRTC stack's interceptor chain that look at what comes in.
//!
//! Each of ours wants one thing: to see a packet on its way from the wire, perhaps to change it, and to
//! say whether it goes on. What else the stack asks of an interceptor is done here, once.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{Interceptor, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// What one of our pieces does with what comes in.
pub(crate) trait OnRead: Send + Sync {
    /// Whether the packet goes on.
    fn on_read(&mut self, message: &mut TaggedPacket) -> bool;
}

/// An [`OnRead`] as the stack takes it. What goes out passes unseen.
pub(crate) struct Inbound<T> {
    piece: T,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl<T> Inbound<T> {
    pub(crate) fn new(piece: T) -> Self {
        Self { piece, reads: VecDeque::new(), writes: VecDeque::new() }
    }
}

impl<T: OnRead> Protocol<TaggedPacket, TaggedPacket, ()> for Inbound<T> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut message: TaggedPacket) -> Result<(), Error> {
        if self.piece.on_read(&mut message) {
            self.reads.push_back(message);
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl<T: OnRead> Interceptor for Inbound<T> {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
