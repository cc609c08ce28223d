//! A sentence at the bottom of the window that says what was done, and goes by itself.
//!
//! One at a time, the newest. It takes no clicks, and asks for a paint only when it is to go.

use std::time::Duration;

use eframe::egui::accesskit::{Live, Role};
use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{Align2, Id, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use crate::theme::{self, CARD_RADIUS, MARGIN, Palette};

/// Time on screen, seconds.
const SHOWN: f64 = 4.0;
/// A line is not made longer than this, points.
const WIDTH_MAX: f32 = 460.0;

/// The newest one, if it is still to be seen.
#[derive(Debug, Default)]
pub(crate) struct Toast {
    shown: Option<(String, f64)>,
}

impl Toast {
    /// Says something. `now`: seconds on egui's clock.
    pub(crate) fn say(&mut self, words: impl Into<String>, now: f64) {
        self.shown = Some((words.into(), now + SHOWN));
    }

    /// Paints it at the bottom of `area`.
    pub(crate) fn ui(&mut self, ui: &Ui, area: Rect) {
        let now = ui.input(|input| input.time);
        self.shown.take_if(|(_, until)| *until <= now);
        let Some((words, until)) = &self.shown else { return };
        ui.ctx().request_repaint_after(Duration::from_secs_f64(until - now));
        let palette = Palette::of(ui);
        let format = TextFormat::simple(theme::medium(theme::BODY), palette.text);
        let mut job = LayoutJob::single_section(words.clone(), format);
        let padding = vec2(18.0, 11.0);
        job.wrap.max_width = (area.width() - 2.0 * (MARGIN + padding.x)).clamp(80.0, WIDTH_MAX);
        let galley = ui.painter().layout_job(job);
        let bottom = area.center_bottom() - vec2(0.0, MARGIN + 6.0);
        let plate = Align2::CENTER_BOTTOM.anchor_size(bottom, galley.size() + 2.0 * padding);
        let response = ui.interact(plate, Id::unique("toast"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_role(Role::Status);
            node.set_label(words.as_str());
            node.set_live(Live::Polite);
        });
        let painter = ui.painter();
        painter.rect_filled(plate, CARD_RADIUS, palette.card_hover);
        painter.rect_stroke(plate, CARD_RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
        painter.galley(plate.min + padding, galley, palette.text);
    }
}
