//! The panel that lists who watches a camera of one's own, with a button to remove each.
//!
//! Removing takes two presses, and the second must not be the other half of a double click.

use std::time::Duration;

use eframe::egui::accesskit::Role;
use eframe::egui::{Align2, Id, Rect, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};
use lanlens_model::{CameraId, CameraView, DeviceId, DeviceView};

use crate::draw::{self, Weight};
use crate::recent::{Decision, Recent};
use crate::theme::{self, MARGIN, Palette};
use crate::tile::tile_id;
use crate::{icons, words};

/// Width, points.
const WIDTH: f32 = 320.0;
/// Height of the title, points.
const TITLE: f32 = 34.0;
/// Height of a row, points.
const ROW: f32 = 42.0;
/// From the upper left corner of a tile, points: below its badges.
const BELOW_BADGES: eframe::egui::Vec2 = vec2(10.0, 37.0);
/// For how long "Really remove?" waits for its answer, seconds.
const ARMED: f64 = 3.0;
/// A second press that comes sooner belongs to the first, seconds.
const DOUBLE: f64 = 0.4;

/// The panel, of one camera at a time.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    open: Option<Open>,
    recent: Recent,
}

#[derive(Debug)]
struct Open {
    camera: CameraId,
    /// Asked whether it is really to be removed, since when on egui's clock.
    armed: Option<(DeviceId, f64)>,
    /// Opened in this pass: a press outside was the one that opened it.
    fresh: bool,
    /// Opened with the keyboard, which goes on inside.
    keyboard: bool,
}

impl Watchers {
    /// Opens the panel of a camera, or closes it where it is open.
    pub(crate) fn toggle(&mut self, camera: CameraId, keyboard: bool) {
        let closes = self.open.as_ref().is_some_and(|open| open.camera == camera);
        let open = Open { camera, armed: None, fresh: true, keyboard };
        self.open = (!closes).then_some(open);
    }

    /// Whose panel is open.
    pub(crate) fn camera(&self) -> Option<CameraId> {
        self.open.as_ref().map(|open| open.camera)
    }

    /// Closes the panel.
    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    /// Paints the panel over `area`, beside the tile of `camera`. Returns what was decided.
    pub(crate) fn ui(
        &mut self,
        ui: &mut Ui,
        area: Rect,
        camera: Option<&CameraView>,
        own: Option<DeviceId>,
    ) -> Option<Decision> {
        let now = ui.input(|input| input.time);
        let watchers = camera.and_then(|camera| camera.watchers.as_deref()).unwrap_or_default();
        let listed = |device| watchers.iter().any(|watcher| watcher.device == device);
        self.recent.begin(listed, now);
        let mut shown: Vec<&DeviceView> = Vec::with_capacity(watchers.len());
        for watcher in watchers.iter().filter(|watcher| !self.recent.hides(watcher.device)) {
            if shown.iter().all(|known| known.device != watcher.device) {
                shown.push(watcher);
            }
        }
        let Some(camera) = camera.filter(|_| !shown.is_empty()) else {
            self.open = None;
            return None;
        };
        let open = self.open.as_mut()?;
        open.armed.take_if(|(device, at)| now - *at >= ARMED || !listed(*device));
        let rect = place(ui, area, camera.id, shown.len());
        ui.interact(rect, Id::unique("watchers"), Sense::click());
        let mut panel = Panel { open, camera, watchers: &shown, own, now };
        let (close, removed) = panel.ui(ui, rect);
        let withdrawn = open.armed.map(|(_, at)| Duration::from_secs_f64(at + ARMED - now));
        for wake in withdrawn.into_iter().chain(self.recent.changes_in(now)) {
            ui.ctx().request_repaint_after(wake);
        }
        let fresh = std::mem::take(&mut open.fresh);
        let outside = !fresh && ui.input(|input| clicked_outside(input, rect));
        if close || outside {
            self.close();
            ui.ctx().request_repaint();
        }
        let DeviceView { device, name, .. } = removed?;
        self.recent.note(device, now);
        ui.ctx().request_repaint();
        Some(Decision { device, name, allow: false, codes: Vec::new() })
    }
}

fn clicked_outside(input: &eframe::egui::InputState, rect: Rect) -> bool {
    let pointer = &input.pointer;
    pointer.any_click() && pointer.interact_pos().is_some_and(|pos| !rect.contains(pos))
}

/// Below the badges of the tile, as far as the stage has room.
fn place(ui: &Ui, area: Rect, camera: CameraId, rows: usize) -> Rect {
    let area = area.shrink(MARGIN);
    let tile = ui.ctx().read_response(tile_id(camera)).map_or(area, |tile| tile.rect);
    let height = (TITLE + ROW * rows as f32 + 24.0).min(area.height());
    let size = vec2(WIDTH.min(area.width()), height);
    let corner = tile.min + BELOW_BADGES;
    let corner = corner.min(area.max - size).max(area.min);
    Rect::from_min_size(corner, size)
}

struct Panel<'a> {
    open: &'a mut Open,
    camera: &'a CameraView,
    watchers: &'a [&'a DeviceView],
    /// This device, which needs no leave and cannot be removed.
    own: Option<DeviceId>,
    now: f64,
}

impl Panel<'_> {
    /// Whether it is to be closed, and who is to be removed.
    fn ui(&mut self, ui: &mut Ui, rect: Rect) -> (bool, Option<DeviceView>) {
        let frame = draw::card(ui).inner_margin(12);
        let inner = rect.shrink(12.0);
        ui.painter().add(frame.paint(inner));
        let close = self.title(ui, inner.with_max_y(inner.top() + TITLE));
        let rows = inner.with_min_y(inner.top() + TITLE);
        let mut removed = None;
        ui.scope_builder(UiBuilder::new().id_salt("watchers rows").max_rect(rows), |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                for watcher in self.watchers {
                    if self.row(ui, watcher) {
                        removed = Some((*watcher).clone());
                    }
                }
            });
        });
        (close, removed)
    }

    fn title(&self, ui: &Ui, rect: Rect) -> bool {
        let palette = Palette::of(ui);
        let button = Align2::RIGHT_TOP.anchor_size(rect.right_top(), vec2(26.0, 26.0));
        let eye = Rect::from_min_size(rect.min, vec2(20.0, 26.0));
        draw::icon(ui.painter(), eye, icons::EYE, 17.0, palette.text_soft);
        let at = pos2(eye.right() + 8.0, eye.center().y);
        let width = button.left() - 8.0 - at.x;
        let title = format!("Who watches {}", self.camera.name);
        let font = theme::semibold(theme::BODY);
        let at = (at, Align2::LEFT_CENTER);
        let shown = draw::text(ui.painter(), at, &title, font, palette.text, width);
        let heading = ui.interact(shown, Id::unique("watchers title"), Sense::hover());
        heading.widget_info(|| WidgetInfo::labeled(Role::Label, true, &title));
        let response = ui.interact(button, Id::unique("watchers close"), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Close the list"));
        if self.open.keyboard && self.open.fresh {
            response.request_focus();
        }
        let hot = response.hovered() || response.has_focus();
        let color = if hot { palette.text } else { palette.text_faint };
        draw::icon(ui.painter(), button, icons::X, 15.0, color);
        draw::focus_ring(ui, button, &response);
        response.clicked()
    }

    /// Whether this one is to be removed.
    fn row(&mut self, ui: &mut Ui, watcher: &DeviceView) -> bool {
        let palette = Palette::of(ui);
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
        let own = self.own == Some(watcher.device);
        let name = if own { "This device" } else { words::device_name(&watcher.name) };
        let id = words::short_id(watcher.device);
        let silent = watcher.silent_since.map(|since| {
            ui.ctx().request_repaint_after(Duration::from_secs(1));
            format!("receives nothing for {}", words::duration(since.elapsed()))
        });
        let about = silent
            .iter()
            .fold(format!("device {id}"), |about, silent| format!("{about} · {silent}"));
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}, {about}")));
        let armed = self.open.armed.filter(|(device, _)| *device == watcher.device);
        let (does, weight) = match armed {
            Some(_) => ("Really remove?", Weight::Grave),
            None => ("Remove", Weight::Quiet),
        };
        let size =
            if own { vec2(0.0, 30.0) } else { vec2(draw::button_width(ui, does, weight), 30.0) };
        let button = Align2::RIGHT_CENTER.anchor_size(rect.right_center(), size);
        let left = rect.left() + 2.0;
        let width = button.left() - 10.0 - left;
        let at = (pos2(left, rect.center().y + 0.5), Align2::LEFT_BOTTOM);
        draw::text(ui.painter(), at, name, theme::medium(theme::BODY), palette.text, width);
        let at = (pos2(left, rect.center().y + 2.5), Align2::LEFT_TOP);
        let font = theme::regular(theme::STATS);
        let color = if silent.is_some() { palette.warning } else { palette.text_faint };
        draw::text(ui.painter(), at, &about, font, color, width);
        if own {
            return false;
        }
        let response = ui.interact(button, Id::unique(("remove", watcher.device)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{does} {name}")));
        draw::paint_button(ui, button, &response, weight, does);
        if !response.clicked() {
            return false;
        }
        match armed {
            Some((_, at)) => self.now - at >= DOUBLE,
            None => {
                self.open.armed = Some((watcher.device, self.now));
                ui.ctx().request_repaint();
                false
            }
        }
    }
}
