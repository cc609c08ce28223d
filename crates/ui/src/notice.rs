//! What stands in the middle of a tile without a living picture: what happened, and what to do.
//!
//! Owns the words and where they go. A code is painted as large as its tile allows, because two
//! people read it out across a room; words that do not fit are left away, the least needed first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::accesskit::Role;
use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{
    Align, Color32, FontId, Galley, Id, Rect, Sense, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use lanlens_model::{CameraView, Cause, Code, RequestEnd, TileState, limits};

use crate::draw::{self, Weight};
use crate::icons;
use crate::theme::{self, Palette};
use crate::tile::TileAct;
use crate::words;

/// What is seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Icon(&'static str),
    /// It turns: something is under way and takes moments.
    Spinner,
    Code(Code),
}

/// A notice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    pub(crate) mark: Mark,
    pub(crate) title: &'static str,
    pub(crate) detail: String,
    /// Another way, where there is room to say it.
    pub(crate) hint: String,
    pub(crate) button: Option<(&'static str, TileAct)>,
}

impl Notice {
    fn new(mark: Mark, title: &'static str, detail: impl Into<String>) -> Self {
        Self { mark, title, detail: detail.into(), hint: String::new(), button: None }
    }

    fn hint(mut self, hint: String) -> Self {
        self.hint = hint;
        self
    }

    fn button(mut self, words: &'static str, act: TileAct) -> Self {
        self.button = Some((words, act));
        self
    }

    /// All of it, for screen readers.
    pub(crate) fn spoken(&self) -> String {
        let parts = [self.title, &self.detail, &self.hint];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". ")
    }
}

/// The notice of a camera that has been in its state for `elapsed`; `None` where the picture speaks for
/// itself.
pub(crate) fn notice(camera: &CameraView, elapsed: Duration, now: Instant) -> Option<Notice> {
    if let Some(cause) = &camera.cause {
        let again = words::again_in(camera, now).map(|seconds| match seconds {
            0 => "Trying again now".to_owned(),
            seconds => format!("Trying again in {seconds} s"),
        });
        return Some(no_pictures(cause).hint(again.unwrap_or_default()));
    }
    let icon = |icon, title, detail: &str| Notice::new(Mark::Icon(icon), title, detail);
    Some(match &camera.state {
        TileState::Live | TileState::Paused | TileState::Stalled { .. } => return None,
        TileState::Connecting => Notice::new(Mark::Spinner, "Connecting…", ""),
        TileState::Lost(reason) => Notice::new(Mark::Spinner, "Reconnecting…", reason.text()),
        TileState::Waiting { code: None } => icon(icons::LOCK_KEY, "Asking…", ""),
        TileState::Waiting { code: Some(code) } => Notice::new(
            Mark::Code(*code),
            "Ask the owner to allow this device",
            "Both of you see this code.",
        )
        .hint(format!("Or on the camera's computer: lanlens trust allow {code}")),
        TileState::RequestEnded(reason) => request_ended(*reason),
        TileState::NeedsInvitation => icon(
            icons::ENVELOPE,
            "Only with an invitation",
            "Open the camera's invitation: paste its link here (Ctrl+V)",
        )
        .button("Paste", TileAct::Paste),
        TileState::Denied => icon(
            icons::PROHIBIT,
            "The owner refused this device",
            "Run lanlens trust on the camera's computer to allow it still.",
        ),
        TileState::Removed => icon(
            icons::USER_MINUS,
            "An owner removed this device",
            "Run lanlens trust on the camera's computer to allow it again.",
        ),
        TileState::Idle => icon(icons::VIDEO_CAMERA, "Not watched", ""),
        TileState::Offline => {
            icon(icons::PLUGS, "Camera offline", &format!("last seen {}", words::ago(elapsed)))
        }
    })
}

fn no_pictures(cause: &Cause) -> Notice {
    let icon = |icon, title, detail: &str| Notice::new(Mark::Icon(icon), title, detail);
    match cause {
        Cause::NoNetwork => icon(
            icons::WIFI_SLASH,
            "This computer has no network",
            "Check its Wi-Fi or its cable; everything comes back by itself.",
        ),
        Cause::Unreachable => icon(
            icons::PLUGS,
            "The camera does not answer",
            "Is it switched on, and still on this network?",
        ),
        Cause::Source(text) => icon(icons::VIDEO_CAMERA_SLASH, "The camera has no picture", text),
        Cause::NoPictures => icon(
            icons::HOURGLASS,
            "No pictures arrive",
            "The camera hangs, the network is busy, or something on it blocks video (UDP).",
        ),
    }
}

fn request_ended(reason: RequestEnd) -> Notice {
    let ended = |icon, title, detail: &str| Notice::new(Mark::Icon(icon), title, detail);
    let again = |title, detail: &str| {
        ended(icons::HOURGLASS, title, detail).button("Ask again", TileAct::AskAgain)
    };
    match reason {
        RequestEnd::Full => {
            ended(icons::HOURGLASS, "Too many devices are asking", "This one asks again by itself.")
        }
        RequestEnd::Unanswered => again("Nobody answered", "Press F5 to ask again."),
        RequestEnd::TooOften => {
            let minutes = limits::WAITING_TIME.as_secs() / 60;
            let detail = format!("Wait {minutes} minutes, then press F5 to ask again.");
            again("This device has asked too often", &detail)
        }
        RequestEnd::Elsewhere => again(
            "Another program on this computer asks",
            "Its code counts now. Press F5 to ask from here.",
        ),
        RequestEnd::WrongInvitation => ended(
            icons::ENVELOPE,
            "The invitation is not this camera's",
            "Paste the link of this camera's invitation here (Ctrl+V)",
        )
        .button("Paste", TileAct::Paste),
        RequestEnd::Other => again("The request has ended", "Press F5 to ask again."),
    }
}

/// Side of an icon, points; as of everything but codes, in a tile of usual size.
const ICON: f32 = 30.0;
/// A code is not painted larger than this, points.
const CODE_MAX: f32 = 120.0;

/// Between two paragraphs, points.
const LINE_GAP: f32 = 4.0;
/// Between the words and the button, points.
const BUTTON_GAP: f32 = 10.0;

/// Paints a notice in `rect`, the part of a tile that caption and badge leave free. `tile` is the
/// tile's widget, `of` the name of its camera. Returns what was pressed.
pub(crate) fn ui(
    ui: &Ui,
    rect: Rect,
    notice: &Notice,
    (palette, detail): (&Palette, Color32),
    (tile, of): (Id, &str),
) -> Option<TileAct> {
    let fit = Fit::new(ui, rect.size(), notice, palette, detail);
    let (x, mut y) = (rect.center().x, rect.center().y - fit.height / 2.0);
    match fit.mark {
        Some(FitMark::Code(galley)) => {
            let (height, left) = (galley.size().y, x - galley.size().x / 2.0);
            ui.painter().galley(pos2(left, y), galley, palette.text);
            y += height + LINE_GAP;
        }
        Some(FitMark::Icon(side)) => {
            paint_mark(ui, pos2(x, y + side / 2.0), notice.mark, side, palette);
            y += side + ICON_GAP;
        }
        None => {}
    }
    for line in fit.lines {
        let height = line.size().y;
        // A centred galley hangs from its middle.
        ui.painter().galley(pos2(x, y), line, palette.text_soft);
        y += height + LINE_GAP;
    }
    let (words, act) = notice.button?;
    let width = draw::button_width(ui, words, Weight::Quiet).min(rect.width());
    let left_top = pos2(x - width / 2.0, y - LINE_GAP + BUTTON_GAP);
    let button = Rect::from_min_size(left_top, vec2(width, draw::BUTTON_HEIGHT));
    let response = ui.interact(button, tile.with(words), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{words}: {of}")));
    draw::paint_button(ui, button, &response, Weight::Quiet, words);
    response.clicked().then_some(act)
}

/// Below an icon, points.
const ICON_GAP: f32 = 12.0;

enum FitMark {
    /// With its side, points.
    Icon(f32),
    Code(Arc<Galley>),
}

/// As much of a notice as a tile has room for.
struct Fit {
    mark: Option<FitMark>,
    lines: Vec<Arc<Galley>>,
    height: f32,
}

impl Fit {
    fn new(ui: &Ui, room: Vec2, notice: &Notice, palette: &Palette, detail: Color32) -> Self {
        let code = match notice.mark {
            Mark::Code(code) => {
                let size = (room.x / 5.0).min(room.y * 0.42).clamp(20.0, CODE_MAX);
                Some(code_galley(ui, code, size, palette.text))
            }
            Mark::Icon(_) | Mark::Spinner => None,
        };
        // A large tile is looked at from farther away.
        let scale = (room.y / 300.0).clamp(1.0, 1.4);
        let icon = ICON * scale;
        let line = |words: &str, font, color| wrapped(ui, words, font, color, room.x);
        let title = theme::medium(theme::BODY * scale);
        let mut lines = vec![line(notice.title, title, palette.text_soft)];
        let more = [&notice.detail, &notice.hint].into_iter().filter(|words| !words.is_empty());
        lines.extend(more.map(|words| line(words, theme::regular(12.0 * scale), detail)));
        let mark = code.as_ref().map_or(icon + ICON_GAP, |code| code.size().y + LINE_GAP);
        let button = notice.button.map_or(0.0, |_| BUTTON_GAP + draw::BUTTON_HEIGHT);
        let height = |(marked, count): (bool, usize)| {
            let words: f32 = lines.iter().take(count).map(|line| line.size().y + LINE_GAP).sum();
            words - LINE_GAP + button + if marked { mark } else { 0.0 }
        };
        // What to do matters more than an icon, and less than a code.
        let ways = match code {
            Some(_) => [(true, 3), (true, 2), (true, 1)],
            None => [(true, 3), (false, 3), (false, 1)],
        };
        let fits = |way: &(bool, usize)| height(*way) <= room.y;
        let (marked, count) = ways.into_iter().find(fits).unwrap_or(ways[2]);
        let height = height((marked, count));
        lines.truncate(count);
        let mark = marked.then(|| code.map_or(FitMark::Icon(icon), FitMark::Code));
        Self { mark, lines, height }
    }
}

/// Paints only what is seen first, in the middle of a tile that has no room for words.
pub(crate) fn small_ui(ui: &Ui, rect: Rect, notice: &Notice, palette: &Palette) {
    match notice.mark {
        Mark::Code(code) => {
            let size = (rect.width() / 5.0).clamp(14.0, 28.0);
            let galley = code_galley(ui, code, size, palette.text);
            ui.painter().galley(rect.center() - galley.size() / 2.0, galley, palette.text);
        }
        mark => paint_mark(ui, rect.center(), mark, 20.0, palette),
    }
}

/// Whether a notice moves by itself and must be painted again soon.
pub(crate) fn turns(notice: &Notice) -> bool {
    notice.mark == Mark::Spinner
}

fn paint_mark(ui: &Ui, center: eframe::egui::Pos2, mark: Mark, size: f32, palette: &Palette) {
    let painter = ui.painter();
    match mark {
        Mark::Icon(icon) => {
            let square = Rect::from_center_size(center, Vec2::splat(size));
            draw::icon(painter, square, icon, size, palette.text_faint);
        }
        Mark::Spinner => {
            draw::spinner(painter, center, size / 2.0, ui.input(|input| input.time), palette);
        }
        Mark::Code(_) => {}
    }
}

fn code_galley(ui: &Ui, code: Code, size: f32, color: Color32) -> Arc<Galley> {
    let mut format = TextFormat::simple(theme::semibold(size), color);
    format.extra_letter_spacing = size * 0.04;
    ui.painter().layout_job(LayoutJob::single_section(code.spaced(), format))
}

fn wrapped(ui: &Ui, text: &str, font: FontId, color: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, color));
    job.wrap.max_width = width;
    job.halign = Align::Center;
    ui.painter().layout_job(job)
}
