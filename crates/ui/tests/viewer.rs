//! What a person, or a screen reader, finds in the window and what keys and clicks do.

mod common;

use common::{World, frame, id, settle, view, window};
use eframe::egui::{
    Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, TouchPhase, vec2,
};
use egui_kittest::kittest::{NodeT, Queryable};
use lanlens_model::{Command, Layer, LostReason, RequestEnd, TileState};
use lanlens_ui::ViewerOptions;

/// The tile's label, not the list's.
fn tile(n: usize) -> String {
    format!("camera {n}, live")
}

#[test]
fn every_camera_has_a_tile_and_the_header_counts_them() {
    for count in [1, 4, 9] {
        let window = window(&World::live(count), ViewerOptions::default());
        for n in 0..count {
            window.get_by_label(&tile(n));
        }
        window.get_by_label(&format!("{count} live"));
        assert!(window.query_by_label("Looking for cameras on your network").is_none());
    }
}

#[test]
fn without_cameras_the_window_says_what_to_do() {
    let window = window(&World::default(), ViewerOptions::default());
    window.get_by_label("Looking for cameras on your network");
    window.get_by_label_contains("lanlens-camera");
    assert!(window.query_by_label_contains("0 live").is_none());
}

#[test]
fn a_limited_viewer_says_what_it_is_limited_to_and_what_else_is_there() {
    let world = World::default();
    world.set(vec![view(1, "Garage", TileState::Idle)]);
    let options = ViewerOptions { only: vec!["Kitchen".into()], ..ViewerOptions::default() };
    let window = window(&world, options);
    window.get_by_label("Only Kitchen");
    window.get_by_label("Looking for Kitchen");
    window.get_by_label_contains("Garage");
    assert!(window.query_by_label("Garage, not watched").is_none());
}

#[test]
fn tiles_fill_the_window_without_overlapping() {
    let window = window(&World::live(9), ViewerOptions::default());
    let tiles: Vec<_> = (0..9).map(|n| window.get_by_label(&tile(n)).rect()).collect();
    for (n, rect) in tiles.iter().enumerate() {
        assert!((rect.aspect_ratio() - 16.0 / 9.0).abs() < 0.01);
        assert!(tiles[..n].iter().all(|other| !other.intersects(*rect)));
    }
    assert!(tiles.iter().map(|rect| rect.area()).sum::<f32>() > 0.6 * 940.0 * 670.0);
}

#[test]
fn enter_focuses_and_escape_returns() {
    let mut window = window(&World::live(4), ViewerOptions::default());
    let before = window.get_by_label(&tile(0)).rect();
    window.key_press(Key::ArrowRight);
    settle(&mut window);
    window.key_press(Key::Enter);
    settle(&mut window);
    let focused = window.get_by_label(&tile(0)).rect();
    assert!(focused.width() > 1.5 * before.width());
    assert!(window.get_by_label(&tile(1)).rect().width() < 200.0);
    window.key_press(Key::Escape);
    settle(&mut window);
    assert_eq!(window.get_by_label(&tile(0)).rect(), before);
}

#[test]
fn arrows_move_one_tile_at_a_time_from_the_first() {
    let mut window = window(&World::live(4), ViewerOptions::default());
    let selected = |window: &common::Window| {
        (0..4).find(|n| {
            let label = tile(*n);
            let node = window.get_by_label(&label);
            node.accesskit_node().toggled() == Some(eframe::egui::accesskit::Toggled::True)
        })
    };
    assert_eq!(selected(&window), None);
    let moves = [
        (Key::ArrowRight, 0),
        (Key::ArrowRight, 1),
        (Key::ArrowDown, 3),
        (Key::ArrowLeft, 2),
        (Key::ArrowUp, 0),
    ];
    for (key, expected) in moves {
        window.key_press(key);
        settle(&mut window);
        assert_eq!(selected(&window), Some(expected), "{key:?}");
    }
}

#[test]
fn in_focus_the_arrows_go_to_the_next_camera() {
    let mut window = window(&World::live(3), ViewerOptions::default());
    for key in [Key::ArrowRight, Key::Enter, Key::ArrowRight] {
        window.key_press(key);
        settle(&mut window);
    }
    assert!(window.get_by_label(&tile(1)).rect().width() > 600.0);
    assert!(window.get_by_label(&tile(0)).rect().width() < 200.0);
}

fn double_click(window: &mut common::Window, label: &str) {
    let pos = window.get_by_label(label).rect().center();
    window.event(Event::PointerMoved(pos));
    window.step();
    for pressed in [true, false, true, false] {
        let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
        window.event(Event::PointerButton { pos, button, pressed, modifiers });
        window.step();
    }
    settle(window);
}

#[test]
fn a_double_click_focuses_and_another_returns() {
    let mut window = window(&World::live(4), ViewerOptions::default());
    let before = window.get_by_label(&tile(2)).rect();
    double_click(&mut window, &tile(2));
    assert!(window.get_by_label(&tile(2)).rect().width() > 1.5 * before.width());
    double_click(&mut window, &tile(2));
    assert_eq!(window.get_by_label(&tile(2)).rect(), before);
}

#[test]
fn f5_and_the_button_look_again() {
    let world = World::live(1);
    let mut window = window(&world, ViewerOptions::default());
    world.commands();
    window.key_press(Key::F5);
    settle(&mut window);
    assert_eq!(world.commands(), [Command::Refresh]);
    window.get_by_label("Look again").click();
    settle(&mut window);
    assert_eq!(world.commands(), [Command::Refresh]);
}

#[test]
fn enter_on_a_button_presses_the_button_and_focuses_no_camera() {
    let world = World::live(2);
    let mut window = window(&world, ViewerOptions::default());
    world.commands();
    let before = window.get_by_label(&tile(0)).rect();
    window.get_by_label("Look again").focus();
    settle(&mut window);
    window.key_press(Key::Enter);
    settle(&mut window);
    assert_eq!(world.commands(), [Command::Refresh]);
    assert_eq!(window.get_by_label(&tile(0)).rect(), before);
}

#[test]
fn a_camera_that_stalls_is_not_called_live_any_more() {
    let world = World::live(2);
    let mut window = window(&world, ViewerOptions::default());
    world.set(vec![
        view(0, "camera 0", TileState::Stalled { since_ms: 800 }),
        view(1, "camera 1", TileState::Live),
    ]);
    settle(&mut window);
    window.get_by_label("camera 0, stalled");
    assert!(window.query_by_label("camera 0, live").is_none());
    window.get_by_label("1 live");
    window.get_by_label("1 waiting");
}

#[test]
fn every_state_has_its_own_words() {
    let states = [
        (TileState::Idle, "not watched"),
        (TileState::Paused, "paused"),
        (TileState::Connecting, "connecting"),
        (TileState::Waiting { code: None }, "waiting for permission"),
        (TileState::RequestEnded(RequestEnd::Full), "too many ask"),
        (TileState::NeedsInvitation, "needs an invitation"),
        (TileState::Denied, "permission denied"),
        (TileState::Removed, "removed by an owner"),
        (TileState::Lost(LostReason::Unreachable), "reconnecting"),
        (TileState::Offline, "offline"),
    ];
    let world = World::default();
    world.set(states.iter().enumerate().map(|(n, (s, _))| view(n, "camera", s.clone())).collect());
    let window = window(&world, ViewerOptions::default());
    for (_, words) in states {
        window.get_by_label(&format!("camera, {words}"));
    }
    assert!(window.query_by_label_contains("live").is_none());
}

#[test]
fn a_camera_that_went_offline_keeps_its_place() {
    let world = World::live(4);
    let mut window = window(&world, ViewerOptions::default());
    let before = window.get_by_label(&tile(1)).rect();
    let mut cameras: Vec<_> =
        (0..4).map(|n| view(n, &format!("camera {n}"), TileState::Live)).collect();
    cameras[1].state = TileState::Offline;
    world.set(cameras);
    settle(&mut window);
    assert_eq!(window.get_by_label("camera 1, offline").rect(), before);
}

#[test]
fn a_focused_camera_that_leaves_the_list_gives_the_grid_back() {
    let world = World::live(3);
    let mut window = window(&world, ViewerOptions::default());
    double_click(&mut window, &tile(2));
    world.set((0..2).map(|n| view(n, &format!("camera {n}"), TileState::Live)).collect());
    settle(&mut window);
    assert!(window.get_by_label(&tile(0)).rect().width() > 400.0);
    assert!(window.get_by_label(&tile(1)).rect().width() > 400.0);
}

#[test]
fn a_frame_is_taken_from_its_slot_once_and_only_while_its_tile_may_show_it() {
    let world = World::live(2);
    let mut window = window(&world, ViewerOptions::default());
    world.slot_of(0).put(frame(200));
    settle(&mut window);
    assert!(world.slot_of(0).take().is_none(), "taken by the tile");
    world.set(vec![view(0, "camera 0", TileState::Denied)]);
    world.slot_of(0).put(frame(200));
    settle(&mut window);
    assert!(world.slot_of(0).take().is_some(), "a denied tile shows nothing");
}

/// Lets a second and a bit pass.
fn wait(window: &mut common::Window) {
    window.run_steps(22);
}

#[test]
fn cameras_out_of_sight_for_a_second_are_reported_hidden_and_at_once_visible_again() {
    let world = World::live(12);
    let mut window = window(&world, ViewerOptions::default());
    wait(&mut window);
    let told = world.commands();
    let of_sight = |command: &Command| matches!(command, Command::SetVisible(..));
    assert!(!told.iter().any(of_sight), "all are in sight, as the node assumes: {told:?}");
    double_click(&mut window, &tile(0));
    assert_eq!(world.commands(), [], "it may be a short look");
    wait(&mut window);
    let hidden = world.commands();
    assert!(!hidden.is_empty() && hidden.len() < 12, "the strip shows some of them: {hidden:?}");
    assert!(hidden.contains(&Command::SetVisible(id(11), false)));
    window.key_press(Key::Escape);
    window.run_steps(2);
    let shown = world.commands();
    assert!(shown.contains(&Command::SetVisible(id(11), true)));
    assert_eq!(shown.len(), hidden.len());
}

/// A window in which only some of 20 cameras have room.
fn scrolled(world: &World) -> common::Window {
    let mut window =
        common::window_of(world, ViewerOptions::default(), common::fonts(), vec2(400.0, 420.0));
    window.event(Event::PointerMoved(window.get_by_label(&tile(0)).rect().center()));
    wait(&mut window);
    window
}

fn scroll(window: &mut common::Window, points: f32) {
    window.event(Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: vec2(0.0, points),
        phase: TouchPhase::Move,
        source: MouseWheelSource::Wheel,
        modifiers: Modifiers::NONE,
    });
    window.run_steps(8);
}

#[test]
fn a_camera_that_is_scrolled_into_sight_is_asked_for_at_once_and_scrolling_past_stops_none() {
    let world = World::live(20);
    let mut window = scrolled(&world);
    let hidden = world.commands();
    assert!(hidden.contains(&Command::SetVisible(id(19), false)), "{hidden:?}");
    assert!(!hidden.contains(&Command::SetVisible(id(0), false)), "{hidden:?}");
    scroll(&mut window, -5000.0);
    let shown = world.commands();
    assert!(shown.contains(&Command::SetVisible(id(19), true)), "{shown:?}");
    assert!(!shown.contains(&Command::SetVisible(id(0), false)), "gone for a moment: {shown:?}");
    scroll(&mut window, 5000.0);
    wait(&mut window);
    let back = world.commands();
    assert!(!back.contains(&Command::SetVisible(id(0), false)), "{back:?}");
    assert!(back.contains(&Command::SetVisible(id(19), false)), "{back:?}");
}

#[test]
fn small_tiles_ask_for_the_low_layer_before_the_first_picture_and_a_focused_one_for_high() {
    let world = World::default();
    let connecting = |n| view(n, &format!("camera {n}"), TileState::Connecting);
    world.set((0..16).map(connecting).collect());
    let mut window = window(&world, ViewerOptions::default());
    let wished = world.commands();
    assert_eq!(wished.len(), 16);
    assert!((0..16).all(|n| wished.contains(&Command::SetLayer(id(n), Layer::Low))), "{wished:?}");
    double_click(&mut window, "camera 3, connecting");
    assert_eq!(world.commands(), [Command::SetLayer(id(3), Layer::High)]);
    window.key_press(Key::Escape);
    settle(&mut window);
    assert_eq!(world.commands(), [], "not to and fro within a second");
    wait(&mut window);
    assert!(world.commands().contains(&Command::SetLayer(id(3), Layer::Low)));
}

#[test]
fn a_screen_with_more_pixels_asks_for_high_where_another_asks_for_low() {
    for (scale, expected) in [(1.0, Layer::Low), (2.0, Layer::High)] {
        let world = World::default();
        world.set(vec![view(0, "camera 0", TileState::Connecting)]);
        let size = vec2(330.0, 300.0);
        let mut window =
            common::window_scaled(&world, ViewerOptions::default(), common::fonts(), size, scale);
        wait(&mut window);
        let wished = [Command::SetLayer(id(0), expected)];
        assert_eq!(world.commands(), wished, "{scale} pixels a point");
    }
}

#[test]
fn a_paused_camera_keeps_its_picture_and_is_not_called_live_nor_at_fault() {
    let world = World::live(2);
    let mut window = window(&world, ViewerOptions::default());
    world.slot_of(0).put(frame(200));
    settle(&mut window);
    let bright = |window: &mut common::Window| {
        let paused = window.query_by_label("camera 0, paused").map(|tile| tile.rect());
        let center = paused.unwrap_or_else(|| window.get_by_label(&tile(0)).rect()).center();
        window.render().unwrap().get_pixel(center.x as u32, center.y as u32 - 20).0
    };
    let live = bright(&mut window);
    let mut cameras =
        vec![view(0, "camera 0", TileState::Paused), view(1, "camera 1", TileState::Live)];
    cameras[0].stats = None;
    world.set(cameras);
    settle(&mut window);
    window.get_by_label("camera 0, paused");
    window.get_by_label("1 live");
    assert!(window.query_by_label_contains("waiting").is_none());
    assert_eq!(bright(&mut window), live);
    assert!(common::idle(&window));
}

#[test]
fn the_list_can_be_closed_and_stays_closed_at_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    let options = ViewerOptions { home: Some(home.path().into()), ..ViewerOptions::default() };
    let row = "In the list: camera 0, live";
    let mut first = window(&World::live(1), options.clone());
    first.get_by_label(row);
    first.get_by_label("Camera list").click();
    settle(&mut first);
    assert!(first.query_by_label(row).is_none());
    if let Some(app) = first.state_mut() {
        eframe::App::on_exit(app, None);
    }
    assert!(window(&World::live(1), options).query_by_label(row).is_none());
}

#[test]
fn nothing_is_painted_again_while_nothing_changes() {
    for world in [World::default(), World::live(4), World::live(40)] {
        let mut window = window(&world, ViewerOptions::default());
        wait(&mut window);
        assert!(common::idle(&window), "{:?}", common::delay(&window));
    }
}

#[test]
fn only_what_turns_or_counts_asks_for_paints() {
    let world = World::default();
    let mut window = window(&world, ViewerOptions::default());
    for (state, seconds) in [
        (TileState::Connecting, 0.05),
        (TileState::Stalled { since_ms: 500 }, 1.0),
        (TileState::Offline, 60.0),
    ] {
        world.set(vec![view(0, "camera 0", state.clone())]);
        settle(&mut window);
        let delay =
            window.output().viewport_output.values().map(|v| v.repaint_delay).min().unwrap();
        assert!(
            delay.as_secs_f64() <= seconds && delay.as_secs_f64() > seconds / 10.0,
            "{state:?}: {delay:?}"
        );
    }
}
