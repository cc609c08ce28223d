//! The list of cameras at the side: a thumbnail, the name, where it is or what it waits for.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Align2, Frame, Label, Margin, Panel, Rect, RichText, ScrollArea, Sense, Ui, WidgetInfo, pos2,
    vec2,
};
use lanlens_model::{CameraId, CameraView, TileState};

use crate::port::UiPort;
use crate::theme::{self, BUTTON_RADIUS, Palette};
use crate::tile::TileAct;
use crate::wall::Wall;
use crate::words::{self, Tone};
use crate::{draw, icons, picture};

/// Width, points.
const WIDTH: f32 = 250.0;
/// Height of a row, points.
const ROW: f32 = 46.0;

/// What the list needs.
pub(crate) struct Sidebar<'a> {
    pub(crate) wall: &'a mut Wall,
    pub(crate) port: &'a dyn UiPort,
    pub(crate) selected: Option<CameraId>,
}

impl Sidebar<'_> {
    pub(crate) fn ui(mut self, ui: &mut Ui) -> Option<(CameraId, TileAct)> {
        let frame =
            Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(10, 14));
        let panel = Panel::left("cameras").resizable(false).exact_size(WIDTH).frame(frame);
        panel.show(ui, |ui| self.list(ui)).inner
    }

    fn list(&mut self, ui: &mut Ui) -> Option<(CameraId, TileAct)> {
        let palette = Palette::of(ui);
        ui.horizontal(|ui| {
            ui.add_space(8.0);
            let small = |text: String| RichText::new(text).font(theme::medium(11.0));
            ui.add(Label::new(
                small("CAMERAS".into()).color(palette.text_faint).extra_letter_spacing(0.4),
            ));
            let right = eframe::egui::Layout::right_to_left(eframe::egui::Align::Center);
            ui.with_layout(right, |ui| {
                ui.add_space(8.0);
                let count = self.wall.cameras().len().to_string();
                ui.add(Label::new(small(count).color(palette.text_faint)));
            });
        });
        let mut act = None;
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for camera in self.wall.cameras().to_vec() {
                act = self.row(ui, &camera).map(|act| (camera.id, act)).or(act);
            }
        });
        act
    }

    fn row(&mut self, ui: &mut Ui, camera: &CameraView) -> Option<TileAct> {
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
        let selected = self.selected == Some(camera.id);
        let state = words::state_label(&camera.state);
        response.widget_info(|| {
            let label = format!("In the list: {}, {state}", camera.name);
            WidgetInfo::selected(Role::Button, true, selected, label)
        });
        if ui.is_rect_visible(rect) {
            self.paint_row(ui, rect, camera, selected || response.hovered(), selected);
            draw::focus_ring(ui, rect, &response);
        }
        if response.double_clicked() {
            return Some(TileAct::ToggleFocus);
        }
        (response.clicked() && !selected).then_some(TileAct::Select)
    }

    fn paint_row(&mut self, ui: &Ui, rect: Rect, camera: &CameraView, hot: bool, selected: bool) {
        let (painter, palette) = (ui.painter(), Palette::of(ui));
        if hot {
            let fill = if selected { palette.accent_soft } else { palette.card };
            painter.rect_filled(rect.shrink2(vec2(0.0, 1.0)), BUTTON_RADIUS, fill);
        }
        let thumbnail = Rect::from_center_size(
            pos2(rect.left() + 8.0 + 24.0, rect.center().y),
            vec2(48.0, 28.0),
        );
        painter.rect_filled(thumbnail, 4, palette.card_hover);
        match self.wall.picture(ui.ctx(), self.port, camera) {
            Some(picture) => {
                let light = match camera.state {
                    TileState::Live | TileState::Paused => 255,
                    _ => 90,
                };
                picture::paint_covering(painter, thumbnail, &picture, 4, light);
            }
            None => {
                draw::icon(painter, thumbnail, icons::VIDEO_CAMERA_SLASH, 14.0, palette.text_faint)
            }
        }
        let left = thumbnail.right() + 10.0;
        let width = rect.right() - 30.0 - left;
        let gone = matches!(camera.state, TileState::Offline | TileState::Idle);
        let color = if gone { palette.text_faint } else { palette.text };
        let at = (pos2(left, rect.center().y + 1.0), Align2::LEFT_BOTTOM);
        draw::text(painter, at, &camera.name, theme::medium(theme::BODY), color, width);
        let line = words::list_line(camera, self.wall.elapsed(camera.id));
        let at = (pos2(left, rect.center().y + 2.0), Align2::LEFT_TOP);
        draw::text(painter, at, &line, theme::regular(11.0), palette.text_faint, width);
        let dot = Tone::of(&camera.state).color(palette);
        draw::dot(painter, pos2(rect.right() - 15.0, rect.center().y), dot);
    }
}
