//! What stands in the middle while there is no camera: what to do, in order, and once the doctor has
//! found it, why there is none.

use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{
    Align, CornerRadius, Frame, Label, Layout, Margin, Rect, RichText, Sense, Stroke, Ui,
    UiBuilder, Vec2, pos2, vec2,
};
use lanlens_model::{Finding, Snapshot};

use crate::theme::{self, Palette};
use crate::{draw, icons};

/// Size of the card, points. A finding takes as many lines as it needs.
const CARD: Vec2 = vec2(560.0, 326.0);
const CARD_WITH_FINDING: Vec2 = vec2(560.0, 374.0);

/// Before anything is found.
const HINT: &str =
    "Both computers on one network, not a guest network; UDP port 5353 open. F5 looks again.";

/// Paints the card. With `only`, cameras may be there that were not asked for; then what the doctor
/// found is not the reason that they are not shown.
pub(crate) fn ui(ui: &mut Ui, only: &[String], snapshot: &Snapshot, finding: Option<&Finding>) {
    let palette = Palette::of(ui);
    let finding = finding.filter(|_| snapshot.cameras.is_empty());
    let area = ui.available_rect_before_wrap();
    let card = if finding.is_some() { CARD_WITH_FINDING } else { CARD };
    let size = card.min(area.size() - Vec2::splat(24.0)).max(vec2(240.0, 200.0));
    let card = Rect::from_center_size(area.center(), size);
    ui.scope_builder(UiBuilder::new().max_rect(card), |ui| {
        let frame = Frame::new()
            .fill(palette.panel)
            .stroke(Stroke::new(1.0, palette.line))
            .corner_radius(CornerRadius::same(14))
            .inner_margin(Margin::symmetric(36, 34));
        frame.show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 4.0;
                emblem(ui, palette);
                ui.add_space(16.0);
                let (title, text) = headline(only, snapshot);
                ui.add(Label::new(RichText::new(title).font(theme::semibold(20.0))));
                ui.add_space(2.0);
                paragraph(ui, &text, theme::BODY, palette.text_soft);
                ui.add_space(16.0);
                step(ui, 1, "On another computer of this network", "start lanlens-camera");
                match finding {
                    Some(finding) => found(ui, finding),
                    None => step(ui, 2, "Nothing shows up?", HINT),
                }
            });
        });
    });
}

fn headline(only: &[String], snapshot: &Snapshot) -> (String, String) {
    if only.is_empty() {
        let text = "Cameras appear here by themselves. Nothing is sent to the internet.";
        return ("Looking for cameras on your network".into(), text.into());
    }
    let others: Vec<&str> =
        snapshot.cameras.values().take(5).map(|camera| camera.name.as_str()).collect();
    let text = match others.as_slice() {
        [] => "No camera has been found yet.".into(),
        names => format!("Found, but not asked for: {}.", names.join(", ")),
    };
    (format!("Looking for {}", only.join(", ")), text)
}

fn emblem(ui: &mut Ui, palette: &Palette) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(56.0), Sense::hover());
    let painter = ui.painter();
    painter.circle_stroke(
        rect.center(),
        27.0,
        Stroke::new(1.5, palette.accent.gamma_multiply(0.35)),
    );
    painter.circle(
        rect.center(),
        19.0,
        palette.accent_soft,
        Stroke::new(1.5, palette.accent.gamma_multiply(0.7)),
    );
    draw::icon(painter, rect, icons::BROADCAST, 20.0, palette.accent);
}

fn step(ui: &mut Ui, number: u8, title: &str, text: &str) {
    let palette = Palette::of(ui);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(22.0, 30.0), Sense::hover());
        let center = pos2(rect.center().x, rect.top() + 14.0);
        ui.painter().circle_filled(center, 11.0, palette.card_hover);
        let number = number.to_string();
        let anchor = eframe::egui::Align2::CENTER_CENTER;
        ui.painter().text(center, anchor, number, theme::semibold(11.0), palette.text);
        ui.add_space(2.0);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.add(Label::new(RichText::new(title).font(theme::medium(theme::BODY))));
            paragraph(ui, text, 12.0, palette.text_faint);
        });
    });
    ui.add_space(8.0);
}

/// What the doctor found: the cause, and the next step with its command set apart.
fn found(ui: &mut Ui, finding: &Finding) {
    let palette = Palette::of(ui);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(22.0, 30.0), Sense::hover());
        let sign =
            Rect::from_center_size(pos2(rect.center().x, rect.top() + 14.0), vec2(22.0, 22.0));
        draw::icon(ui.painter(), sign, icons::WARNING, 18.0, palette.warning);
        ui.add_space(2.0);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            let cause = RichText::new(&finding.cause).font(theme::medium(theme::BODY));
            ui.add(Label::new(cause).wrap());
            if let Some(next) = &finding.next {
                ui.add(Label::new(with_commands(next, palette)).wrap());
            }
            paragraph(ui, "lanlens doctor in a terminal tells more.", 12.0, palette.text_faint);
        });
    });
    ui.add_space(8.0);
}

/// What stands between backticks is to be typed: brighter, and without them.
fn with_commands(text: &str, palette: &Palette) -> LayoutJob {
    let mut job = LayoutJob::default();
    for (n, piece) in text.split('`').enumerate() {
        let color = if n % 2 == 1 { palette.text } else { palette.text_soft };
        job.append(piece, 0.0, TextFormat::simple(theme::regular(12.0), color));
    }
    job
}

fn paragraph(ui: &mut Ui, text: &str, size: f32, color: eframe::egui::Color32) {
    ui.add(Label::new(RichText::new(text).font(theme::regular(size)).color(color)).wrap());
}
