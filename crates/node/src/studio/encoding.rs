//! One layer's encoder, on its own thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lanlens_codec::{EncoderConfig, H264Encoder};
use lanlens_media::layers::{halve, low_halvings};
use lanlens_media::{Encoder, FramePool, VideoFrame};
use lanlens_model::{Layer, VideoFormat};

use super::{Run, STOP_CHECK, Shared, index, lock};

/// A viewer that gets keyframes only gets one this often.
pub(super) const KEYFRAME_EVERY: Duration = Duration::from_secs(3);

/// The encoder, made for one format.
pub(super) struct Codec {
    format: VideoFormat,
    encoder: H264Encoder,
    /// Of the smaller copies.
    pool: FramePool,
    keyframe: Option<Instant>,
}

impl Codec {
    /// The one that is there, or a new one where the format is another.
    pub(super) fn of(
        place: &mut Option<Self>,
        layer: Layer,
        format: VideoFormat,
        bitrate_kbps: u32,
    ) -> &mut Self {
        if place.as_ref().is_some_and(|codec| codec.format != format) {
            *place = None;
        }
        let codec = place.get_or_insert_with(|| {
            let encoder = H264Encoder::new(EncoderConfig { layer, bitrate_kbps, fps: format.fps });
            Self { format, encoder, pool: FramePool::new(), keyframe: None }
        });
        codec.encoder.set_bitrate(bitrate_kbps);
        codec
    }
}

impl Shared {
    /// Encodes a layer until the camera closes or nobody wants this layer any more.
    pub(super) fn encode(&self, layer: Layer, run: &Run) {
        let slot = &run.slots[index(layer)];
        let mut codec: Option<Codec> = None;
        let mut replaced = slot.replaced();
        while !run.stops() && !slot.is_closed() {
            let frame = slot.wait(STOP_CHECK);
            if !self.fanout.uses(layer) && self.retires(layer, run) {
                return;
            }
            let Some(frame) = frame else {
                self.notice_silence(run);
                continue;
            };
            let Some(format) = *lock(&run.format) else { continue };
            let skipped = slot.replaced() - replaced;
            replaced += skipped;
            lock(&self.meter).layer(layer).skipped += skipped;
            let kbps = lock(&self.rates).kbps(layer);
            let codec = Codec::of(&mut codec, layer, format, kbps);
            self.encode_one(layer, codec, &frame);
        }
    }

    /// Whether this thread is to end: nobody has come since it looked.
    fn retires(&self, layer: Layer, run: &Run) -> bool {
        let mut running = lock(&self.running);
        let Some(running) = running.as_mut().filter(|r| Arc::ptr_eq(&r.run.stop, &run.stop)) else {
            return true;
        };
        if self.fanout.uses(layer) {
            return false;
        }
        // The next viewer of this layer gets a thread of its own.
        running.ended.retain(|thread| !thread.is_finished());
        running.ended.extend(running.encoders[index(layer)].take());
        // What it did not take would be old by then.
        drop(run.slots[index(layer)].take());
        true
    }

    pub(super) fn encode_one(&self, layer: Layer, codec: &mut Codec, frame: &VideoFrame) {
        let begin = Instant::now();
        let hungry = codec.keyframe.is_none_or(|at| begin - at >= KEYFRAME_EVERY);
        if hungry && self.fanout.feeds_on_keyframes(layer) {
            self.gate(layer).request();
        }
        let force = self.gate(layer).poll(begin);
        let small = (layer == Layer::Low).then(|| halved(frame, &codec.pool)).flatten();
        let picture = small.as_ref().unwrap_or(frame);
        let unit = match codec.encoder.encode(picture, force) {
            Ok(Some(unit)) => Arc::new(unit),
            Ok(None) => {
                lock(&self.meter).layer(layer).skipped += 1;
                // A keyframe that rate control left out is owed still.
                return if force {
                    self.gate(layer).request()
                };
            }
            Err(error) => {
                tracing::warn!(%error, "a picture was not encoded");
                lock(&self.meter).layer(layer).skipped += 1;
                return self.gate(layer).request();
            }
        };
        if unit.keyframe {
            codec.keyframe = Some(begin);
            if !force {
                self.gate(layer).on_keyframe(begin);
            }
        }
        let sent = self.fanout.send(&unit);
        if sent.keyframe_needed {
            self.gate(layer).request();
        }
        let mut meter = lock(&self.meter);
        meter.units_dropped += sent.dropped;
        let bytes = unit.data.len() as u64;
        meter.layer(layer).on_unit(bytes, begin.elapsed(), (picture.width(), picture.height()));
    }
}

/// The picture as the low layer has it; `None` where that is the same.
fn halved(frame: &VideoFrame, pool: &FramePool) -> Option<VideoFrame> {
    let halvings = low_halvings(frame.width(), frame.height());
    (0..halvings).fold(None, |small, _| Some(halve(small.as_ref().unwrap_or(frame), pool)))
}
