//! Cards of devices that ask to watch: what they say, and which clicks and keys decide.

mod common;

use common::{
    World, allow, calm, click_at, delay, deny, device, fonts, idle, open, press, request, settle,
    watched, window_of,
};
use eframe::egui::accesskit::Toggled;
use eframe::egui::{Key, Pos2, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use lanlens_model::ClaimNews;
use lanlens_ui::ViewerOptions;

/// One live camera, and this one device that asks.
fn asked() -> World {
    let world = World::live(1);
    let asking = request(20, "Ann's phone", &[("Kitchen", 482_913)]);
    world.edit(|snapshot| snapshot.requests = vec![asking]);
    world
}

#[test]
fn allow_sends_the_decision_once_and_the_card_goes_at_once() {
    let world = asked();
    let mut window = open(&world);
    window.get_by_label_contains("Ann's phone, unverified name");
    window.get_by_label("Kitchen: code 482 913");
    press(&mut window, "Allow Ann's phone");
    assert_eq!(world.commands(), [allow(20, "Ann's phone", 482_913)]);
    assert!(window.query_by_label("Allow Ann's phone").is_none());
    window.get_by_label("“Ann's phone” was allowed.");
    world.edit(|snapshot| snapshot.requests.clear());
    settle(&mut window);
    assert_eq!(world.commands(), []);
}

#[test]
fn deny_sends_the_other_decision() {
    let world = asked();
    let mut window = open(&world);
    press(&mut window, "Deny Ann's phone");
    assert_eq!(world.commands(), [deny(20, "Ann's phone")]);
    window.get_by_label("“Ann's phone” was refused.");
}

#[test]
fn a_decision_that_had_no_effect_can_be_made_again() {
    let world = asked();
    let mut window = open(&world);
    press(&mut window, "Allow Ann's phone");
    window.run_steps(110); // 5.5 s
    press(&mut window, "Allow Ann's phone");
    assert_eq!(world.commands().len(), 2);
}

#[test]
fn a_card_that_has_just_appeared_leaves_the_click_to_the_tile_below() {
    let world = World::live(1);
    let mut window = open(&world);
    let other = asked();
    let button = {
        let other = open(&other);
        other.get_by_label("Allow Ann's phone").rect().center()
    };
    world.edit(|snapshot| {
        snapshot.requests = vec![request(20, "Ann's phone", &[("Kitchen", 482_913)])];
    });
    window.step();
    click_at(&mut window, button);
    assert_eq!(world.commands(), []);
    window.step();
    let tile = window.get_by_label("camera 0, live");
    let toggled = tile.accesskit_node().toggled();
    assert_eq!(toggled, Some(Toggled::True), "the tile was clicked");
    calm(&mut window);
    assert_eq!(window.get_by_label("Allow Ann's phone").rect().center(), button);
    click_at(&mut window, button);
    assert_eq!(world.commands(), [allow(20, "Ann's phone", 482_913)]);
}

#[test]
fn a_double_click_on_allow_allows_one_device_and_touches_nothing_below() {
    let world = asked();
    world.edit(|snapshot| {
        snapshot.requests.push(request(21, "Ben", &[("Kitchen", 1)]));
    });
    let mut window = open(&world);
    let before = window.get_by_label("camera 0, live").rect();
    for _ in 0..2 {
        let button = window.get_by_label("Allow Ben").rect().center();
        for _ in 0..2 {
            click_at(&mut window, button);
        }
        assert_eq!(world.commands(), [allow(21, "Ben", 1)]);
        let tile = window.get_by_label("camera 0, live");
        assert_eq!(tile.rect(), before, "not focused");
        assert_eq!(tile.accesskit_node().toggled(), Some(Toggled::False), "not selected");
        calm(&mut window);
        // Then the other way round: the last card goes.
        world.edit(|snapshot| {
            snapshot.requests = vec![request(21, "Ben", &[("Kitchen", 1)])];
        });
        window.run_steps(110);
    }
}

#[test]
fn a_code_that_changes_under_the_pointer_must_be_read_first() {
    let world = asked();
    let mut window = open(&world);
    let button = window.get_by_label("Allow Ann's phone").rect().center();
    world.edit(|snapshot| {
        snapshot.requests = vec![request(20, "Ann's phone", &[("Kitchen", 111_222)])];
    });
    window.step();
    click_at(&mut window, button);
    assert_eq!(world.commands(), []);
}

#[test]
fn keys_decide_only_while_their_button_has_the_focus() {
    let world = asked();
    let mut window = open(&world);
    for key in [Key::Enter, Key::Space, Key::Enter] {
        window.key_press(key);
        settle(&mut window);
    }
    assert_eq!(world.commands(), []);
    let mut found = false;
    for _ in 0..40 {
        window.key_press(Key::Tab);
        settle(&mut window);
        if window.get_by_label("Allow Ann's phone").is_focused() {
            found = true;
            break;
        }
    }
    assert!(found, "Tab reaches the button");
    window.key_press(Key::Enter);
    settle(&mut window);
    assert_eq!(world.commands(), [allow(20, "Ann's phone", 482_913)]);
}

#[test]
fn the_newest_request_is_on_top_and_the_rest_is_counted() {
    let world = World::live(1);
    let mut window = open(&world);
    for n in 20..25 {
        let asking = request(n, &format!("device {n}"), &[("Kitchen", u64::from(n))]);
        world.edit(|snapshot| snapshot.requests.insert(0, asking));
        settle(&mut window);
    }
    calm(&mut window);
    let top = |n: u8| window.get_by_label(&format!("Allow device {n}")).rect().top();
    assert!(top(24) < top(23));
    assert!(window.query_by_label("Allow device 20").is_none());
    let shown = (20..25).filter(|n| window.query_by_label(&format!("Allow device {n}")).is_some());
    let more = 5 - shown.count();
    assert!((2..=4).contains(&more));
    window.get_by_label(&format!("and {more} more"));
}

#[test]
fn nothing_is_painted_again_while_a_card_a_banner_and_a_code_stand_still() {
    let world = asked();
    world.edit(|snapshot| {
        snapshot.warnings = vec!["Something is wrong.".into()];
        snapshot.news = Some(ClaimNews { device: device(9), name: "Ann".into(), at_s: 60 });
    });
    let mut window = open(&world);
    assert!(idle(&window), "{}", delay(&window));
    press(&mut window, "Allow Ann's phone");
    assert!(delay(&window) < 4.0, "the toast goes by itself");
    world.edit(|snapshot| snapshot.requests.clear());
    window.run_steps(90);
    assert!(window.query_by_label_contains("may watch now").is_none());
    assert!(idle(&window), "{}", delay(&window));
}

#[test]
fn everything_is_within_reach_in_a_small_window_and_with_text_at_200_percent() {
    for zoom in [1.0, 2.0] {
        let pixels = vec2(480.0, 600.0);
        let world = watched();
        world.edit(|snapshot| {
            snapshot.requests = vec![request(
                20,
                "A name that is far too long for it",
                &[("Kitchen with a long name", 482_913), ("Hall", 7), ("Attic", 8)],
            )];
        });
        let mut window = window_of(&world, ViewerOptions::default(), fonts(), pixels);
        window.set_pixels_per_point(zoom);
        calm(&mut window);
        let whole = eframe::egui::Rect::from_min_size(Pos2::ZERO, pixels / zoom);
        for label in ["Allow A name that is", "Deny A name that is"] {
            let button = window.get_by_label_contains(label).rect();
            assert!(whole.contains_rect(button), "{zoom}: {label} at {button}");
        }
        world.commands();
        window.get_by_label_contains("Deny A name that is").click();
        calm(&mut window);
        assert_eq!(world.commands().len(), 1);
        window.key_press(Key::ArrowRight);
        settle(&mut window);
        window.key_press(Key::W);
        settle(&mut window);
        for label in ["Remove Ann's phone", "Close the list"] {
            let button = window.get_by_label(label).rect();
            assert!(whole.contains_rect(button), "{zoom}: {label} at {button}");
        }
    }
}
