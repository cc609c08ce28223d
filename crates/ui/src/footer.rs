//! The bar at the bottom: what arrives, and the keys that work here.

use std::sync::Arc;

use eframe::egui::{Align, Frame, Label, Layout, Margin, Panel, RichText, Ui};
use lanlens_model::{CameraView, TileState};

use crate::theme::{self, Palette};
use crate::{draw, icons, words};

/// Height, points.
const HEIGHT: f32 = 30.0;
/// Narrower windows leave the hints away, points.
const HINTS_WIDTH_MIN: f32 = 700.0;

/// What the footer shows.
pub(crate) struct Footer<'a> {
    pub(crate) cameras: &'a [Arc<CameraView>],
    /// Announced but not listed.
    pub(crate) over_limit: u64,
    pub(crate) focused: bool,
    /// The selected camera is one's own, and somebody watches it.
    pub(crate) watched: bool,
}

impl Footer<'_> {
    pub(crate) fn ui(self, ui: &mut Ui) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(14, 0));
        Panel::bottom("footer").exact_size(HEIGHT).frame(frame).show(ui, |ui| {
            ui.horizontal_centered(|ui| {
                let kbps: f64 = self.live_kbps().sum();
                if self.live_kbps().next().is_some() {
                    fact(ui, icons::ARROW_DOWN, &words::rate(kbps));
                }
                if self.over_limit > 0 {
                    let text = format!("{} more cameras are not listed", self.over_limit);
                    fact(ui, icons::WARNING, &text);
                }
                if ui.available_width() >= HINTS_WIDTH_MIN {
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| self.hints(ui));
                }
            });
        });
    }

    fn live_kbps(&self) -> impl Iterator<Item = f64> {
        let live = self.cameras.iter().filter(|camera| camera.state == TileState::Live);
        live.filter_map(|camera| camera.stats.as_ref()).map(|stats| stats.kbps)
    }

    /// From the right to the left.
    fn hints(&self, ui: &mut Ui) {
        ui.spacing_mut().item_spacing.x = 14.0;
        draw::key_hint(ui, "F5", "look again");
        draw::key_hint(ui, "F11", "fullscreen");
        draw::key_hint(ui, "Q", "add a phone");
        if self.cameras.is_empty() {
            draw::key_hint(ui, "A", "add a camera");
            return;
        }
        if self.watched {
            draw::key_hint(ui, "W", "who watches");
        }
        if self.focused {
            draw::key_hint(ui, "Esc", "all cameras");
            draw::key_hint(ui, "← →", "next camera");
        } else {
            draw::key_hint(ui, "Enter", "focus");
            draw::key_hint(ui, "← →", "select");
        }
    }
}

fn fact(ui: &mut Ui, icon: &str, text: &str) {
    let palette = Palette::of(ui);
    ui.spacing_mut().item_spacing.x = 7.0;
    ui.add(Label::new(RichText::new(icon).font(theme::icon(13.0)).color(palette.text_faint)));
    ui.add(Label::new(
        RichText::new(text).font(theme::regular(theme::STATS)).color(palette.text_soft),
    ));
    ui.add_space(10.0);
}
