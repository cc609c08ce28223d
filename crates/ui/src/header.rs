//! The bar at the top: what this is, how many cameras live, the code for phones, and the few switches
//! that exist.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Align, Align2, Color32, Frame, Label, Layout, Margin, Panel, Rect, Response, RichText, Sense,
    Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use lanlens_model::{CameraView, TileState};

use crate::draw::{self, Mark, Weight};
use crate::icons;
use crate::theme::{self, Palette};

/// Height, points.
const HEIGHT: f32 = 52.0;
/// Width that the switches need, points.
const SWITCHES: f32 = 204.0;
/// More of it where the button for phones has words, points.
const PHONE_WORDS: f32 = 80.0;
/// Narrower windows show only its icon, points.
const PHONE_WORDS_MIN: f32 = 700.0;
/// Width that the logo needs, points.
const LOGO: f32 = 36.0;
/// Width that the title needs, points.
const TITLE: f32 = 76.0;
/// Width that a count may need, points.
const CHIP: f32 = 100.0;
/// Width that the filter may need, points.
const FILTER: f32 = 300.0;

/// What the button for phones is called.
const PHONE: &str = "Add a phone";

/// What the header shows.
pub(crate) struct Header<'a> {
    pub(crate) cameras: &'a [std::sync::Arc<CameraView>],
    pub(crate) only: &'a [String],
    pub(crate) sidebar: bool,
    pub(crate) fullscreen: bool,
}

/// What somebody pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderAct {
    Phones,
    Add,
    Refresh,
    ToggleSidebar,
    ToggleFullscreen,
}

impl Header<'_> {
    pub(crate) fn ui(self, ui: &mut Ui) -> Option<HeaderAct> {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(14, 0));
        let panel = Panel::top("header").exact_size(HEIGHT).frame(frame);
        panel
            .show(ui, |ui| {
                let mut act = None;
                let words = ui.available_width() >= PHONE_WORDS_MIN;
                let switches = SWITCHES + if words { PHONE_WORDS } else { 0.0 };
                ui.horizontal_centered(|ui| {
                    ui.spacing_mut().item_spacing.x = 8.0;
                    if ui.available_width() >= switches + LOGO {
                        logo(ui);
                    }
                    if ui.available_width() >= switches + TITLE {
                        ui.add_space(2.0);
                        let title = RichText::new("Lanlens").font(theme::semibold(16.5));
                        ui.add(Label::new(title));
                        ui.add_space(8.0);
                    }
                    self.counts(ui, switches);
                    self.filter(ui, switches);
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        act = self.switches(ui, words)
                    });
                });
                act
            })
            .inner
    }

    fn counts(&self, ui: &mut Ui, switches: f32) {
        let palette = Palette::of(ui);
        let count = |matches: fn(&TileState) -> bool| {
            self.cameras.iter().filter(|camera| matches(&camera.state)).count()
        };
        let counts = [
            (count(|s| *s == TileState::Live), "live", palette.ok),
            (count(is_waiting), "waiting", palette.warning),
            (count(is_refused), "not allowed", palette.error),
            (count(|s| *s == TileState::Offline), "offline", palette.text_faint),
        ];
        for (count, word, color) in counts.into_iter().filter(|(count, ..)| *count > 0) {
            if ui.available_width() < switches + CHIP {
                return;
            }
            draw::chip(ui, Mark::Dot(color), &format!("{count} {word}"));
        }
    }

    fn filter(&self, ui: &mut Ui, switches: f32) {
        if !self.only.is_empty() && ui.available_width() >= switches + FILTER {
            draw::chip(ui, Mark::Icon(icons::FUNNEL), &format!("Only {}", self.only.join(", ")));
        }
    }

    fn switches(&self, ui: &mut Ui, words: bool) -> Option<HeaderAct> {
        ui.spacing_mut().item_spacing.x = 5.0;
        let mut act = None;
        let mut switch = |icon, label, active, does| {
            if draw::icon_button(ui, icon, label, active).clicked() {
                act = Some(does);
            }
        };
        let (icon, label) = match self.fullscreen {
            true => (icons::CORNERS_IN, "Leave fullscreen"),
            false => (icons::CORNERS_OUT, "Fullscreen"),
        };
        switch(icon, label, false, HeaderAct::ToggleFullscreen);
        switch(icons::SIDEBAR, "Camera list", self.sidebar, HeaderAct::ToggleSidebar);
        switch(icons::ARROWS_CLOCKWISE, "Look again", false, HeaderAct::Refresh);
        switch(icons::PLUS, "Add a camera", false, HeaderAct::Add);
        let phone = match words {
            true => phone_button(ui),
            false => draw::icon_button(ui, icons::QR_CODE, PHONE, false),
        };
        if phone.clicked() { Some(HeaderAct::Phones) } else { act }
    }
}

/// The one button that has words: what most people come for.
fn phone_button(ui: &mut Ui) -> Response {
    ui.add_space(4.0);
    let words = "Add phone";
    let size = vec2(34.0 + PHONE_WORDS, 30.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    draw::paint_button(ui, rect, &response, Weight::Primary, "");
    let icon = Rect::from_center_size(pos2(rect.left() + 19.0, rect.center().y), Vec2::splat(16.0));
    draw::icon(ui.painter(), icon, icons::QR_CODE, 16.0, Color32::WHITE);
    let at = (pos2(rect.left() + 34.0, rect.center().y), Align2::LEFT_CENTER);
    let width = rect.right() - 8.0 - at.0.x;
    draw::text(ui.painter(), at, words, theme::medium(theme::BODY), Color32::WHITE, width);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, PHONE));
    response.on_hover_text("A code to scan (Q)")
}

/// Neither live nor refused nor gone: something is still to happen. A paused camera waits for
/// nothing but to be looked at.
fn is_waiting(state: &TileState) -> bool {
    !matches!(state, TileState::Live | TileState::Paused | TileState::Offline) && !is_refused(state)
}

fn is_refused(state: &TileState) -> bool {
    matches!(state, TileState::Denied | TileState::Removed)
}

fn logo(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(28.0), Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, 8, Palette::of(ui).accent);
    let body = Rect::from_center_size(rect.center() - vec2(2.0, 0.0), vec2(12.5, 11.0));
    painter.rect_filled(body, 3, Color32::WHITE);
    let (x, y) = (body.right() + 1.0, rect.center().y);
    let lens =
        vec![pos2(x, y - 1.2), pos2(x + 4.2, y - 4.2), pos2(x + 4.2, y + 4.2), pos2(x, y + 1.2)];
    painter.add(Shape::convex_polygon(lens, Color32::WHITE, Stroke::NONE));
}
