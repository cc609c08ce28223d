//! One picture of the whole window, so that a change of the look is seen and meant.
//!
//! `UPDATE_SNAPSHOTS=1` accepts a new look.

mod common;

use common::{World, fonts, frame, view, window_of};
use eframe::egui::vec2;
use lanlens_model::{LostReason, TileState};
use lanlens_ui::ViewerOptions;

#[test]
fn a_grid_of_six_states_looks_as_it_was_approved() {
    let world = World::default();
    world.set(vec![
        view(0, "Driveway", TileState::Live),
        view(1, "거실", TileState::Live),
        view(2, "3D printer", TileState::Stalled { since_ms: 4000 }),
        view(3, "Front door", TileState::Offline),
        view(4, "Reception", TileState::Waiting),
        view(5, "Back yard", TileState::Lost(LostReason::Unreachable)),
    ]);
    for (n, luma) in [(0, 150), (1, 90), (2, 200)] {
        world.slot_of(n).put(frame(luma));
    }
    let options = ViewerOptions::default();
    let mut window = window_of(&world, options, fonts(), vec2(1000.0, 560.0));
    window.snapshot("grid_of_six_states");
}
