//! What the graphics side makes of a frame is what the processor makes of it, with each renderer;
//! and egui's order, clipping and corners hold for pictures too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/offscreen.rs"]
mod offscreen;
#[path = "common/pictures.rs"]
mod pictures;

use std::sync::Arc;

use eframe::egui::{Color32, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use lanlens_media::VideoFrame;
use lanlens_ui::{Video, VideoPainter};
use offscreen::{Screen, screens};
use pictures::{FORMATS, called, difference, patches};

/// Of the screens, pixels.
const SIDE: u32 = 96;
/// As exact as a product of bytes can be asked to be, levels of 255.
const TOLERANCE: u8 = 3;

fn at(left: f32, top: f32, frame: &VideoFrame) -> Rect {
    Rect::from_min_size(pos2(left, top), vec2(frame.width() as f32, frame.height() as f32))
}

/// Shows a frame in each of the screens, pixel by pixel at (10, 20).
fn shown(screen: &mut Screen, frame: &Arc<VideoFrame>) -> Vec<u8> {
    let (mut video, painter) = (screen.painter.video(), screen.painter.clone());
    assert_eq!(painter.path(), "planes");
    let frame = Arc::clone(frame);
    screen.paint(move |ui| {
        video.show(ui.ctx(), Arc::clone(&frame));
        video.paint(ui.painter(), at(10.0, 20.0, &frame), 0);
    })
}

#[test]
fn every_range_and_matrix_looks_as_the_processor_would_paint_it() {
    for mut screen in screens(SIDE, 1.0) {
        for format in FORMATS {
            let frame = patches(64, 48, format);
            let seen = shown(&mut screen, &frame);
            let worst = difference(&seen, SIDE, [10, 20], &frame);
            assert!(worst <= TOLERANCE, "{}, {format:?}: off by {worst}", screen.name);
            for other in FORMATS.into_iter().filter(|other| *other != format) {
                let wrong = difference(&seen, SIDE, [10, 20], &called(&frame, other));
                assert!(wrong > 3 * TOLERANCE, "{format:?} and {other:?} differ by {wrong} only");
            }
        }
    }
}

#[test]
fn odd_and_tiny_sizes_are_shown_to_their_last_row_and_column() {
    for mut screen in screens(SIDE, 1.0) {
        for (width, height) in [(53, 37), (37, 53), (21, 6), (3, 3), (1, 1)] {
            let frame = patches(width, height, FORMATS[1]);
            let seen = shown(&mut screen, &frame);
            let worst = difference(&seen, SIDE, [10, 20], &frame);
            assert!(worst <= TOLERANCE, "{}, {width}×{height}: off by {worst}", screen.name);
        }
    }
}

/// One video in many passes.
fn pass(
    screen: &mut Screen,
    video: &Arc<std::sync::Mutex<Video>>,
    show: Option<Arc<VideoFrame>>,
    copies: u8,
) -> Vec<u8> {
    let video = Arc::clone(video);
    screen.paint(move |ui| {
        let mut video = video.lock().unwrap();
        if let Some(frame) = show.clone() {
            video.show(ui.ctx(), frame);
        }
        for copy in 0..copies {
            let rect =
                Rect::from_min_size(pos2(5.0, 5.0 + 30.0 * f32::from(copy)), vec2(64.0, 24.0));
            video.paint(ui.painter(), rect, 4);
        }
    })
}

#[test]
fn a_frame_is_uploaded_once_however_often_it_is_painted() {
    for mut screen in screens(SIDE, 1.0) {
        let video = Arc::new(std::sync::Mutex::new(screen.painter.video()));
        pass(&mut screen, &video, Some(patches(64, 48, FORMATS[0])), 3);
        let first = pass(&mut screen, &video, None, 3);
        assert_eq!(video.lock().unwrap().uploads(), 1, "{}", screen.name);
        pass(&mut screen, &video, Some(patches(64, 48, FORMATS[3])), 2);
        assert_eq!(video.lock().unwrap().uploads(), 2, "{}", screen.name);
        let again = pass(&mut screen, &video, Some(patches(64, 48, FORMATS[0])), 3);
        assert!(first == again, "{}: the third frame looks as the first", screen.name);
    }
}

#[test]
fn a_stream_that_changes_its_size_shows_the_new_picture_whole() {
    for mut screen in screens(SIDE, 1.0) {
        let video = Arc::new(std::sync::Mutex::new(screen.painter.video()));
        for (width, height) in [(64, 48), (32, 24), (33, 25)] {
            let frame = patches(width, height, FORMATS[0]);
            let (video, shown) = (Arc::clone(&video), Arc::clone(&frame));
            let seen = screen.paint(move |ui| {
                let mut video = video.lock().unwrap();
                video.show(ui.ctx(), Arc::clone(&shown));
                video.paint(ui.painter(), at(10.0, 20.0, &shown), 0);
            });
            let worst = difference(&seen, SIDE, [10, 20], &frame);
            assert!(worst <= TOLERANCE, "{}, {width}×{height}: off by {worst}", screen.name);
        }
    }
}

fn pixel(seen: &[u8], x: u32, y: u32) -> [u8; 3] {
    let at = ((y * SIDE + x) * 4) as usize;
    [seen[at], seen[at + 1], seen[at + 2]]
}

/// A white picture over 80×80 points, painted by `paint`.
fn white(screen: &mut Screen, paint: impl Fn(&mut Ui, &mut Video) + 'static) -> Vec<u8> {
    let mut video = screen.painter.video();
    let mut frame =
        lanlens_media::FramePool::new().frame(40, 40, lanlens_media::CaptureTime::now());
    let [luma, blue, red] = frame.planes_mut();
    luma.fill(235);
    blue.fill(128);
    red.fill(128);
    let frame = Arc::new(frame);
    screen.paint(move |ui| {
        video.show(ui.ctx(), Arc::clone(&frame));
        paint(ui, &mut video);
    })
}

const BOX: Rect = Rect { min: pos2(8.0, 8.0), max: pos2(88.0, 88.0) };
const WHITE: [u8; 3] = [255; 3];
const BLACK: [u8; 3] = [0; 3];

#[test]
fn corners_are_cut_round_and_edges_are_sharp() {
    for mut screen in screens(SIDE, 1.0) {
        let seen = white(&mut screen, |ui, video| video.paint(ui.painter(), BOX, 20));
        for (x, y) in [(9, 9), (86, 9), (9, 86), (86, 86), (7, 48), (88, 48), (48, 7), (48, 88)] {
            assert_eq!(pixel(&seen, x, y), BLACK, "{}: {x}, {y}", screen.name);
        }
        // A quarter circle leaves 1 − 1/√2 of its radius free on the diagonal.
        for (x, y) in [(8, 48), (87, 48), (48, 8), (48, 87), (15, 15), (80, 15), (15, 80), (80, 80)]
        {
            assert_eq!(pixel(&seen, x, y), WHITE, "{}: {x}, {y}", screen.name);
        }
    }
}

#[test]
fn what_is_painted_later_lies_above_and_earlier_below() {
    for mut screen in screens(SIDE, 1.0) {
        let seen = white(&mut screen, |ui, video| {
            ui.painter().rect_filled(BOX.expand(4.0), 0, Color32::from_rgb(0, 0, 200));
            video.paint(ui.painter(), BOX, 0);
            ui.painter().rect_filled(BOX.shrink(30.0), 0, Color32::from_rgb(200, 0, 0));
        });
        assert_eq!(pixel(&seen, 6, 48), [0, 0, 200], "{}", screen.name);
        assert_eq!(pixel(&seen, 20, 48), WHITE, "{}", screen.name);
        assert_eq!(pixel(&seen, 48, 48), [200, 0, 0], "{}", screen.name);
    }
}

#[test]
fn a_scrolled_picture_ends_where_its_area_ends() {
    for mut screen in screens(SIDE, 1.0) {
        let seen = white(&mut screen, |ui, video| {
            let area = Rect::from_min_max(pos2(8.0, 30.0), pos2(88.0, 60.0));
            ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
                ui.spacing_mut().scroll.floating = true;
                ui.spacing_mut().scroll.fade.strength = 0.0;
                ScrollArea::vertical().min_scrolled_height(0.0).vertical_scroll_offset(40.0).show(
                    ui,
                    |ui| {
                        let (rect, _) = ui.allocate_exact_size(vec2(80.0, 80.0), Sense::hover());
                        video.paint(ui.painter(), rect, 0);
                        ui.allocate_exact_size(vec2(80.0, 200.0), Sense::hover());
                    },
                );
            });
        });
        for (y, color) in [(28, BLACK), (32, WHITE), (58, WHITE), (62, BLACK)] {
            assert_eq!(pixel(&seen, 40, y), color, "{}: row {y}", screen.name);
        }
    }
}

#[test]
fn a_picture_of_another_shape_is_shown_whole_over_a_dim_copy() {
    for mut screen in screens(SIDE, 1.0) {
        let seen = white(&mut screen, |ui, video| {
            let wide = Rect::from_min_max(pos2(8.0, 28.0), pos2(88.0, 68.0));
            video.paint(ui.painter(), wide, 0);
        });
        assert_eq!(pixel(&seen, 48, 48), WHITE, "{}", screen.name);
        let [dim, ..] = pixel(&seen, 12, 48);
        assert!((40..=52).contains(&dim), "{}: {dim}", screen.name);
        assert_eq!(pixel(&seen, 48, 20), BLACK, "{}", screen.name);
    }
}

#[test]
fn a_screen_of_many_pixels_a_point_paints_in_its_own_pixels() {
    for mut screen in screens(SIDE, 2.0) {
        let frame = patches(64, 48, FORMATS[0]);
        let mut video = screen.painter.video();
        let shown = Arc::clone(&frame);
        let seen = screen.paint(move |ui| {
            video.show(ui.ctx(), Arc::clone(&shown));
            let rect = Rect::from_min_size(pos2(5.0, 10.0), vec2(32.0, 24.0));
            video.paint(ui.painter(), rect, 0);
        });
        let worst = difference(&seen, SIDE, [10, 20], &frame);
        assert!(worst <= TOLERANCE, "{}: off by {worst}", screen.name);
    }
}

#[test]
fn the_textures_of_a_stream_that_went_are_freed() {
    for screen in screens(SIDE, 1.0) {
        let Some(mut opengl) = screen.into_opengl() else { continue };
        let textures = |opengl: &offscreen::Offscreen| opengl.textures();
        let painter = VideoPainter::opengl(&opengl.gl, None).unwrap();
        opengl.paint(|_| {});
        let before = textures(&opengl);
        let mut video = painter.video();
        let frame = patches(64, 48, FORMATS[0]);
        opengl.paint(|ui| {
            video.show(ui.ctx(), Arc::clone(&frame));
            video.paint(ui.painter(), BOX, 0);
        });
        assert_eq!(textures(&opengl), before + 3);
        drop(video);
        painter.free(Some(&opengl.gl));
        assert_eq!(textures(&opengl), before);
        painter.destroy(Some(&opengl.gl));
    }
}
