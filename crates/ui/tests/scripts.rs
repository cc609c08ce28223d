//! Camera names in any script: drawn, not replaced by boxes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{World, fonts, settle, view, window_of};
use eframe::egui::{Vec2, vec2};
use egui_kittest::Harness;
use lanlens_model::TileState;
use lanlens_ui::{SystemFonts, ViewerOptions};

const SIZE: Vec2 = vec2(700.0, 500.0);

fn named(name: &str) -> World {
    let world = World::default();
    world.set(vec![view(0, name, TileState::Offline)]);
    world
}

fn pixels(name: &str) -> Vec<u8> {
    let mut window = window_of(&named(name), ViewerOptions::default(), fonts(), SIZE);
    settle(&mut window);
    window.render().unwrap().into_raw()
}

/// The harness panics as soon as a character is laid out that no font has.
#[test]
fn korean_and_japanese_names_have_glyphs_in_every_weight() {
    for name in ["거실", "子供部屋", "Küche 거실"] {
        window_of(&named(name), ViewerOptions::default(), fonts(), SIZE);
    }
}

#[test]
fn two_korean_names_look_different() {
    assert!(pixels("거실") != pixels("실거"));
}

#[test]
fn latin_cyrillic_and_greek_need_no_font_of_the_system() {
    let nothing = || SystemFonts::from_database(fontdb::Database::new());
    for name in ["Küche Nº 2 – ½", "Ćwiczenia", "Кухня", "Κουζίνα", "Phòng khách"]
    {
        window_of(&named(name), ViewerOptions::default(), nothing(), SIZE);
    }
}

#[test]
fn a_script_without_any_font_shows_boxes_and_harms_nothing() {
    let nothing = SystemFonts::from_database(fontdb::Database::new());
    let world = named("거실");
    let app = std::cell::RefCell::new(None::<lanlens_ui::ViewerApp>);
    let fonts = std::cell::Cell::new(Some(nothing));
    let mut window = Harness::builder().with_size(SIZE).allow_missing_glyphs().build_ui(|ui| {
        let mut app = app.borrow_mut();
        match (app.as_mut(), fonts.take()) {
            (None, Some(fonts)) => {
                let handles = (lanlens_ui::RepaintHandle::new(), lanlens_ui::CloseHandle::new());
                let port = Box::new(world.clone());
                *app = Some(lanlens_ui::ViewerApp::new(
                    ui.ctx(),
                    &ViewerOptions::default(),
                    fonts,
                    port,
                    handles,
                ));
            }
            (Some(app), _) => app.show(ui),
            (None, None) => {}
        }
    });
    window.run_steps(3);
    use egui_kittest::kittest::Queryable;
    window.get_by_label("거실, offline");
}
