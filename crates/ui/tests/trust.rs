//! Who may watch, as a person or a screen reader finds it in the window: what a tile asks for,
//! invitations, who watches, news, warnings.

mod common;

use common::{
    World, calm, click_at, delay, device, idle, open, press, remove, settle, view, watched,
};
use eframe::egui::{Event, Key, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use lanlens_model::{ClaimNews, Code, Command, Invitation, RequestEnd, TileState};

#[test]
fn a_waiting_tile_shows_its_code_and_what_to_do() {
    let world = World::default();
    let code = Some(Code::from_number(482_913));
    world.set(vec![view(0, "Reception", TileState::Waiting { code })]);
    let window = open(&world);
    let tile = window.get_by_label("Reception, waiting for permission, code 482 913");
    let told = tile.accesskit_node().description().unwrap_or_default();
    assert!(told.contains("Ask the owner to allow this device"), "{told}");
    assert!(told.contains("lanlens trust allow 482913"), "{told}");
    assert!(idle(&window), "a code stands still");
}

#[test]
fn a_removed_tile_says_so_and_not_that_it_was_refused() {
    let world = World::default();
    world.set(vec![view(0, "Hall", TileState::Removed), view(1, "Lab", TileState::Denied)]);
    let window = open(&world);
    let told = |label| {
        window.get_by_label(label).accesskit_node().description().unwrap_or_default().to_owned()
    };
    assert!(told("Hall, removed by an owner").contains("removed this device"));
    assert!(told("Lab, permission denied").contains("refused this device"));
    window.get_by_label("2 not allowed");
}

#[test]
fn a_request_that_nobody_answered_can_be_made_again_on_the_tile() {
    let ends = [RequestEnd::Unanswered, RequestEnd::TooOften, RequestEnd::Elsewhere];
    for end in ends {
        let world = World::default();
        world.set(vec![view(0, "Hall", TileState::RequestEnded(end))]);
        let mut window = open(&world);
        press(&mut window, "Ask again: Hall");
        assert_eq!(world.commands(), [Command::Refresh], "{end:?}");
    }
    let world = World::default();
    world.set(vec![view(0, "Hall", TileState::RequestEnded(RequestEnd::Full))]);
    assert!(open(&world).query_by_label("Ask again: Hall").is_none(), "it asks by itself");
}

#[test]
fn a_pasted_invitation_is_used_and_other_text_is_left_alone() {
    let world = World::live(1);
    let mut window = open(&world);
    let invitation = Invitation::from_bytes([7; 16]);
    window.event(Event::Paste(format!(" {invitation}\n")));
    settle(&mut window);
    assert_eq!(world.commands(), [Command::Join(invitation)]);
    window.get_by_label_contains("Invitation accepted");
    window.event(Event::Paste("milk, eggs, https://example.org".into()));
    settle(&mut window);
    window.get_by_label_contains("Invitation accepted");
    window.event(Event::Paste("lanlens:join/abc".into()));
    settle(&mut window);
    assert_eq!(world.commands(), []);
    window.get_by_label_contains("This link is not whole");
    assert!(window.query_by_label_contains("Invitation accepted").is_none(), "one at a time");
}

#[test]
fn a_tile_that_needs_an_invitation_asks_for_the_clipboard() {
    let world = World::default();
    world.set(vec![view(0, "Studio", TileState::NeedsInvitation)]);
    let mut window = open(&world);
    window.get_by_label("Paste: Studio").click();
    let asked = (0..4).any(|_| {
        window.step();
        let mut outputs = window.output().viewport_output.values();
        outputs.any(|v| v.commands.contains(&eframe::egui::ViewportCommand::RequestPaste))
    });
    assert!(asked);
    window.event(Event::Paste("milk".into()));
    settle(&mut window);
    assert_eq!(world.commands(), []);
    window.get_by_label("What was copied is not an invitation.");
}

#[test]
fn only_a_watched_camera_of_ones_own_shows_who_watches() {
    let window = open(&watched());
    window.get_by_label("Watched by 2 devices: Hall");
    assert!(window.query_by_label_contains("devices: Lab").is_none());
}

#[test]
fn the_list_says_who_watches_and_receives_nothing() {
    let world = watched();
    world.edit(|snapshot| {
        let hall = std::sync::Arc::make_mut(snapshot.cameras.values_mut().next().unwrap());
        let silent = std::time::Instant::now().checked_sub(std::time::Duration::from_secs(90));
        hall.watchers.as_mut().unwrap()[0].silent_since = silent;
    });
    let mut window = open(&world);
    press(&mut window, "Watched by 2 devices: Hall");
    window.get_by_label_contains("Ann's phone, device");
    window.get_by_label_contains("receives nothing for 1 min");
    assert_eq!(window.query_all_by_label_contains("receives nothing").count(), 1);
}

#[test]
fn removing_takes_two_clicks_and_a_double_click_is_one() {
    let world = watched();
    let mut window = open(&world);
    press(&mut window, "Watched by 2 devices: Hall");
    let button = window.get_by_label("Remove Ann's phone").rect().center();
    for _ in 0..2 {
        click_at(&mut window, button);
    }
    assert_eq!(world.commands(), []);
    calm(&mut window);
    press(&mut window, "Really remove? Ann's phone");
    assert_eq!(world.commands(), [remove(1, "Ann's phone")]);
    assert!(window.query_by_label_contains("remove? Ann's phone").is_none(), "gone at once");
    window.get_by_label("“Ann's phone” was removed and can no longer watch.");
    window.get_by_label("Remove A device");
}

#[test]
fn this_device_is_in_the_list_and_cannot_remove_itself() {
    let world = watched();
    world.edit(|snapshot| snapshot.own = Some(device(1)));
    let mut window = open(&world);
    press(&mut window, "Watched by 2 devices: Hall");
    window.get_by_label_contains("This device, device");
    assert!(window.query_by_label_contains("Remove Ann's phone").is_none());
    window.get_by_label("Remove A device");
}

#[test]
fn the_question_before_removing_is_withdrawn_after_three_seconds() {
    let world = watched();
    let mut window = open(&world);
    press(&mut window, "Watched by 2 devices: Hall");
    press(&mut window, "Remove A device");
    assert!(delay(&window) <= 3.0);
    window.get_by_label("Really remove? A device");
    window.run_steps(62);
    window.get_by_label("Remove A device");
    assert!(idle(&window));
    assert_eq!(world.commands(), []);
}

#[test]
fn w_opens_the_list_for_the_keyboard_and_escape_closes_it() {
    let mut window = open(&watched());
    window.key_press(Key::W);
    settle(&mut window);
    assert!(window.query_by_label("Who watches Hall").is_none(), "nothing is selected");
    window.key_press(Key::ArrowRight);
    settle(&mut window);
    window.get_by_label("W: who watches");
    window.key_press(Key::W);
    settle(&mut window);
    window.get_by_label("Who watches Hall");
    assert!(window.get_by_label("Close the list").is_focused());
    window.key_press(Key::Tab);
    settle(&mut window);
    assert!(window.get_by_label("Remove Ann's phone").is_focused());
    window.key_press(Key::Escape);
    settle(&mut window);
    assert!(window.query_by_label("Who watches Hall").is_none());
    assert!(window.get_by_label("Hall, live").is_focused());
}

#[test]
fn the_list_closes_by_its_button_by_the_eye_and_by_a_click_elsewhere() {
    let mut window = open(&watched());
    let eye = "Watched by 2 devices: Hall";
    for closes in ["Close the list", eye, "Lab, live"] {
        press(&mut window, eye);
        window.get_by_label("Who watches Hall");
        let at = window.get_by_label(closes).rect();
        click_at(&mut window, at.center_bottom() - vec2(0.0, 4.0));
        settle(&mut window);
        assert!(window.query_by_label("Who watches Hall").is_none(), "{closes}");
    }
}

#[test]
fn the_list_closes_when_nobody_watches_any_longer() {
    let world = watched();
    let mut window = open(&world);
    press(&mut window, "Watched by 2 devices: Hall");
    world.set(vec![view(0, "Hall", TileState::Live), view(1, "Lab", TileState::Live)]);
    settle(&mut window);
    assert!(window.query_by_label("Who watches Hall").is_none());
    assert!(idle(&window));
}

#[test]
fn a_claim_is_told_until_somebody_says_that_they_know() {
    let world = World::live(1);
    let news = ClaimNews { device: device(9), name: "Ann's phone".into(), at_s: 1_795_255_380 };
    world.edit(|snapshot| snapshot.news = Some(news));
    let mut window = open(&world);
    window.get_by_label_contains("“Ann's phone” became the owner of this computer's cameras, on 2");
    window.get_by_label_contains("lanlens trust revoke");
    press(&mut window, "OK, I know the new owner");
    assert_eq!(world.commands(), [Command::DismissNews]);
    assert!(window.query_by_label_contains("became the owner").is_none());
    world.edit(|snapshot| snapshot.news = None);
    settle(&mut window);
    assert!(idle(&window));
}

#[test]
fn a_long_warning_wraps_and_leaves_room_for_the_cameras() {
    let world = World::live(1);
    let mut window = open(&world);
    let without = window.get_by_label("camera 0, live").rect();
    world.edit(|snapshot| snapshot.warnings = vec!["Something is wrong. ".repeat(400)]);
    calm(&mut window);
    let banner = window.get_by_label_contains("Warning: Something");
    assert!(banner.rect().width() <= 1200.0);
    let tile = window.get_by_label("camera 0, live").rect();
    assert!(tile.height() > without.height() / 2.0 && tile.top() > without.top());
}

#[test]
fn a_camera_that_takes_anothers_name_is_marked() {
    let world = World::default();
    let mut cameras = vec![view(0, "Hall", TileState::Live), view(1, "Hall", TileState::Live)];
    cameras[1].same_name = true;
    world.set(cameras);
    let window = open(&world);
    window.get_by_label("Hall, live");
    window.get_by_label("Hall, live, another device has this name");
}
