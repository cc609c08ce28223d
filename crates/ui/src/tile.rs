//! One camera's tile: picture, truth badge, caption, or a notice where there is no living picture.

use std::time::{Duration, Instant};

use eframe::egui::accesskit::{Node, Role};
use eframe::egui::{
    Align2, Color32, EventFilter, Id, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};
use lanlens_model::{CameraId, CameraView, TileState};

use crate::notice::{self, Notice};
use crate::picture::{self, Picture, Shade};
use crate::theme::{self, BUTTON_RADIUS, Palette, TILE_RADIUS};
use crate::words::{self, Tone};
use crate::{draw, icons};

/// Where a tile stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Grid,
    /// The large one.
    Focus,
    /// Beside the large one: the name only.
    Strip,
}

/// What a tile shows.
pub(crate) struct Tile<'a> {
    pub(crate) camera: &'a CameraView,
    pub(crate) picture: Option<Picture>,
    /// In its state.
    pub(crate) elapsed: Duration,
    pub(crate) now: Instant,
    pub(crate) selected: bool,
    pub(crate) place: Place,
    pub(crate) shade: &'a Shade,
    /// Between two paints of the spinner.
    pub(crate) tick: Duration,
}

/// What somebody did to a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TileAct {
    Select,
    /// Into focus, or out of it.
    ToggleFocus,
    /// Shows who watches, or no longer.
    ToggleWatchers,
    /// Asks once more to be allowed.
    AskAgain,
    /// Brings what was copied.
    Paste,
}

/// The widget of a camera's tile; only one of them is painted at a time.
pub(crate) fn tile_id(camera: CameraId) -> Id {
    Id::unique(("tile", camera))
}

/// Narrower tiles show fewer figures, points.
const WIDE: f32 = 270.0;
/// Narrower still: the name only.
const NARROW: f32 = 190.0;
/// How bright the last picture stays while it does not move.
const LIGHT_STALLED: u8 = 105;
/// The same behind words that say why.
const LIGHT_EXPLAINED: u8 = 75;
/// And while the connection is gone.
const LIGHT_LOST: u8 = 55;
/// Of badges, from the edges, points.
const BADGE_INSET: f32 = 10.0;
/// Of badges, points.
const BADGE_HEIGHT: f32 = 21.0;
/// What the name at the bottom needs, points.
const CAPTION_HEIGHT: f32 = 34.0;

impl Tile<'_> {
    /// Paints the tile and reacts to the mouse.
    pub(crate) fn ui(self, ui: &mut Ui, rect: Rect) -> Option<TileAct> {
        let id = tile_id(self.camera.id);
        let response = ui.interact(rect, id, Sense::click());
        let warning = if self.camera.same_name { ", another device has this name" } else { "" };
        let state = words::spoken(&self.camera.state);
        let label = format!("{}, {state}{warning}", self.camera.name);
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, self.selected, &label));
        let notice = notice::notice(self.camera, self.elapsed, self.now);
        if let Some(notice) = &notice {
            let spoken = |node: &mut Node| node.set_description(notice.spoken());
            ui.ctx().accesskit_node_builder(id, spoken);
        }
        // Arrows and Escape are the window's: they move the selection, not egui's focus.
        let filter = EventFilter {
            horizontal_arrows: true,
            vertical_arrows: true,
            escape: true,
            ..EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        let mut pressed = None;
        if ui.is_rect_visible(rect) {
            pressed = self.paint(ui, rect, &response, notice.as_ref());
        }
        if pressed.is_some() {
            return pressed;
        }
        if response.double_clicked() || self.corner_button(ui, rect, &response) {
            return Some(TileAct::ToggleFocus);
        }
        let chosen = response.clicked() || response.gained_focus();
        (chosen && !self.selected).then_some(TileAct::Select)
    }

    /// Returns which of the buttons in it was pressed.
    fn paint(
        &self,
        ui: &Ui,
        rect: Rect,
        response: &Response,
        notice: Option<&Notice>,
    ) -> Option<TileAct> {
        let (painter, palette) = (ui.painter(), Palette::of(ui));
        match &self.picture {
            Some(picture) => picture::paint(painter, rect, picture, TILE_RADIUS, self.light()),
            None => {
                painter.rect_filled(rect, TILE_RADIUS, palette.card);
            }
        }
        let mut act = None;
        if let Some(notice) = notice {
            act = self.notice(ui, rect, notice, response.id);
        }
        self.caption(ui, rect);
        let badge = self.badge(ui, rect);
        let mut beside = badge.map_or(rect.left() + BADGE_INSET, |plate| plate.right() + 6.0);
        if self.camera.same_name && self.place != Place::Strip {
            let at = pos2(beside, rect.top() + BADGE_INSET);
            let room = rect.right() - BADGE_INSET - beside;
            let tone = Tone::Warning.color(theme::over_picture());
            beside = plate(ui, at, "SAME NAME", tone, room).right() + 6.0;
        }
        if self.watchers(ui, pos2(beside, rect.top() + BADGE_INSET), response.id) {
            act = Some(TileAct::ToggleWatchers);
        }
        let (width, color) = match (self.selected && self.place != Place::Strip, response.hovered())
        {
            (true, _) => (2.0, palette.accent),
            (false, true) => (1.0, palette.text_faint),
            (false, false) => (1.0, palette.tile_border),
        };
        painter.rect_stroke(rect, TILE_RADIUS, Stroke::new(width, color), StrokeKind::Inside);
        act
    }

    fn light(&self) -> u8 {
        match self.camera.state {
            TileState::Live | TileState::Paused => 255,
            TileState::Stalled { .. } if self.camera.cause.is_none() => LIGHT_STALLED,
            TileState::Stalled { .. } => LIGHT_EXPLAINED,
            _ => LIGHT_LOST,
        }
    }

    fn notice(&self, ui: &Ui, rect: Rect, notice: &Notice, id: Id) -> Option<TileAct> {
        if notice::turns(notice) {
            ui.ctx().request_repaint_after(self.tick);
        }
        let palette = self.palette(ui);
        if self.place == Place::Strip || rect.width() < NARROW {
            let above_name = rect.translate(vec2(0.0, -10.0));
            notice::small_ui(ui, above_name, notice, palette);
            return None;
        }
        let faint = if self.picture.is_some() { palette.text_soft } else { palette.text_faint };
        // Above the name, and below the badge where there is one.
        let top = if self.picture.is_some() { BADGE_INSET + BADGE_HEIGHT } else { 8.0 };
        let area =
            Rect::from_min_max(rect.min + vec2(14.0, top), rect.max - vec2(14.0, CAPTION_HEIGHT));
        notice::ui(ui, area, notice, (palette, faint), (id, &self.camera.name))
    }

    /// Text over a picture is light in both themes.
    fn palette(&self, ui: &Ui) -> &'static Palette {
        if self.picture.is_some() { theme::over_picture() } else { Palette::of(ui) }
    }

    fn caption(&self, ui: &Ui, rect: Rect) {
        let painter = ui.painter();
        let small = self.place == Place::Strip || rect.width() < NARROW;
        let (pad, size) = if small { (10.0, 12.0) } else { (14.0, 14.5) };
        let stats =
            self.camera.stats.as_ref().filter(|_| !small && self.camera.state == TileState::Live);
        if self.picture.is_some() {
            let height: f32 = if small { 46.0 } else { 92.0 };
            self.shade.paint(painter, rect, height.min(rect.height()), TILE_RADIUS);
        }
        let palette = Palette::of(ui);
        let (name_color, soft) = if self.picture.is_some() {
            (theme::OVER_PICTURE, theme::OVER_PICTURE_SOFT)
        } else {
            (palette.text_soft, palette.text_faint)
        };
        let base = rect.bottom() - if small { 8.0 } else { 11.0 };
        let name_base = if stats.is_some() { base - 17.0 } else { base };
        let width = rect.width() - 2.0 * pad;
        let at = (pos2(rect.left() + pad, name_base), Align2::LEFT_BOTTOM);
        draw::text(painter, at, &self.camera.name, theme::semibold(size), name_color, width);
        let Some(stats) = stats else { return };
        let (tone, latency) = words::latency(stats);
        let at = (pos2(rect.right() - pad, base), Align2::RIGHT_BOTTOM);
        let shown = draw::text(painter, at, &latency, theme::medium(theme::STATS), soft, width);
        let center = pos2(shown.left() - 9.0, shown.center().y);
        draw::dot(painter, center, tone.color(theme::over_picture()));
        let parts = if rect.width() < WIDE { 2 } else { 3 };
        let left = center.x - 10.0 - (rect.left() + pad);
        let at = (pos2(rect.left() + pad, base), Align2::LEFT_BOTTOM);
        draw::text(
            painter,
            at,
            &words::figures(stats, parts),
            theme::regular(theme::STATS),
            soft,
            left,
        );
    }

    /// LIVE only while the snapshot says so. The strip shows only what is wrong.
    fn badge(&self, ui: &Ui, rect: Rect) -> Option<Rect> {
        let words = match &self.camera.state {
            TileState::Live if self.place != Place::Strip => "LIVE".to_owned(),
            TileState::Paused if self.place != Place::Strip => "PAUSED".to_owned(),
            TileState::Stalled { .. } => {
                let since =
                    words::stalled_for(&self.camera.state, self.elapsed).unwrap_or_default();
                format!("STALLED {}", words::duration(since))
            }
            TileState::Lost(_) | TileState::Connecting if self.picture.is_some() => {
                "RECONNECTING".to_owned()
            }
            _ => return None,
        };
        let tone = Tone::of(&self.camera.state).color(theme::over_picture());
        Some(plate(ui, rect.min + Vec2::splat(BADGE_INSET), &words, tone, rect.width()))
    }

    /// How many watch a camera of one's own: pressed, it shows who.
    fn watchers(&self, ui: &Ui, left_top: Pos2, id: Id) -> bool {
        let count = self.camera.watchers.as_ref().map_or(0, Vec::len);
        if count == 0 || self.place == Place::Strip {
            return false;
        }
        let (painter, number) = (ui.painter(), count.to_string());
        let font = theme::semibold(10.5);
        let galley = draw::line(painter, &number, font, theme::OVER_PICTURE, 40.0);
        let plate = Rect::from_min_size(left_top, vec2(galley.size().x + 31.0, BADGE_HEIGHT));
        let response = ui.interact(plate, id.with("watchers"), Sense::click());
        let devices = if count == 1 { "1 device".to_owned() } else { format!("{count} devices") };
        let label = format!("Watched by {devices}: {}", self.camera.name);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
        let hot = response.hovered() || response.has_focus();
        let color = if hot { theme::OVER_PICTURE } else { theme::OVER_PICTURE_SOFT };
        painter.rect_filled(plate, 6, theme::OVER_PICTURE_PLATE);
        let eye =
            Rect::from_center_size(pos2(plate.left() + 14.0, plate.center().y), Vec2::splat(15.0));
        draw::icon(painter, eye, icons::EYE, 14.5, color);
        let at = pos2(plate.left() + 24.0, plate.center().y - galley.size().y / 2.0);
        painter.galley_with_override_text_color(at, galley, color);
        draw::focus_ring(ui, plate, &response);
        response.on_hover_text("Who watches").clicked()
    }

    /// The button in the upper corner of the tile under the pointer.
    fn corner_button(&self, ui: &Ui, rect: Rect, tile: &Response) -> bool {
        let (icon, does) = match self.place {
            Place::Grid => (icons::CORNERS_OUT, "Focus"),
            Place::Focus => (icons::CORNERS_IN, "Back to the grid"),
            Place::Strip => return false,
        };
        let button = Rect::from_min_size(
            pos2(rect.right() - 10.0 - 28.0, rect.top() + 9.0),
            Vec2::splat(28.0),
        );
        if !tile.contains_pointer() && !tile.has_focus() {
            return false;
        }
        let response = ui.interact(button, tile.id.with("focus"), Sense::click());
        let label = format!("{does}: {}", self.camera.name);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
        let hot = response.hovered() || response.has_focus();
        let color = if hot { theme::OVER_PICTURE } else { theme::OVER_PICTURE_SOFT };
        ui.painter().rect_filled(button, BUTTON_RADIUS, theme::OVER_PICTURE_PLATE);
        draw::icon(ui.painter(), button, icon, 15.0, color);
        draw::focus_ring(ui, button, &response);
        response.on_hover_text(does).clicked()
    }
}

/// A word in capitals with a dot, over the picture.
fn plate(ui: &Ui, corner: Pos2, words: &str, dot: Color32, room: f32) -> Rect {
    let painter = ui.painter();
    let color = theme::OVER_PICTURE;
    let galley = draw::line(painter, words, theme::semibold(10.5), color, room);
    let plate = Rect::from_min_size(corner, vec2(galley.size().x + 23.0, BADGE_HEIGHT));
    painter.rect_filled(plate, 6, theme::OVER_PICTURE_PLATE);
    draw::dot(painter, pos2(plate.left() + 10.0, plate.center().y), dot);
    let at = pos2(plate.left() + 17.0, plate.center().y - galley.size().y / 2.0);
    painter.galley(at, galley, color);
    plate
}
