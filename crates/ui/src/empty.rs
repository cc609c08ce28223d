//! What stands in the middle while there is no camera: what to do, in order, and once the doctor has
//! found it, why there is none. Phones find their code beside it.

use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{
    CornerRadius, Frame, Label, Margin, Rect, RichText, Sense, Stroke, Ui, UiBuilder, Vec2, pos2,
    vec2,
};
use lanlens_model::{Finding, Snapshot};

use crate::phones::Phones;
use crate::theme::{self, Palette};
use crate::{draw, icons};

/// Width of what to do, points.
const WORDS: f32 = 488.0;
/// Height of the card, points. A finding takes as many lines as it needs.
const HEIGHT: f32 = 258.0;
const HEIGHT_WITH_FINDING: f32 = 306.0;
/// Another step.
const HEIGHT_OF_STEP: f32 = 46.0;
/// Between the border and what stands in the card, points.
const INSIDE: Vec2 = vec2(36.0, 34.0);
/// Side of the code, points, and the words' width beside it.
const CODE: f32 = 290.0;
const WORDS_BESIDE: f32 = 380.0;
/// Between the words and the code, points.
const GAP: f32 = 30.0;
/// Height of the link below the code, points.
const LINK: f32 = 40.0;

/// Before anything is found.
const HINT: &str =
    "Both computers on one network, not a guest network; UDP port 5353 open. F5 looks again.";

/// The card of an empty window.
pub(crate) struct Empty<'a> {
    /// With names here, cameras may be there that were not asked for; then what the doctor found is
    /// not the reason that they are not shown.
    pub(crate) only: &'a [String],
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) finding: Option<&'a Finding>,
    pub(crate) phones: &'a Phones,
}

impl Empty<'_> {
    pub(crate) fn ui(self, ui: &mut Ui) {
        let palette = Palette::of(ui);
        let finding = self.finding.filter(|_| self.snapshot.cameras.is_empty());
        let area = ui.available_rect_before_wrap();
        let room = area.size() - Vec2::splat(24.0);
        let beside = vec2(WORDS_BESIDE + GAP + CODE, CODE + LINK) + 2.0 * INSIDE;
        let code = self.phones.has_code() && room.x >= beside.x && room.y >= beside.y;
        let height = if finding.is_some() { HEIGHT_WITH_FINDING } else { HEIGHT };
        let steps = if self.phones.has_code() { HEIGHT_OF_STEP } else { 0.0 };
        let card = vec2(WORDS, height + steps) + vec2(2.0 * INSIDE.x, 2.0 * INSIDE.y);
        let card = if code { card.max(beside) } else { card };
        let card = Rect::from_center_size(area.center(), card.min(room).max(vec2(240.0, 200.0)));
        ui.scope_builder(UiBuilder::new().max_rect(card), |ui| {
            let frame = Frame::new()
                .fill(palette.panel)
                .stroke(Stroke::new(1.0, palette.line))
                .corner_radius(CornerRadius::same(14))
                .inner_margin(Margin::symmetric(INSIDE.x as i8, INSIDE.y as i8));
            frame.show(ui, |ui| {
                ui.set_min_size(ui.available_size());
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = GAP;
                    ui.vertical(|ui| {
                        let width = if code { WORDS_BESIDE } else { ui.available_width() };
                        ui.set_width(width);
                        ui.spacing_mut().item_spacing = vec2(8.0, 4.0);
                        self.words(ui, finding, code);
                    });
                    if code {
                        ui.vertical(|ui| self.code(ui));
                    }
                });
            });
        });
    }

    fn words(&self, ui: &mut Ui, finding: Option<&Finding>, code: bool) {
        let palette = Palette::of(ui);
        emblem(ui, palette);
        ui.add_space(16.0);
        let (title, text) = headline(self.only, self.snapshot);
        ui.add(Label::new(RichText::new(title).font(theme::semibold(20.0))));
        ui.add_space(2.0);
        draw::paragraph(ui, &text, theme::BODY, palette.text_soft);
        ui.add_space(16.0);
        draw::step(ui, 1, "On another computer of this network", "start lanlens-camera");
        if self.phones.has_code() {
            let text = match code {
                true => "scan the code and allow the camera; Q tells more",
                false => "press Q here and scan the code",
            };
            draw::step(ui, 2, "On a phone in this Wi-Fi", text);
        }
        match finding {
            Some(finding) => found(ui, finding),
            None => draw::step(
                ui,
                if self.phones.has_code() { 3 } else { 2 },
                "Nothing shows up?",
                HINT,
            ),
        }
    }

    /// The code for phones, and its link.
    fn code(&self, ui: &mut Ui) {
        let Some(link) = self.phones.link() else { return };
        let Some(code) = self.phones.qr().ui(ui, CODE) else { return };
        ui.set_max_width(code.rect.width());
        ui.add_space(4.0);
        let url = RichText::new(&link.url).monospace().size(10.5);
        let url = url.color(Palette::of(ui).text_faint);
        ui.add(Label::new(url).wrap().selectable(true));
    }
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
            draw::paragraph(
                ui,
                "lanlens doctor in a terminal tells more.",
                12.0,
                palette.text_faint,
            );
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
