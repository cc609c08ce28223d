//! The dialog that adds a camera by its address or by a search.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Window, World, fonts, press, settle, window_of};
use eframe::egui::{Event, Key, vec2};
use egui_kittest::kittest::Queryable;
use lanlens_model::{Command, ScanView};
use lanlens_ui::ViewerOptions;

fn open(world: &World) -> Window {
    let mut window = window_of(world, ViewerOptions::default(), fonts(), vec2(900.0, 600.0));
    window.key_press(Key::A);
    settle(&mut window);
    window
}

fn types(window: &mut Window, text: &str) {
    window.event(Event::Text(text.to_owned()));
    settle(window);
}

fn added(world: &World) -> Vec<String> {
    let added = |command| match command {
        Command::AddPeer(address) => Some(address.to_string()),
        _ => None,
    };
    world.commands().into_iter().filter_map(added).collect()
}

#[test]
fn an_address_is_typed_at_once_and_enter_connects() {
    let world = World::default();
    let mut window = open(&world);
    types(&mut window, "192.168.1.20");
    window.key_press(Key::Enter);
    settle(&mut window);
    assert_eq!(added(&world), ["192.168.1.20:17470"]);
    window.get_by_label_contains("Connecting to 192.168.1.20:17470");
}

#[test]
fn what_is_no_address_is_said_to_be_none() {
    let world = World::default();
    let mut window = open(&world);
    types(&mut window, "kitchen");
    press(&mut window, "Connect");
    window.get_by_label_contains("That is no address");
    assert!(added(&world).is_empty());
}

#[test]
fn letters_that_are_keys_elsewhere_are_letters_here_and_escape_closes() {
    let world = World::live(2);
    let mut window = open(&world);
    window.key_press(Key::A);
    window.key_press(Key::F5);
    settle(&mut window);
    assert!(!world.commands().contains(&Command::Refresh));
    window.key_press(Key::Escape);
    settle(&mut window);
    assert!(window.query_by_label("Connect").is_none());
    window.key_press(Key::F5);
    settle(&mut window);
    assert!(world.commands().contains(&Command::Refresh));
}

#[test]
fn a_search_tells_how_far_it_is_and_what_came_of_it() {
    let world = World::default();
    let mut window = open(&world);
    press(&mut window, "Search this network");
    assert!(world.commands().contains(&Command::Scan));
    let scan = |done, open, over| Some(ScanView { done, total: 254, open, over });
    for (state, words) in [
        (scan(96, 0, false), "96 of 254"),
        (scan(254, 0, true), "Nothing answered."),
        (scan(254, 1, true), "One address answered."),
        (scan(254, 3, true), "3 addresses answered."),
    ] {
        world.edit(|snapshot| snapshot.scan = state);
        settle(&mut window);
        window.get_by_label_contains(words);
    }
}

#[test]
fn a_copied_address_can_be_pasted_into_the_window() {
    let world = World::default();
    let mut window = window_of(&world, ViewerOptions::default(), fonts(), vec2(900.0, 600.0));
    window.event(Event::Paste(" 192.168.1.20:17471\n".into()));
    settle(&mut window);
    assert_eq!(added(&world), ["192.168.1.20:17471"]);
    window.get_by_label_contains("Connecting to 192.168.1.20:17471");
}

#[test]
fn the_dialog_looks_as_it_was_approved() {
    let world = World::default();
    let mut window = open(&world);
    world.edit(|snapshot| {
        snapshot.scan = Some(ScanView { done: 96, total: 254, open: 0, over: false });
    });
    settle(&mut window);
    window.snapshot("add_a_camera");
}
