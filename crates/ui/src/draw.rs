//! Small painted things that several parts of the window share.

use std::sync::Arc;

use eframe::egui::accesskit::Role;
use eframe::egui::text::{LayoutJob, TextFormat, TextWrapping};
use eframe::egui::{
    Align2, Color32, CornerRadius, FontId, Frame, Galley, Label, Margin, Painter, Pos2, Rect,
    Response, RichText, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use crate::theme::{self, BUTTON_RADIUS, CARD_RADIUS, Palette};

/// One line of text, cut with … at `width`.
pub(crate) fn line(
    painter: &Painter,
    text: &str,
    font: FontId,
    color: Color32,
    width: f32,
) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, color));
    job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
    painter.layout_job(job)
}

/// Paints one line of text anchored at `pos`; returns where it went.
pub(crate) fn text(
    painter: &Painter,
    (pos, anchor): (Pos2, Align2),
    text: &str,
    font: FontId,
    color: Color32,
    width: f32,
) -> Rect {
    let galley = line(painter, text, font, color, width);
    let rect = anchor.anchor_size(pos, galley.size());
    painter.galley(rect.min, galley, color);
    rect
}

/// A status dot.
pub(crate) fn dot(painter: &Painter, center: Pos2, color: Color32) {
    painter.circle_filled(center, 3.5, color);
}

/// An icon in the middle of a rectangle.
pub(crate) fn icon(painter: &Painter, rect: Rect, icon: &str, size: f32, color: Color32) {
    painter.text(rect.center(), Align2::CENTER_CENTER, icon, theme::icon(size), color);
}

/// A turning arc. The caller asks for the next paint.
pub(crate) fn spinner(painter: &Painter, center: Pos2, radius: f32, time: f64, palette: &Palette) {
    let start = (time * 1.1).fract() as f32 * std::f32::consts::TAU;
    let points = (0..=20)
        .map(|step| center + radius * Vec2::angled(start + step as f32 / 20.0 * 1.9))
        .collect();
    painter.circle_stroke(center, radius, Stroke::new(2.0, palette.line));
    painter.line(points, Stroke::new(2.0, palette.accent));
}

/// A square button that shows only an icon; `label` is its name and tooltip.
pub(crate) fn icon_button(ui: &mut Ui, icon: &str, label: &str, active: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(34.0, 30.0), Sense::click());
    let palette = Palette::of(ui);
    let hot = response.hovered() || response.has_focus();
    let fill = match (active, hot) {
        (true, _) => palette.accent_soft,
        (false, true) => palette.card_hover,
        (false, false) => Color32::TRANSPARENT,
    };
    let color = if active { palette.accent } else { palette.text_soft };
    ui.painter().rect_filled(rect, BUTTON_RADIUS, fill);
    self::icon(ui.painter(), rect, icon, 17.0, color);
    focus_ring(ui, rect, &response);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, active, label));
    response.on_hover_text(label)
}

/// How a button with words is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The one that is meant to be pressed.
    Primary,
    /// Any other.
    Quiet,
    /// One that takes something away: a red dot stands before its words.
    Grave,
}

/// Height of a button with words, points.
pub(crate) const BUTTON_HEIGHT: f32 = 32.0;

/// The width that a button with these words needs, points.
pub(crate) fn button_width(ui: &Ui, words: &str, weight: Weight) -> f32 {
    let font = theme::medium(theme::BODY);
    let galley = line(ui.painter(), words, font, Color32::WHITE, f32::INFINITY);
    galley.size().x + 28.0 + if weight == Weight::Grave { DOT_SPACE } else { 0.0 }
}

/// Between the left edge of a dot and the words behind it, points.
const DOT_SPACE: f32 = 14.0;

/// Paints a button with words where `response` already reacts.
pub(crate) fn paint_button(ui: &Ui, rect: Rect, response: &Response, weight: Weight, words: &str) {
    let (painter, palette) = (ui.painter(), Palette::of(ui));
    let hot = response.hovered() || response.has_focus();
    let (fill, color) = match (weight, hot) {
        (Weight::Primary, false) => (palette.accent_strong, Color32::WHITE),
        (Weight::Primary, true) => (palette.accent_strong_hover, Color32::WHITE),
        (_, false) => (palette.card_hover, palette.text),
        (_, true) => (palette.line, palette.text),
    };
    painter.rect_filled(rect, BUTTON_RADIUS, fill);
    let dotted = if weight == Weight::Grave { DOT_SPACE } else { 0.0 };
    let font = theme::medium(theme::BODY);
    let galley = line(painter, words, font, color, rect.width() - 16.0 - dotted);
    let at = rect.center() + vec2(dotted, 0.0) / 2.0 - galley.size() / 2.0;
    if weight == Weight::Grave {
        dot(painter, pos2(at.x - DOT_SPACE + 4.0, rect.center().y), palette.error);
    }
    painter.galley(at, galley, color);
    if response.has_focus() {
        let ring = if weight == Weight::Primary { Color32::WHITE } else { palette.accent };
        painter.rect_stroke(rect, BUTTON_RADIUS, Stroke::new(1.5, ring), StrokeKind::Inside);
    }
}

/// A button with words; whether it was pressed.
pub(crate) fn button(ui: &mut Ui, weight: Weight, words: &str) -> bool {
    let size = vec2(button_width(ui, words, weight), BUTTON_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    paint_button(ui, rect, &response, weight, words);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, words));
    response.clicked()
}

/// The frame of what floats over the stage.
pub(crate) fn card(ui: &Ui) -> Frame {
    let palette = Palette::of(ui);
    Frame::new()
        .fill(palette.panel)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(CornerRadius::same(CARD_RADIUS))
        .inner_margin(Margin::same(14))
}

/// The outline of whatever the keyboard would press.
pub(crate) fn focus_ring(ui: &Ui, rect: Rect, response: &Response) {
    if response.has_focus() {
        let stroke = Stroke::new(1.5, Palette::of(ui).accent);
        ui.painter().rect_stroke(rect, BUTTON_RADIUS, stroke, StrokeKind::Inside);
    }
}

/// A rounded plate with a dot or an icon and words, as tall as a line of the header.
pub(crate) fn chip(ui: &mut Ui, mark: Mark<'_>, words: &str) {
    let palette = Palette::of(ui);
    let galley = line(ui.painter(), words, theme::medium(12.5), palette.text_soft, 260.0);
    let (rect, response) =
        ui.allocate_exact_size(vec2(galley.size().x + 34.0, 24.0), Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(12), palette.card);
    let center = pos2(rect.left() + 13.0, rect.center().y);
    match mark {
        Mark::Dot(color) => dot(painter, center, color),
        Mark::Icon(icon) => {
            let square = Rect::from_center_size(center, Vec2::splat(14.0));
            self::icon(painter, square, icon, 13.0, palette.text_soft);
        }
    }
    let at = pos2(rect.left() + 23.0, rect.center().y - galley.size().y / 2.0);
    painter.galley(at, galley, palette.text_soft);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
}

/// What stands before the words of a chip.
pub(crate) enum Mark<'a> {
    Dot(Color32),
    Icon(&'a str),
}

/// A keycap and what the key does.
pub(crate) fn key_hint(ui: &mut Ui, key: &str, does: &str) {
    let palette = Palette::of(ui);
    let key_text = line(ui.painter(), key, theme::medium(10.5), palette.text_soft, 80.0);
    let words = line(ui.painter(), does, theme::regular(theme::STATS), palette.text_faint, 120.0);
    let cap = vec2((key_text.size().x + 12.0).max(20.0), 18.0);
    let size = vec2(cap.x + 6.0 + words.size().x, 20.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter();
    let cap = Rect::from_center_size(pos2(rect.left() + cap.x / 2.0, rect.center().y), cap);
    painter.rect(cap, 4, palette.card, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    painter.galley(cap.center() - key_text.size() / 2.0, key_text, palette.text_soft);
    let at = pos2(cap.right() + 6.0, rect.center().y - words.size().y / 2.0);
    painter.galley(at, words, palette.text_faint);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{key}: {does}")));
}

/// A numbered step: what to do, and a few words more.
pub(crate) fn step(ui: &mut Ui, number: u8, title: &str, text: &str) {
    let palette = Palette::of(ui);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(22.0, 30.0), Sense::hover());
        let center = pos2(rect.center().x, rect.top() + 14.0);
        ui.painter().circle_filled(center, 11.0, palette.card_hover);
        let number = number.to_string();
        ui.painter().text(
            center,
            Align2::CENTER_CENTER,
            number,
            theme::semibold(11.0),
            palette.text,
        );
        ui.add_space(2.0);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.add(Label::new(RichText::new(title).font(theme::medium(theme::BODY))));
            paragraph(ui, text, 12.0, palette.text_faint);
        });
    });
    ui.add_space(8.0);
}

/// Text of as many lines as it needs.
pub(crate) fn paragraph(ui: &mut Ui, text: &str, size: f32, color: Color32) {
    ui.add(Label::new(RichText::new(text).font(theme::regular(size)).color(color)).wrap());
}
