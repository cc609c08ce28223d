//! The moving test picture with the moment of its making burned in.

use std::sync::Arc;
use std::time::Instant;

use lanlens_media::{CaptureTime, FramePool, FrameSource, SourceError, burned_time, pattern};
use lanlens_model::VideoFormat;

use crate::pace::{Pacer, Rate, wait_until};
use crate::{FPS_DEFAULT, SIZE_DEFAULT, Wish};

/// Paints, stamps and paces; never fails.
pub(crate) struct PatternSource {
    format: VideoFormat,
    seed: u64,
    pacer: Pacer,
    pool: FramePool,
}

impl PatternSource {
    pub(crate) fn new(wish: &Wish, seed: u64) -> Self {
        let (width, height) = wish.size.unwrap_or(SIZE_DEFAULT);
        let fps = wish.fps.unwrap_or(FPS_DEFAULT);
        Self {
            format: VideoFormat { width, height, fps },
            seed,
            pacer: Pacer::new(Rate::whole(fps)),
            pool: FramePool::new(),
        }
    }
}

impl FrameSource for PatternSource {
    fn format(&self) -> VideoFormat {
        self.format
    }

    fn next_frame(&mut self) -> Result<Arc<lanlens_media::VideoFrame>, SourceError> {
        let (number, due) = self.pacer.next(Instant::now());
        wait_until(due);
        let mut frame = self.pool.frame(self.format.width, self.format.height, CaptureTime::now());
        pattern::paint(&mut frame, number, self.seed);
        // Painting takes a few milliseconds that belong to no one's latency: read the clock last.
        frame.captured = CaptureTime::now();
        let unix_us = frame.captured.unix_us;
        burned_time::write(&mut frame, unix_us);
        Ok(Arc::new(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_media::Plane;

    #[test]
    fn the_time_read_from_the_pixels_is_the_time_of_capture() {
        let wish = Wish { size: Some((320, 180)), fps: Some(120) };
        let mut source = PatternSource::new(&wish, 7);
        for _ in 0..3 {
            let frame = source.next_frame().unwrap();
            assert_eq!((frame.width(), frame.height()), (320, 180));
            let now = lanlens_media::now_unix_us();
            assert_eq!(burned_time::read(&frame, now), Some(frame.captured.unix_us));
        }
    }

    #[test]
    fn pictures_move_and_two_seeds_look_different() {
        let wish = Wish { size: Some((320, 180)), fps: Some(120) };
        let below_the_time = 320 * 40;
        let (mut one, mut other) = (PatternSource::new(&wish, 1), PatternSource::new(&wish, 2));
        let first = one.next_frame().unwrap();
        let second = one.next_frame().unwrap();
        let foreign = other.next_frame().unwrap();
        let luma =
            |frame: &lanlens_media::VideoFrame| frame.plane(Plane::Y)[below_the_time..].to_vec();
        let all = |frame: &lanlens_media::VideoFrame| {
            [luma(frame), frame.plane(Plane::U).to_vec(), frame.plane(Plane::V).to_vec()].concat()
        };
        assert_ne!(luma(&first), luma(&second));
        assert_ne!(all(&first), all(&foreign));
    }
}
