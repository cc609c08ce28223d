//! Who asks for leave to watch: cards at the upper right of the stage, the newest first.
//!
//! A card appears by itself, under a pointer or a finger that may be about to press something else,
//! and letting a stranger watch cannot be taken back unseen. So for a moment after the cards appear,
//! change or move, they take no press: it goes to the tile below where no card was before, and
//! nowhere where one was.

use std::time::Duration;

use eframe::egui::accesskit::{Live, Role};
use eframe::egui::scroll_area::ScrollSource;
use eframe::egui::{
    Align, Align2, Id, Label, Layout, Margin, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder,
    Vec2, WidgetInfo, pos2, vec2,
};
use lanlens_model::{Code, DeviceId, RequestView};

use crate::draw::{self, Weight};
use crate::recent::{Decision, Recent};
use crate::theme::{self, BUTTON_RADIUS, MARGIN, Palette};
use crate::{icons, words};

/// Width of a card, points.
const WIDTH: f32 = 330.0;
/// Names narrower than this stand above fewer words, points.
const NARROW: f32 = 210.0;
/// More are only counted.
const CARDS_MAX: usize = 3;
/// For how long cards that appeared, changed or moved take no press, seconds.
const CALM: f64 = 0.4;
/// Height of a camera's line with its code, points.
const CODE_ROW: f32 = 38.0;
/// Height of the line that counts the others, with what is above it, points.
const MORE: f32 = 34.0;
/// Above the buttons, points.
const BUTTONS_GAP: f32 = 8.0;
/// Height of a card without its codes, points; only to judge how many cards are too many.
const CARD_HEIGHT: f32 = 168.0;

/// The cards.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Undecided, the newest first.
    waiting: Vec<RequestView>,
    recent: Recent,
    /// Until then no press counts, seconds on egui's clock.
    calm_until: f64,
    /// Where cards are painted.
    painted: Option<Rect>,
    /// Where cards were before they changed.
    before: Option<Rect>,
}

impl Requests {
    /// Reads who asks now.
    pub(crate) fn begin(&mut self, asking: &[RequestView], now: f64) {
        let find = |device: DeviceId| asking.iter().find(|request| request.device == device);
        self.recent.begin(|device| find(device).is_some(), now);
        let hidden = |device| self.recent.hides(device);
        let known = self.waiting.iter().filter_map(|request| find(request.device));
        let mut waiting: Vec<_> =
            known.filter(|request| !hidden(request.device)).cloned().collect();
        for request in asking.iter().filter(|request| !hidden(request.device)) {
            if waiting.iter().all(|known| known.device != request.device) {
                waiting.insert(0, request.clone());
            }
        }
        if waiting != self.waiting {
            self.waiting = waiting;
            self.calm(now);
        }
    }

    fn calm(&mut self, now: f64) {
        self.calm_until = now + CALM;
        self.before = self.painted;
    }

    /// Paints the cards over `area`. Returns what was decided.
    pub(crate) fn ui(&mut self, ui: &mut Ui, area: Rect) -> Option<Decision> {
        let now = ui.input(|input| input.time);
        let calm = now < self.calm_until;
        let calm_in = calm.then(|| Duration::from_secs_f64(self.calm_until - now));
        for wake in calm_in.into_iter().chain(self.recent.changes_in(now)) {
            ui.ctx().request_repaint_after(wake);
        }
        // A press between the buttons is not meant for the tile below.
        if let Some(rect) = if calm { self.before } else { self.painted } {
            ui.interact(rect, Id::unique("requests"), Sense::click());
        }
        if self.waiting.is_empty() {
            self.painted = None;
            return None;
        }
        let area = area.shrink(MARGIN);
        let left = (area.right() - WIDTH).max(area.left());
        let rect = area.with_min_x(left);
        let mut decided = None;
        let builder = UiBuilder::new().id_salt("requests").max_rect(rect);
        let painted = ui.scope_builder(builder, |ui| decided = self.cards(ui, rect.height(), calm));
        self.painted = Some(painted.response.rect);
        let decision = decided?;
        self.recent.note(decision.device, now);
        self.waiting.retain(|request| request.device != decision.device);
        self.calm(now);
        ui.ctx().request_repaint();
        Some(decision)
    }

    fn cards(&self, ui: &mut Ui, room: f32, calm: bool) -> Option<Decision> {
        ui.spacing_mut().item_spacing.y = 8.0;
        let mut decision = None;
        let shown = fitting(&self.waiting, room);
        let more = self.waiting.len() - shown;
        let room = room - if more > 0 { MORE } else { 0.0 };
        for request in &self.waiting[..shown] {
            if let Some(allow) = card(ui, request, room, calm) {
                let RequestView { device, name, codes } = request.clone();
                let codes = codes.into_iter().map(|(_, code)| code).collect();
                decision = Some(Decision { device, name, allow, codes });
            }
        }
        if more > 0 {
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                let words = RichText::new(format!("and {more} more")).font(theme::medium(12.5));
                let pill = draw::card(ui).corner_radius(13).inner_margin(Margin::symmetric(12, 4));
                pill.show(ui, |ui| ui.add(Label::new(words.color(Palette::of(ui).text_soft))));
            });
        }
        decision
    }
}

/// How many cards leave something of the stage to be seen: at least one.
fn fitting(waiting: &[RequestView], room: f32) -> usize {
    let mut left = room * 0.8;
    let fit = waiting.iter().take(CARDS_MAX).take_while(|request| {
        left -= CARD_HEIGHT + CODE_ROW * request.codes.len() as f32;
        left >= 0.0
    });
    fit.count().clamp(1, waiting.len().max(1))
}

/// One device's card. Whether it may watch, once somebody pressed so. Where `room` is too low for
/// all of it, the part above the buttons is scrolled.
fn card(ui: &mut Ui, request: &RequestView, room: f32, calm: bool) -> Option<bool> {
    let frame = draw::card(ui);
    let around = frame.total_margin().sum().y + BUTTONS_GAP + draw::BUTTON_HEIGHT;
    let card = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 4.0;
        let scroll = ScrollArea::vertical()
            .id_salt(request.device)
            .max_height((room - around).max(CODE_ROW))
            .auto_shrink([false, true])
            // Presses belong to the buttons and, while calm, to the tiles below.
            .scroll_source(ScrollSource::SCROLL_BAR | ScrollSource::MOUSE_WHEEL);
        scroll.show(ui, |ui| {
            who(ui, request);
            ui.add_space(4.0);
            for (camera, code) in &request.codes {
                code_row(ui, camera, *code);
            }
            ui.add_space(2.0);
            rule(ui, request.codes.len());
        });
        ui.add_space(BUTTONS_GAP - 4.0);
        buttons(ui, request, calm)
    });
    card.inner
}

fn rule(ui: &mut Ui, codes: usize) {
    let these = if codes > 1 { "these codes" } else { "this code" };
    let rule = format!("Allow only if the other screen shows {these}.");
    let color = Palette::of(ui).text_soft;
    ui.add(Label::new(RichText::new(rule).font(theme::regular(12.5)).color(color)).wrap());
}

/// Name and id, announced to screen readers when they appear.
fn who(ui: &mut Ui, request: &RequestView) {
    let palette = Palette::of(ui);
    let name = words::device_name(&request.name);
    let id = words::short_id(request.device);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 38.0), Sense::hover());
    let told = if request.name.trim().is_empty() { "no name" } else { "unverified name" };
    let spoken = format!("{name}, {told}, device {id}, asks to watch");
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
    let painter = ui.painter();
    let emblem =
        Rect::from_center_size(pos2(rect.left() + 18.0, rect.center().y), Vec2::splat(36.0));
    painter.circle_filled(emblem.center(), 18.0, palette.accent_soft);
    draw::icon(painter, emblem, icons::HAND_WAVING, 18.0, palette.accent);
    let left = emblem.right() + 11.0;
    let width = rect.right() - left;
    let at = (pos2(left, rect.center().y + 0.5), Align2::LEFT_BOTTOM);
    let title = format!("{name} asks to watch");
    let font = theme::semibold(14.5);
    let galley = draw::line(painter, &title, font.clone(), palette.text, f32::INFINITY);
    // A long name is cut; what it asks for goes then.
    let title = if galley.size().x <= width { title.as_str() } else { name };
    draw::text(painter, at, title, font, palette.text, width);
    let at = (pos2(left, rect.center().y + 3.0), Align2::LEFT_TOP);
    let about = match width {
        NARROW.. => format!("{told}  ·  device {id}"),
        _ => format!("unverified  ·  {id}"),
    };
    draw::text(painter, at, &about, theme::regular(theme::STATS), palette.text_faint, width);
}

fn code_row(ui: &mut Ui, camera: &str, code: Code) {
    let palette = Palette::of(ui);
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), CODE_ROW - 4.0), Sense::hover());
    let code = code.spaced();
    response
        .widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{camera}: code {code}")));
    let painter = ui.painter();
    painter.rect_filled(rect, BUTTON_RADIUS, palette.card);
    let at = (pos2(rect.right() - 12.0, rect.center().y), Align2::RIGHT_CENTER);
    let shown = draw::text(painter, at, &code, theme::semibold(19.0), palette.text, rect.width());
    let left = rect.left() + 12.0;
    let at = (pos2(left, rect.center().y), Align2::LEFT_CENTER);
    let width = shown.left() - 10.0 - left;
    draw::text(painter, at, camera, theme::regular(theme::BODY), palette.text_soft, width);
}

fn buttons(ui: &mut Ui, request: &RequestView, calm: bool) -> Option<bool> {
    let (row, _) =
        ui.allocate_exact_size(vec2(ui.available_width(), draw::BUTTON_HEIGHT), Sense::hover());
    let (left, right) = row.split_left_right_at_fraction(0.5);
    let buttons = [
        (left.with_max_x(left.right() - 4.0), "Allow", Weight::Primary, true),
        (right.with_min_x(right.left() + 4.0), "Deny", Weight::Quiet, false),
    ];
    let mut pressed = None;
    for (rect, does, weight, allow) in buttons {
        // By device: when another card takes this place, neither focus nor half a click stays.
        let id = Id::unique((does, request.device));
        let response = ui.interact(rect, id, if calm { Sense::hover() } else { Sense::click() });
        let label = format!("{does} {}", words::device_name(&request.name));
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
        draw::paint_button(ui, rect, &response, weight, does);
        if response.clicked() {
            pressed = Some(allow);
        }
    }
    pressed
}
