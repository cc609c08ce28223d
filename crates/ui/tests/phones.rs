//! The panel that adds a phone: its code is read from what was painted, as a phone would.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Window, World, delay, device, fonts, idle, press, settle, window_of, window_scaled};
use eframe::egui::{Key, OutputCommand, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use lanlens_model::{CameraId, NetworkKind, PhoneDoor, PhoneLink, PhoneView};
use lanlens_ui::ViewerOptions;

fn link(ip: &str, interface: &str, network: NetworkKind, token: &str) -> PhoneLink {
    let ip = ip.parse().unwrap();
    let url = format!("https://{ip}:17443/#{token}");
    PhoneLink { url, ip, interface: interface.to_owned(), network }
}

fn phone(n: u8, name: &str, viewers: usize, battery_percent: Option<u8>) -> PhoneView {
    let camera = CameraId::new(device(n), "phone");
    PhoneView { camera, name: name.to_owned(), viewers, battery_percent }
}

const FIRST: &str = "nI3vTzV0uPq5wq0cE0fJzA";
const SECOND: &str = "Zk81bYpQ2R7eWm4TgVxSdw";

/// One address, no phone.
fn door(token: &str) -> PhoneDoor {
    PhoneDoor {
        links: vec![link("192.168.1.20", "wlan0", NetworkKind::Local, token)],
        fingerprint: vec!["A7"; 32].join(":"),
        ..PhoneDoor::default()
    }
}

fn three_addresses() -> PhoneDoor {
    let mut door = door(FIRST);
    door.links.push(link("10.8.0.2", "tun0", NetworkKind::Vpn, FIRST));
    door.links.push(link("172.17.0.1", "docker0", NetworkKind::Virtual, FIRST));
    door
}

/// A window with two cameras and the panel.
fn open(world: &World, width: f32, height: f32) -> Window {
    let mut window = window_of(world, ViewerOptions::default(), fonts(), vec2(width, height));
    window.key_press(Key::Q);
    settle(&mut window);
    window
}

fn with(door: PhoneDoor) -> World {
    let world = World::live(2);
    world.phone_door(door);
    world
}

/// Every code in what the window shows.
fn codes(window: &mut Window) -> Vec<String> {
    let picture = window.render().unwrap();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let grey = |x: usize, y: usize| picture.get_pixel(x as u32, y as u32).0[1];
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = prepared.detect_grids();
    grids.iter().map(|grid| grid.decode().unwrap().1).collect()
}

fn copied(window: &Window) -> Vec<String> {
    let text = |command: &OutputCommand| match command {
        OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    };
    window.output().platform_output.commands.iter().filter_map(text).collect()
}

#[test]
fn a_phone_reads_the_link_from_the_window_at_every_scale_and_size() {
    let url = format!("https://192.168.1.20:17443/#{FIRST}");
    for (width, height, scale) in
        [(1200.0, 760.0, 1.0), (1200.0, 760.0, 1.5), (480.0, 640.0, 1.0), (480.0, 640.0, 2.0)]
    {
        let world = with(door(FIRST));
        let size = vec2(width, height);
        let mut window = window_scaled(&world, ViewerOptions::default(), fonts(), size, scale);
        window.key_press(Key::Q);
        settle(&mut window);
        assert_eq!(codes(&mut window), [url.as_str()], "{width}×{height} at {scale}");
    }
}

#[test]
fn an_ipv6_link_is_read_too() {
    let mut door = door(FIRST);
    door.links[0].ip = "fd12:3456:789a:1:aaaa:bbbb:cccc:dddd".parse().unwrap();
    door.links[0].url = format!("https://[{}]:17443/#{FIRST}", door.links[0].ip);
    let url = door.links[0].url.clone();
    let mut window = open(&with(door), 1000.0, 700.0);
    assert_eq!(codes(&mut window), [url]);
    window.get_by_label_contains("TCP port 17443");
}

#[test]
fn q_and_the_button_open_it_q_and_escape_close_it() {
    let world = with(door(FIRST));
    let mut window = open(&world, 1200.0, 760.0);
    window.get_by_label(&format!("QR code of https://192.168.1.20:17443/#{FIRST}"));
    window.key_press(Key::Q);
    settle(&mut window);
    assert!(window.query_by_label("Copy link").is_none());
    press(&mut window, "Add a phone");
    window.get_by_label("Copy link");
    window.key_press(Key::Escape);
    settle(&mut window);
    assert!(window.query_by_label("Copy link").is_none());
    press(&mut window, "Add a phone");
    press(&mut window, "Close");
    assert!(window.query_by_label("Copy link").is_none());
}

#[test]
fn the_way_in_is_open_only_while_its_code_is_shown() {
    let world = with(door(FIRST));
    let mut window = open(&world, 1200.0, 760.0);
    assert_eq!(world.doors_held(), 1);
    window.key_press(Key::Escape);
    settle(&mut window);
    assert_eq!(world.doors_held(), 0);
    // An empty window shows the code by itself.
    world.set(Vec::new());
    settle(&mut window);
    assert_eq!(world.doors_held(), 1);
    assert_eq!(codes(&mut window), [format!("https://192.168.1.20:17443/#{FIRST}")]);
    drop(window);
    assert_eq!(world.doors_held(), 0);
}

#[test]
fn the_code_can_be_had_for_another_address_and_such_as_lead_nowhere_are_marked() {
    let mut window = open(&with(three_addresses()), 1200.0, 760.0);
    window.get_by_label("172.17.0.1, docker0, inside this computer only");
    press(&mut window, "10.8.0.2, tun0, VPN: most phones are not in it");
    assert_eq!(codes(&mut window), [format!("https://10.8.0.2:17443/#{FIRST}")]);
    press(&mut window, "Copy link");
    window.get_by_label_contains("The link was copied");
}

#[test]
fn an_address_that_goes_away_is_replaced_by_the_best() {
    let world = with(three_addresses());
    let mut window = open(&world, 1200.0, 760.0);
    press(&mut window, "10.8.0.2, tun0, VPN: most phones are not in it");
    world.phone_door(door(SECOND));
    settle(&mut window);
    assert_eq!(codes(&mut window), [format!("https://192.168.1.20:17443/#{SECOND}")]);
    assert!(window.query_by_label_contains("tun0").is_none());
}

#[test]
fn copying_gives_the_link_as_it_is_now() {
    let world = with(door(FIRST));
    let mut window = open(&world, 1200.0, 760.0);
    world.phone_door(door(SECOND));
    settle(&mut window);
    window.get_by_label("Copy link").click();
    // The pass that obeys the click is the one that tells the system.
    let mut all = Vec::new();
    for _ in 0..3 {
        window.step();
        all.extend(copied(&window));
    }
    assert_eq!(all, [format!("https://192.168.1.20:17443/#{SECOND}")]);
}

#[test]
fn a_redeemed_code_is_renewed_under_the_eyes_and_who_joined_is_told() {
    let world = with(PhoneDoor { phones: vec![phone(8, "Hall", 1, None)], ..door(FIRST) });
    let mut window = open(&world, 1200.0, 760.0);
    assert!(window.query_by_label_contains("has joined").is_none(), "it was there before");
    let phones = vec![phone(8, "Hall", 1, None), phone(9, "Pixel 9 (Ana)", 2, Some(80))];
    world.phone_door(PhoneDoor { phones, ..door(SECOND) });
    settle(&mut window);
    window.get_by_label("“Pixel 9 (Ana)” has joined.");
    window.get_by_label("Pixel 9 (Ana), 2 watch, battery 80 %");
    window.get_by_label("Hall, 1 watches");
    assert_eq!(codes(&mut window), [format!("https://192.168.1.20:17443/#{SECOND}")]);
}

#[test]
fn without_a_page_or_a_network_the_panel_says_so() {
    let mut window = open(&World::live(1), 900.0, 600.0);
    window.get_by_label_contains("--web off");
    assert!(codes(&mut window).is_empty());
    let world = with(PhoneDoor { links: Vec::new(), ..door(FIRST) });
    let mut window = open(&world, 900.0, 600.0);
    window.get_by_label_contains("no network");
    let trouble = Some("The page's port could not be opened: address in use.".to_owned());
    world.phone_door(PhoneDoor { links: Vec::new(), trouble, ..door(FIRST) });
    settle(&mut window);
    window.get_by_label_contains("address in use");
}

#[test]
fn keys_of_the_grid_do_nothing_behind_the_panel() {
    let world = with(door(FIRST));
    let mut window = open(&world, 1200.0, 760.0);
    world.commands();
    for key in [Key::F5, Key::A, Key::ArrowRight] {
        window.key_press(key);
        settle(&mut window);
    }
    assert!(!world.commands().contains(&lanlens_model::Command::Refresh));
    assert!(window.query_by_label("Connect").is_none());
    window.get_by_label("Copy link");
}

#[test]
fn the_keyboard_reaches_everything_in_the_panel() {
    let mut window = open(&with(three_addresses()), 1200.0, 760.0);
    let focused = |window: &Window| {
        let label = |node: egui_kittest::Node<'_>| node.accesskit_node().label();
        window.query_all_by(|node| node.is_focused()).find_map(label)
    };
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.extend(focused(&window));
        window.key_press(Key::Tab);
        settle(&mut window);
    }
    for name in ["Close", "Copy link", "10.8.0.2, tun0, VPN: most phones are not in it"] {
        assert!(seen.iter().any(|label| label == name), "{name} is not in {seen:?}");
    }
    assert!(!seen.iter().any(|label| label == "Fullscreen"), "behind the panel: {seen:?}");
}

#[test]
fn a_panel_in_which_nothing_changes_is_not_painted_again() {
    let world = World::default();
    world.phone_door(door(FIRST));
    let mut window = window_of(&world, ViewerOptions::default(), fonts(), vec2(1000.0, 640.0));
    // What a window remembers is written after a while.
    for _ in 0..200 {
        window.step();
    }
    assert!(idle(&window), "the empty window wants a paint in {} s", delay(&window));
    window.key_press(Key::Q);
    for _ in 0..200 {
        window.step();
    }
    assert!(idle(&window), "the panel wants a paint in {} s", delay(&window));
}

#[test]
fn the_panel_looks_as_it_was_approved() {
    let phones = vec![phone(9, "Pixel 9 (Ana)", 2, Some(80)), phone(8, "거실", 0, None)];
    open(&with(PhoneDoor { phones, ..door(FIRST) }), 1200.0, 760.0).snapshot("add_a_phone");
}

#[test]
fn the_panel_with_addresses_to_choose_looks_as_it_was_approved() {
    let mut window = open(&with(three_addresses()), 1440.0, 900.0);
    window.snapshot("add_a_phone_three_addresses");
}

#[test]
fn the_panel_in_a_small_window_looks_as_it_was_approved() {
    open(&with(three_addresses()), 480.0, 640.0).snapshot("add_a_phone_small");
}

#[test]
fn the_panel_with_text_at_200_percent_looks_as_it_was_approved() {
    let world = with(door(FIRST));
    let mut window = window_of(&world, ViewerOptions::default(), fonts(), vec2(1000.0, 900.0));
    window.set_pixels_per_point(2.0);
    settle(&mut window);
    window.key_press(Key::Q);
    settle(&mut window);
    window.snapshot("add_a_phone_at_200_percent");
}

#[test]
fn an_empty_window_with_its_code_looks_as_it_was_approved() {
    let world = World::default();
    world.phone_door(door(FIRST));
    let mut window = window_of(&world, ViewerOptions::default(), fonts(), vec2(1200.0, 760.0));
    window.snapshot("no_camera_and_a_code");
}

#[test]
fn a_phone_that_has_joined_looks_as_it_was_approved_in_a_light_window_too() {
    let world = with(door(FIRST));
    let mut window = window_of(&world, ViewerOptions::default(), fonts(), vec2(1000.0, 640.0));
    window.ctx.set_theme(eframe::egui::Theme::Light);
    window.key_press(Key::Q);
    settle(&mut window);
    let phones = vec![phone(9, "Pixel 9 (Ana)", 0, Some(80))];
    world.phone_door(PhoneDoor { phones, ..door(SECOND) });
    settle(&mut window);
    window.snapshot("a_phone_has_joined");
}
