//! What stands in a window without cameras: what to do, and why there is none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Window, World, fonts, settle, view, window_of};
use eframe::egui::vec2;
use egui_kittest::kittest::Queryable;
use lanlens_model::{Check, CheckState, Finding, TileState};
use lanlens_ui::ViewerOptions;

fn sized(world: &World, width: f32, height: f32) -> Window {
    window_of(world, ViewerOptions::default(), fonts(), vec2(width, height))
}

fn blocked() -> Finding {
    Finding {
        check: Check::MulticastIn,
        state: CheckState::Failed,
        cause: "This computer's firewall (firewalld) stops multicast DNS (UDP port 5353) from \
                coming in on wlan0: not even this computer's own question is heard."
            .into(),
        next: Some(
            "Let it in: `sudo firewall-cmd --permanent --add-service=mdns && sudo firewall-cmd \
             --reload`."
                .into(),
        ),
    }
}

#[test]
fn what_was_found_takes_the_place_of_the_general_hint_and_goes_with_it() {
    let world = World::default();
    let mut window = sized(&world, 900.0, 600.0);
    window.get_by_label_contains("UDP port 5353 open");
    world.found(Some(blocked()));
    settle(&mut window);
    window.get_by_label_contains("(firewalld) stops multicast DNS");
    // The command can be copied as it is: its backticks are not shown.
    window.get_by_label_contains("Let it in: sudo firewall-cmd --permanent");
    window.get_by_label_contains("lanlens doctor");
    assert!(window.query_by_label_contains("UDP port 5353 open").is_none());
    world.found(None);
    settle(&mut window);
    window.get_by_label_contains("UDP port 5353 open");
}

#[test]
fn with_a_camera_that_was_not_asked_for_the_network_is_not_blamed() {
    let world = World::default();
    world.set(vec![view(1, "Garage", TileState::Idle)]);
    world.found(Some(blocked()));
    let options = ViewerOptions { only: vec!["Kitchen".into()], ..ViewerOptions::default() };
    let window = window_of(&world, options, fonts(), vec2(900.0, 600.0));
    window.get_by_label_contains("Garage");
    assert!(window.query_by_label_contains("stops multicast DNS").is_none());
}

#[test]
fn what_was_found_looks_as_it_was_approved() {
    let world = World::default();
    world.found(Some(blocked()));
    sized(&world, 1000.0, 620.0).snapshot("why_there_is_no_camera");
}

#[test]
fn what_was_found_fits_a_small_window_as_it_was_approved() {
    let world = World::default();
    world.found(Some(blocked()));
    sized(&world, 480.0, 560.0).snapshot("why_there_is_no_camera_small");
}
