//! The middle of the window: the grid, or one camera large with the others in a strip beside it.

use std::time::{Duration, Instant};

use eframe::egui::scroll_area::ScrollBarVisibility;
use eframe::egui::{Frame, Panel, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use lanlens_model::CameraId;

use crate::grid::{self, GridLayout};
use crate::picture::Shade;
use crate::port::UiPort;
use crate::theme::{GAP, MARGIN};
use crate::tile::{Place, Tile, TileAct};
use crate::wall::Wall;

/// Width of the strip beside the focused camera, points.
const STRIP: f32 = 190.0;

/// What the stage needs to paint tiles.
pub(crate) struct Stage<'a> {
    pub(crate) wall: &'a mut Wall,
    pub(crate) port: &'a dyn UiPort,
    pub(crate) shade: &'a Shade,
    pub(crate) selected: Option<CameraId>,
    pub(crate) tick: Duration,
    /// Bring the selected tile into sight: it was chosen with the keyboard.
    pub(crate) reveal: bool,
}

/// What somebody did on the stage.
pub(crate) type StageAct = Option<(CameraId, TileAct)>;

impl Stage<'_> {
    /// All cameras. Returns where the tiles were put.
    pub(crate) fn grid(mut self, ui: &mut Ui) -> (GridLayout, StageAct) {
        let area = ui.max_rect().shrink(MARGIN);
        let layout = GridLayout::new(area, &self.wall.aspects(), GAP);
        if layout.height <= area.height() + 0.5 {
            let act = self.tiles(ui, &layout, vec2(0.0, 0.0));
            return (layout, act);
        }
        let mut act = None;
        scroll(ui.max_rect(), ui, |ui| {
            let (rect, _) = ui.allocate_exact_size(
                vec2(ui.available_width(), layout.height + 2.0 * MARGIN),
                Sense::hover(),
            );
            act = self.tiles(ui, &layout, rect.min + vec2(MARGIN, MARGIN) - area.min);
        });
        (layout, act)
    }

    fn tiles(&mut self, ui: &mut Ui, layout: &GridLayout, offset: eframe::egui::Vec2) -> StageAct {
        let mut act = None;
        for (index, cell) in layout.cells.iter().enumerate() {
            act = self.tile(ui, index, cell.translate(offset), Place::Grid).or(act);
        }
        act
    }

    /// One camera large, the others in the strip.
    pub(crate) fn focus(mut self, ui: &mut Ui, focused: usize) -> StageAct {
        let mut act = None;
        let count = self.wall.cameras().len();
        if count > 1 {
            let strip = Panel::right("strip").resizable(false).exact_size(STRIP + MARGIN);
            strip.show_separator_line(false).frame(Frame::NONE).show(ui, |ui| {
                act = self.strip(ui, focused);
            });
        }
        let area = ui.available_rect_before_wrap().shrink(MARGIN);
        let aspect = self.wall.aspects().get(focused).copied().unwrap_or(grid::ASPECT_DEFAULT);
        let rect = Rect::from_center_size(area.center(), grid::contained(area.size(), aspect));
        self.tile(ui, focused, rect, Place::Focus).or(act)
    }

    fn strip(&mut self, ui: &mut Ui, focused: usize) -> StageAct {
        let mut act = None;
        let others: Vec<usize> = (0..self.wall.cameras().len()).filter(|i| *i != focused).collect();
        scroll(ui.max_rect(), ui, |ui| {
            let cell = vec2(STRIP, STRIP / grid::ASPECT_DEFAULT);
            let height = others.len() as f32 * (cell.y + GAP) - GAP + 2.0 * MARGIN;
            let (rect, _) =
                ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
            for (row, index) in others.into_iter().enumerate() {
                let top = rect.top() + MARGIN + row as f32 * (cell.y + GAP);
                let cell = Rect::from_min_size(pos2(rect.left(), top), cell);
                act = self.tile(ui, index, cell, Place::Strip).or(act);
            }
        });
        act
    }

    fn tile(&mut self, ui: &mut Ui, index: usize, rect: Rect, place: Place) -> StageAct {
        let camera = self.wall.cameras().get(index)?.clone();
        let selected = self.selected == Some(camera.id);
        if selected && self.reveal {
            ui.scroll_to_rect(rect, None);
        }
        let shown = grid::contained(rect.size(), self.wall.aspect(camera.id)).y;
        self.wall.laid_out(camera.id, shown * ui.pixels_per_point(), place == Place::Focus);
        let picture = match ui.is_rect_visible(rect) {
            true => self.wall.picture(ui.ctx(), self.port, &camera),
            false => None,
        };
        let (elapsed, now) = (self.wall.elapsed(camera.id), Instant::now());
        let (shade, tick) = (self.shade, self.tick);
        let tile = Tile { camera: &camera, picture, elapsed, now, selected, place, shade, tick };
        // In the strip one click is enough: it changes places with the large one.
        let act = match tile.ui(ui, rect)? {
            TileAct::Select if place == Place::Strip => TileAct::ToggleFocus,
            act => act,
        };
        Some((camera.id, act))
    }
}

fn scroll(rect: Rect, ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    ui.scope_builder(eframe::egui::UiBuilder::new().max_rect(rect), |ui| {
        ui.spacing_mut().scroll.floating = true;
        ScrollArea::vertical()
            .auto_shrink(false)
            .scroll_bar_visibility(ScrollBarVisibility::VisibleWhenNeeded)
            .show(ui, contents);
    });
}
