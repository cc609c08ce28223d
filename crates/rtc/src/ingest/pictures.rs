//! Whether pictures may pass: what is too large to be decoded anywhere is not handed on.
//!
//! Looks at the parameter set of each keyframe; what follows it shares its fate. Owns no queue.

use lanlens_media::EncodedUnit;
use lanlens_media::h264::{NalKind, Sps, SpsError, nal_kind, parameter_sets};

/// The verdict over the current coded sequence.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    refused: Option<SpsError>,
}

impl Pictures {
    /// Whether a unit passes.
    ///
    /// # Errors
    /// Why not, once for each reason.
    pub(crate) fn admit(&mut self, unit: &EncodedUnit) -> Result<bool, SpsError> {
        if unit.keyframe {
            let before = self.refused;
            let mut sets =
                parameter_sets(&unit.data).filter(|nal| nal_kind(nal) == Some(NalKind::Sps));
            self.refused = sets.find_map(|sps| Sps::parse(sps).err());
            if let Some(reason) = self.refused.filter(|_| self.refused != before) {
                return Err(reason);
            }
        }
        Ok(self.refused.is_none())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests need some instant")]
mod tests {
    use std::time::Instant;

    use lanlens_media::CaptureTime;
    use lanlens_media::h264::push_nal;
    use lanlens_model::{Layer, MediaKind};

    use super::*;

    /// Constrained baseline, 640×368 and 4096×368.
    const USUAL: [u8; 9] = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbe, 0x40];
    const TOO_WIDE: [u8; 9] = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x00, 0x40, 0x02, 0xf9];

    fn unit(nals: &[&[u8]], keyframe: bool) -> EncodedUnit {
        let mut data = Vec::new();
        for nal in nals {
            push_nal(&mut data, nal);
        }
        EncodedUnit {
            kind: MediaKind::Video,
            layer: Layer::High,
            data: data.into(),
            keyframe,
            captured: CaptureTime { instant: Instant::now(), unix_us: 0 },
            media_time: 0,
        }
    }

    #[test]
    fn pictures_too_large_for_any_viewer_stay_out_until_they_are_smaller() {
        let key = |sps: &[u8]| unit(&[sps, &[0x68, 1], &[0x65, 0x88]], true);
        let delta = unit(&[&[0x41, 0x9a]], false);
        let mut pictures = Pictures::default();
        assert_eq!(pictures.admit(&key(&USUAL)), Ok(true));
        assert_eq!(pictures.admit(&delta), Ok(true));
        let refused = pictures.admit(&key(&TOO_WIDE)).unwrap_err();
        assert!(refused.to_string().contains("4096×368"), "{refused}");
        assert_eq!(pictures.admit(&delta), Ok(false));
        assert_eq!(pictures.admit(&key(&TOO_WIDE)), Ok(false), "it is told once");
        assert_eq!(pictures.admit(&key(&USUAL)), Ok(true));
        assert_eq!(pictures.admit(&delta), Ok(true));
    }
}
