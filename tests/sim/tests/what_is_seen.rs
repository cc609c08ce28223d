//! Layers and visibility on virtual time.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::time::Duration;

use lanlens_model::{Command, Event, Layer, StreamStats, TileState};
use lanlens_sim::{HostId, World};

const SECOND: Duration = Duration::from_secs(1);

/// A camera that a viewer watches.
fn watched() -> (World, HostId, HostId) {
    let mut world = World::new(1);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(camera);
    world.start(viewer);
    assert!(world.run_until(SECOND, |w| w.is_live(viewer, camera)).is_some());
    (world, camera, viewer)
}

fn set_visible(world: &mut World, viewer: HostId, camera: HostId, visible: bool) {
    let id = world.camera_of(camera).unwrap();
    world.command(viewer, Command::SetVisible(id, visible));
}

fn count(world: &World, host: HostId, what: impl Fn(&Event) -> bool) -> usize {
    world.events(host).iter().filter(|(_, event)| what(event)).count()
}

/// The layer in the figures that the viewer reports next.
fn layer(world: &mut World, viewer: HostId, camera: HostId) -> Option<Layer> {
    world.report_stats(viewer, camera);
    world.run(SECOND);
    let id = world.camera_of(camera).unwrap();
    world.snapshot(viewer).cameras[&id].stats.as_ref().map(|stats: &StreamStats| stats.layer)
}

#[test]
fn what_nobody_sees_is_paused_and_neither_stalls_nor_ends() {
    let (mut world, camera, viewer) = watched();
    set_visible(&mut world, viewer, camera, false);
    world.run(SECOND);
    assert_eq!(world.tile(viewer, camera), Some(TileState::Paused));
    world.run(SECOND * 600);
    assert_eq!(world.tile(viewer, camera), Some(TileState::Paused));
    assert_eq!(world.publisher_count(camera), 1, "the session stands");
    let lost = |e: &Event| matches!(e, Event::Stalled { .. } | Event::Lost { .. });
    assert_eq!(count(&world, viewer, lost), 0);

    set_visible(&mut world, viewer, camera, true);
    let took = world.run_until(SECOND, |w| w.is_live(viewer, camera));
    assert!(took.is_some_and(|took| took < Duration::from_millis(100)), "{took:?}");
    world.report_stats(viewer, camera);
    world.run(SECOND);
    let id = world.camera_of(camera).unwrap();
    let freezes = world.snapshot(viewer).cameras[&id].stats.as_ref().map(|stats| stats.freezes);
    assert_eq!(freezes, Some(0), "ten minutes out of sight are no freeze");
}

#[test]
fn a_camera_that_dies_while_nobody_sees_it_is_noticed_and_comes_back_hidden() {
    let (mut world, camera, viewer) = watched();
    set_visible(&mut world, viewer, camera, false);
    world.run(SECOND);
    world.kill(camera);
    let gone = |w: &World| w.tile(viewer, camera) != Some(TileState::Paused);
    assert!(world.run_until(SECOND * 15, gone).is_some());
    world.start(camera);
    let paused = |w: &World| w.tile(viewer, camera) == Some(TileState::Paused);
    assert!(world.run_until(SECOND * 10, paused).is_some());
    let lives = count(&world, viewer, |e| matches!(e, Event::Live { .. }));
    world.run(SECOND * 10);
    assert_eq!(count(&world, viewer, |e| matches!(e, Event::Live { .. })), lives);
    set_visible(&mut world, viewer, camera, true);
    assert!(world.run_until(SECOND, |w| w.is_live(viewer, camera)).is_some());
}

#[test]
fn a_wish_for_a_layer_reaches_the_camera_at_once_and_every_later_session() {
    let (mut world, camera, viewer) = watched();
    assert_eq!(layer(&mut world, viewer, camera), Some(Layer::High));
    let id = world.camera_of(camera).unwrap();
    world.command(viewer, Command::SetLayer(id, Layer::Low));
    world.run(SECOND);
    assert_eq!(layer(&mut world, viewer, camera), Some(Layer::Low));
    world.kill(camera);
    world.run(SECOND * 5);
    world.start(camera);
    assert!(world.run_until(SECOND * 5, |w| w.is_live(viewer, camera)).is_some());
    assert_eq!(layer(&mut world, viewer, camera), Some(Layer::Low));
}

#[test]
fn the_layer_for_all_is_asked_of_cameras_about_which_nothing_was_said() {
    let mut world = World::new(2);
    let (one, other, viewer) = (world.camera("one"), world.camera("other"), world.viewer());
    world.start(viewer);
    world.command(viewer, Command::SetLayerOfOthers(Layer::Low));
    let id = world.camera_of(one).unwrap_or_else(|| panic!("it has an id before it starts"));
    world.command(viewer, Command::SetLayer(id, Layer::High));
    world.start(one);
    world.start(other);
    let live = |w: &World| w.is_live(viewer, one) && w.is_live(viewer, other);
    assert!(world.run_until(SECOND * 2, live).is_some());
    assert_eq!(layer(&mut world, viewer, one), Some(Layer::High));
    assert_eq!(layer(&mut world, viewer, other), Some(Layer::Low));
}
