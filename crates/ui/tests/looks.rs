//! Pictures of the whole window, so that a change of the look is seen and meant.
//!
//! `UPDATE_SNAPSHOTS=1` accepts a new look.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::{Duration, Instant};

use common::{Window, World, calm, fonts, frame, request, settle, view, watchers, window_of};
use eframe::egui::{Key, vec2};
use egui_kittest::kittest::Queryable;
use lanlens_model::{CameraView, Cause, Code, LostReason, RequestEnd, TileState};
use lanlens_ui::ViewerOptions;

fn code(number: u64) -> TileState {
    TileState::Waiting { code: Some(Code::from_number(number)) }
}

fn sized(world: &World, width: f32, height: f32) -> Window {
    window_of(world, ViewerOptions::default(), fonts(), vec2(width, height))
}

#[test]
fn a_grid_of_six_states_looks_as_it_was_approved() {
    let world = World::default();
    world.set(vec![
        view(0, "Driveway", TileState::Live),
        view(1, "거실", TileState::Live),
        view(2, "3D printer", TileState::Stalled { since_ms: 4000 }),
        view(3, "Front door", TileState::Offline),
        view(4, "Reception", code(482_913)),
        view(5, "Back yard", TileState::Lost(LostReason::Unreachable)),
    ]);
    for (n, luma) in [(0, 150), (1, 90), (2, 200)] {
        world.slot_of(n).put(frame(luma));
    }
    sized(&world, 1000.0, 560.0).snapshot("grid_of_six_states");
}

#[test]
fn why_there_are_no_pictures_looks_as_it_was_approved() {
    let world = World::default();
    let busy = "another program on its computer uses it; close it there";
    let stalled = TileState::Stalled { since_ms: 4000 };
    let of = |n, name, state: &TileState, cause, seconds: Option<f32>| CameraView {
        cause: Some(cause),
        // Half a second more, so that a slow machine paints the same.
        retry_at: seconds.map(|s| Instant::now() + Duration::from_secs_f32(s - 0.5)),
        ..view(n, name, state.clone())
    };
    let lost = TileState::Lost(LostReason::Unreachable);
    world.set(vec![
        of(0, "Driveway", &stalled, Cause::NoPictures, Some(7.0)),
        of(1, "Nursery", &stalled, Cause::Source(busy.to_owned()), None),
        of(2, "3D printer", &lost, Cause::Unreachable, Some(3.0)),
        of(3, "Front door", &lost, Cause::NoNetwork, None),
    ]);
    for (n, luma) in [(0, 150), (1, 90), (2, 200)] {
        world.slot_of(n).put(frame(luma));
    }
    sized(&world, 1000.0, 620.0).snapshot("why_there_are_no_pictures");
}

#[test]
fn what_is_asked_of_a_person_looks_as_it_was_approved() {
    let world = World::default();
    let ended = TileState::RequestEnded;
    world.set(vec![
        view(0, "Reception", code(7)),
        view(1, "Workshop", TileState::Waiting { code: None }),
        view(2, "Lab", ended(RequestEnd::Unanswered)),
        view(3, "Hall", ended(RequestEnd::Full)),
        view(4, "Attic", ended(RequestEnd::TooOften)),
        view(5, "Studio", TileState::NeedsInvitation),
        view(6, "Garage", ended(RequestEnd::WrongInvitation)),
        view(7, "Server room", TileState::Denied),
        view(8, "Balcony", TileState::Removed),
    ]);
    sized(&world, 1200.0, 760.0).snapshot("what_a_person_is_asked");
}

#[test]
fn a_code_in_focus_looks_as_it_was_approved() {
    let world = World::default();
    world.set(vec![view(0, "Reception", code(482_913)), view(1, "Lab", code(658_056))]);
    let mut window = sized(&world, 1000.0, 620.0);
    for key in [Key::ArrowRight, Key::Enter] {
        window.key_press(key);
        settle(&mut window);
    }
    window.snapshot("code_in_focus");
}

/// Somebody owns cameras: two devices ask, one camera is watched.
fn owned() -> World {
    let world = World::live(4);
    let mut cameras: Vec<_> =
        ["Driveway", "거실", "Back yard", "Workshop"].into_iter().enumerate().collect();
    world.set(
        cameras
            .drain(..)
            .map(|(n, name)| {
                let mut camera = view(n, name, TileState::Live);
                camera.watchers = watchers(&["Ann's phone", "Studio desk", ""][n.min(2)..]);
                camera
            })
            .collect(),
    );
    for n in 0..4 {
        world.slot_of(n).put(frame(70 + 40 * n as u8));
    }
    world.edit(|snapshot| {
        snapshot.requests = vec![
            request(21, "", &[("거실", 7)]),
            request(20, "Ben's laptop", &[("Driveway", 482_913), ("거실", 658_056)]),
        ];
    });
    world
}

#[test]
fn an_owners_window_looks_as_it_was_approved() {
    let world = owned();
    world.edit(|snapshot| {
        let copied = "Another computer on this network uses the same key as this one: was its \
                      disk or card copied? Give one of them a new key.";
        snapshot.warnings = vec![copied.into()];
    });
    let mut window = sized(&world, 1200.0, 760.0);
    calm(&mut window);
    window.key_press(Key::ArrowRight);
    settle(&mut window);
    window.key_press(Key::W);
    settle(&mut window);
    window.snapshot("owners_window");
}

#[test]
fn an_owners_small_window_looks_as_it_was_approved() {
    let world = owned();
    let mut window = sized(&world, 480.0, 560.0);
    calm(&mut window);
    window.snapshot("owners_small_window");
}

#[test]
fn an_owners_small_window_with_text_at_200_percent_looks_as_it_was_approved() {
    let world = owned();
    let mut window = sized(&world, 480.0, 600.0);
    window.set_pixels_per_point(2.0);
    calm(&mut window);
    window.snapshot("owners_small_window_at_200_percent");
}

#[test]
fn what_was_done_looks_as_it_was_approved() {
    let world = owned();
    let mut window = sized(&world, 1000.0, 620.0);
    calm(&mut window);
    window.get_by_label("Allow Ben's laptop").click();
    settle(&mut window);
    window.get_by_label("Watched by 3 devices: Driveway").click();
    settle(&mut window);
    window.get_by_label("Remove Studio desk").click();
    settle(&mut window);
    window.remove_cursor();
    settle(&mut window);
    window.snapshot("what_was_done");
}
