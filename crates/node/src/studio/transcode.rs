//! The low layer of a relayed camera: decoded, halved and encoded, on its own thread, while somebody
//! watches it.

use std::sync::Arc;

use lanlens_codec::H264Decoder;
use lanlens_media::{DecodeError, Decoder, EncodedUnit, SharedBudget, VideoFrame};
use lanlens_model::Layer;
use lanlens_model::limits::DECODER_PICTURES;

use super::encoding::Codec;
use super::relayed::Relayed;
use super::{STOP_CHECK, Shared, lock};

/// So many keyframes without a picture are how a stream is, and no accident.
const FAILURES_MAX: u32 = 3;
/// What the decoder may hold, in macroblocks: enough for 1080p with four reference pictures. Phones are
/// asked for less than half of that. There is one such decoder for each phone, while its low layer is
/// watched, and at most `PHONES_MAX` of them.
const MACROBLOCKS_MAX: usize = 120 * 68 * (4 + DECODER_PICTURES);

/// Why a unit gave no picture.
enum Fault {
    /// The next keyframe may heal it.
    KeyframeNeeded,
    /// Nothing will; in words, why.
    Unreadable(String),
}

/// Units to pictures, until it is plain that there will be none.
struct Reader {
    decoder: H264Decoder,
    /// Keyframes in a row that gave no picture.
    failures: u32,
}

impl Reader {
    fn new() -> Result<Self, Fault> {
        // Nothing to share: what strangers' streams hold in the decoders of this program's own window
        // must not darken a phone for others, nor the other way round.
        let allowance = SharedBudget::new(0).allowance(MACROBLOCKS_MAX);
        let decoder =
            H264Decoder::within(allowance).map_err(|error| Fault::Unreadable(error.to_string()))?;
        Ok(Self { decoder, failures: 0 })
    }

    fn read(&mut self, unit: &EncodedUnit) -> Result<Option<VideoFrame>, Fault> {
        let error = match self.decoder.decode(unit) {
            Ok(Some(picture)) => {
                self.failures = 0;
                return Ok(Some(picture));
            }
            Ok(None) => return Ok(None),
            Err(error) => error,
        };
        self.failures += u32::from(unit.keyframe);
        if self.failures < FAILURES_MAX {
            tracing::debug!(%error, "a unit gave no picture for the low layer");
            return Err(Fault::KeyframeNeeded);
        }
        let words = match error {
            DecodeError::NeedKeyframe => "it cannot be decoded here".to_owned(),
            DecodeError::Refused(words) => words,
        };
        Err(Fault::Unreadable(words))
    }
}

impl Shared {
    /// Makes the low layer until nobody wants it any more, or it is plain that it cannot be made.
    pub(super) fn transcode(self: &Arc<Self>) {
        let Some(relayed) = &self.relayed else { return };
        if let Err(reason) = self.transcode_while_wanted(relayed) {
            self.give_up_low(relayed, &reason);
        }
    }

    fn transcode_while_wanted(&self, relayed: &Relayed) -> Result<(), String> {
        let mut reader: Option<Reader> = None;
        let mut codec: Option<Codec> = None;
        loop {
            let unit = relayed.low.wait(STOP_CHECK);
            if !self.makes_low(relayed) && self.retires_low(relayed) {
                return Ok(());
            }
            let Some(unit) = unit else { continue };
            let picture = match &mut reader {
                Some(reader) => reader.read(&unit),
                None => Reader::new().and_then(|new| reader.insert(new).read(&unit)),
            };
            match picture {
                Ok(Some(picture)) => self.encode_low(relayed, &mut codec, &picture),
                Ok(None) => {}
                Err(Fault::KeyframeNeeded) => {
                    relayed.low.clear();
                    relayed.relay.request_keyframe();
                }
                Err(Fault::Unreadable(words)) => return Err(words),
            }
        }
    }

    fn encode_low(&self, relayed: &Relayed, codec: &mut Option<Codec>, picture: &VideoFrame) {
        let Some(format) = relayed.format() else { return };
        let kbps = lock(&self.rates).kbps(Layer::Low);
        let codec = Codec::of(codec, Layer::Low, format, kbps);
        self.encode_one(Layer::Low, codec, picture);
    }

    /// Whether this thread is to end: nobody has come since it looked.
    fn retires_low(&self, relayed: &Relayed) -> bool {
        let mut threads = lock(&relayed.threads);
        if self.makes_low(relayed) {
            return false;
        }
        // The next viewer of this layer gets a thread of its own.
        let own = threads.low.take_if(|thread| thread.thread().id() == std::thread::current().id());
        threads.ended.retain(|thread| !thread.is_finished());
        threads.ended.extend(own);
        relayed.low.clear();
        true
    }
}
