//! Real parameter sets, the limits, and garbage.

use super::*;

/// Writes parameter sets for the tests.
#[derive(Default)]
struct Writer {
    bits: Vec<bool>,
}

impl Writer {
    fn u(mut self, count: u32, value: u64) -> Self {
        self.bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }
    fn ue(self, value: u64) -> Self {
        let length = 64 - (value + 1).leading_zeros();
        self.u(2 * length - 1, value + 1)
    }
    /// A NAL unit of type 7, stop bit and escapes included.
    fn nal(self) -> Vec<u8> {
        let bits = self.u(1, 1).bits;
        let mut nal = vec![0x67];
        let mut zeros = 0;
        for chunk in bits.chunks(8) {
            let byte = (0..8).fold(0, |byte, bit| {
                byte << 1 | u8::from(chunk.get(bit).copied().unwrap_or(false))
            });
            if zeros == 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            nal.push(byte);
        }
        nal
    }
}

/// A Baseline set up to and including the number of reference pictures.
fn baseline(references: u64) -> Writer {
    Writer::default().u(8, 66).u(8, 0xC0).u(8, 31).ue(0).ue(0).ue(2).ue(references).u(1, 0)
}

/// A whole Baseline set: size in macroblocks, no cropping, no VUI.
fn sized(columns: u64, rows: u64) -> Vec<u8> {
    baseline(1).ue(columns - 1).ue(rows - 1).u(1, 1).u(1, 1).u(1, 0).u(1, 0).nal()
}

/// libx264, High profile, 1280×720, level 3.1, colours left open.
const X264_HIGH_720P: &[u8] = &[
    0x67, 0x64, 0x00, 0x1F, 0xAC, 0xD9, 0x40, 0x50, 0x05, 0xBB, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00,
    0x10, 0x00, 0x00, 0x03, 0x03, 0xC0, 0xF1, 0x83, 0x19, 0x60,
];

#[test]
fn a_real_high_profile_set_reads() {
    let sps = Sps::parse(X264_HIGH_720P).unwrap();
    assert_eq!((sps.width, sps.height), (1280, 720));
    assert_eq!((sps.profile, sps.level), (100, 31));
}

#[test]
fn cropping_makes_1088_lines_1080() {
    let nal = baseline(1).ue(119).ue(67).u(2, 0b11).u(1, 1).ue(0).ue(0).ue(0).ue(4).u(1, 0).nal();
    let sps = Sps::parse(&nal).unwrap();
    assert_eq!((sps.width, sps.height), (1920, 1080));
}

#[test]
fn cropping_the_whole_picture_away_is_malformed() {
    let nal = baseline(1).ue(0).ue(0).u(2, 0b11).u(1, 1).ue(4).ue(4).ue(0).ue(0).u(1, 0).nal();
    assert_eq!(Sps::parse(&nal), Err(SpsError::Malformed));
    let huge = u64::from(u32::MAX - 1);
    let nal = baseline(1).ue(0).ue(0).u(2, 0b11).u(1, 1).ue(huge).ue(huge).ue(0).ue(0).u(1, 0);
    assert_eq!(Sps::parse(&nal.nal()), Err(SpsError::Malformed));
}

#[test]
fn the_largest_picture_is_taken_and_one_macroblock_more_is_refused() {
    let (columns, rows) = (u64::from(PICTURE_WIDTH_MAX) / 16, u64::from(PICTURE_HEIGHT_MAX) / 16);
    assert!(Sps::parse(&sized(columns, rows)).is_ok());
    assert!(matches!(Sps::parse(&sized(columns + 1, rows)), Err(SpsError::TooLarge { .. })));
    assert!(matches!(Sps::parse(&sized(columns, rows + 1)), Err(SpsError::TooLarge { .. })));
    let most = u64::from(u32::MAX - 1);
    assert!(matches!(Sps::parse(&sized(most, most)), Err(SpsError::TooLarge { .. })));
}

#[test]
fn cropping_does_not_hide_what_the_decoder_would_reserve() {
    // 8192 pixels wide, cropped to 640.
    let nal = baseline(1).ue(511).ue(22).u(2, 0b11).u(1, 1).ue(0).ue(3776).ue(0).ue(0).u(1, 0);
    assert!(matches!(Sps::parse(&nal.nal()), Err(SpsError::TooLarge { .. })));
}

#[test]
fn more_reference_pictures_than_any_level_allows_are_refused() {
    let with = |references, columns: u64, rows: u64| {
        baseline(references).ue(columns - 1).ue(rows - 1).u(2, 0b11).u(2, 0).nal()
    };
    assert!(Sps::parse(&with(16, 80, 45)).is_ok());
    assert_eq!(Sps::parse(&with(17, 80, 45)), Err(SpsError::TooManyReferences(17)));
    assert!(Sps::parse(&with(5, 240, 135)).is_ok());
    assert_eq!(Sps::parse(&with(6, 240, 135)), Err(SpsError::TooManyReferences(6)));
}

#[test]
fn interlaced_and_other_chroma_formats_are_refused_by_name() {
    let fields = baseline(1).ue(79).ue(21).u(1, 0).u(1, 0).u(1, 1).u(1, 0).u(1, 0).nal();
    assert_eq!(Sps::parse(&fields), Err(SpsError::Interlaced));
    let high = |chroma, luma_depth| {
        Writer::default().u(8, 110).u(8, 0).u(8, 31).ue(0).ue(chroma).ue(luma_depth).ue(0).nal()
    };
    assert_eq!(Sps::parse(&high(2, 0)), Err(SpsError::Format));
    assert_eq!(Sps::parse(&high(1, 2)), Err(SpsError::Format));
}

#[test]
fn the_colours_of_the_vui_are_read() {
    let with = |full: u64, matrix: u64| {
        let sps = baseline(1).ue(39).ue(21).u(2, 0b11).u(1, 0).u(1, 1);
        // No aspect ratio, no overscan; signal type with description.
        sps.u(2, 0).u(1, 1).u(3, 5).u(1, full).u(1, 1).u(8, 1).u(8, 1).u(8, matrix).u(8, 0).nal()
    };
    let sps = Sps::parse(&with(1, 1)).unwrap();
    assert_eq!((sps.range, sps.matrix), (ColorRange::Full, ColorMatrix::Bt709));
    let sps = Sps::parse(&with(0, 6)).unwrap();
    assert_eq!((sps.range, sps.matrix), (ColorRange::Limited, ColorMatrix::Bt601));
}

#[test]
fn other_nal_units_are_not_taken_for_a_set() {
    for nal in [&[][..], &[0x68, 1, 2], &[0xE7, 66, 0, 30]] {
        assert_eq!(Sps::parse(nal), Err(SpsError::NotSps));
    }
}

#[test]
fn a_set_cut_before_its_colours_is_malformed_wherever_it_is_cut() {
    // What is read ends in the twelfth byte.
    for length in 1..X264_HIGH_720P.len() {
        let cut = Sps::parse(&X264_HIGH_720P[..length]);
        let wanted =
            if length < 12 { Err(SpsError::Malformed) } else { Sps::parse(X264_HIGH_720P) };
        assert_eq!(cut, wanted, "{length}");
    }
}

#[test]
fn garbage_is_refused_or_within_the_limits() {
    let mut random = fastrand::Rng::with_seed(0xBAD);
    for round in 0..50_000 {
        let mut nal: Vec<u8> = if round % 2 == 0 {
            (0..random.usize(1..80)).map(|_| random.u8(..)).collect()
        } else {
            X264_HIGH_720P.to_vec()
        };
        for _ in 0..random.usize(0..6) {
            let at = random.usize(0..nal.len());
            nal[at] = random.u8(..);
        }
        nal[0] = 0x67;
        if let Ok(sps) = Sps::parse(&nal) {
            assert!((1..=PICTURE_WIDTH_MAX).contains(&sps.width));
            assert!((1..=PICTURE_HEIGHT_MAX).contains(&sps.height));
            assert!(sps.reference_frames <= 16 && sps.id <= 31);
        }
    }
}
