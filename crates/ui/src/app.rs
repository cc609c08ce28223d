//! The window's state and one pass over it: read the snapshot, obey keys and mouse, paint, tell the
//! node what can be seen.

use std::num::NonZeroUsize;
use std::time::Instant;

use eframe::egui::{
    CentralPanel, Context, FocusDirection, Key, Modifiers, Ui, ViewportCommand, Visuals,
};
use lanlens_model::{CameraId, Command, Snapshot};

use crate::adding::Adding;
use crate::banner::Banners;
use crate::empty::Empty;
use crate::fonts::{SystemFonts, install_fonts};
use crate::footer::Footer;
use crate::grid::{Direction, GridLayout};
use crate::header::{Header, HeaderAct};
use crate::keys::{self, KeyWish};
use crate::overlay::Overlay;
use crate::pacer::{CloseHandle, RepaintHandle};
use crate::paint_time;
use crate::phones::Phones;
use crate::picture::Shade;
use crate::port::{UiPort, ViewerOptions};
use crate::sidebar::Sidebar;
use crate::stage::Stage;
use crate::store::Store;
use crate::theme;
use crate::tile::{TileAct, tile_id};
use crate::video::VideoPainter;
use crate::wall::Wall;

/// Narrower windows belong to the tiles alone, points.
const SIDEBAR_WINDOW_MIN: f32 = 640.0;

/// The viewer's window. [`run`](crate::run) opens one; tests drive [`show`](Self::show) themselves.
pub struct ViewerApp {
    port: Box<dyn UiPort>,
    only: Vec<String>,
    repaint: RepaintHandle,
    close: CloseHandle,
    store: Store,
    shade: Shade,
    video: VideoPainter,
    /// The processor paints, with OpenGL: the pacer wants to know how long that takes.
    timed: bool,
    wall: Wall,
    layout: GridLayout,
    banners: Banners,
    overlay: Overlay,
    adding: Adding,
    phones: Phones,
    selected: Option<CameraId>,
    focused: Option<CameraId>,
    /// The selection was moved with the keyboard: bring it into sight.
    reveal: bool,
    /// When the last pass began: on egui's clock in seconds, and here.
    began: (f64, Instant),
}

impl ViewerApp {
    /// A viewer that paints into this context. Installs style and fonts.
    pub fn new(
        context: &Context,
        options: &ViewerOptions,
        fonts: SystemFonts,
        port: Box<dyn UiPort>,
        handles: (RepaintHandle, CloseHandle),
    ) -> Self {
        let store = Store::open(options.home.as_deref());
        Self::with_store(context, options, store, fonts, port, handles)
    }

    /// As [`new`](Self::new), with what was remembered already read.
    pub(crate) fn with_store(
        context: &Context,
        options: &ViewerOptions,
        store: Store,
        fonts: SystemFonts,
        port: Box<dyn UiPort>,
        (repaint, close): (RepaintHandle, CloseHandle),
    ) -> Self {
        // A second pass over the same input would obey every key and click twice.
        context.options_mut(|options| options.max_passes = NonZeroUsize::MIN);
        theme::install(context);
        install_fonts(context, fonts);
        Self {
            port,
            only: options.only.clone(),
            repaint,
            close,
            store,
            shade: Shade::new(context),
            video: VideoPainter::default(),
            timed: false,
            wall: Wall::default(),
            layout: GridLayout::default(),
            banners: Banners::default(),
            overlay: Overlay::default(),
            adding: Adding::default(),
            phones: Phones::default(),
            selected: None,
            focused: None,
            reveal: false,
            began: (0.0, Instant::now()),
        }
    }

    /// Pictures are painted like this, in place of being converted by the processor.
    pub fn painting_with(mut self, video: VideoPainter) -> Self {
        self.wall.paint_with(video.clone());
        self.video = video;
        self
    }

    /// The processor paints, with OpenGL: how long that takes sets the pace.
    pub(crate) fn timed(mut self, timed: bool) -> Self {
        self.timed = timed;
        self
    }

    /// One pass: paints the window.
    pub fn show(&mut self, ui: &mut Ui) {
        // Before anything is read: what changes from here on asks for another paint.
        self.repaint.begin();
        let snapshot = self.port.snapshot();
        let now = ui.input(|input| input.time);
        self.began = (now, Instant::now());
        let order = &mut self.store.settings.order;
        self.wall.begin(&snapshot, order, !self.only.is_empty(), now);
        self.forget_the_gone();
        self.keys_of_a_pass(ui);
        let empty = self.wall.cameras().is_empty() && self.only.is_empty();
        if let Some(joined) = self.phones.begin(empty, self.port.as_ref()) {
            self.overlay.say(joined, now);
        }
        self.header(ui);
        if self.banners.ui(ui, &snapshot) {
            self.port.send(Command::DismissNews);
        }
        let (focused, cameras) = (self.focused.is_some(), self.wall.cameras());
        let (over_limit, watched) = (snapshot.cameras_over_limit, self.watched().is_some());
        Footer { cameras, over_limit, focused, watched }.ui(ui);
        self.sidebar(ui);
        // No fill: the window was cleared to the background, and where the processor paints every
        // layer counts.
        let stage = CentralPanel::no_frame().show(ui, |ui| {
            let area = ui.max_rect();
            self.stage(ui, &snapshot);
            let (wall, port) = (&self.wall, self.port.as_ref());
            self.overlay.ui(ui, area, &snapshot, |id| wall.camera(id), port);
            area
        });
        self.adding.ui(ui, snapshot.scan, self.port.as_ref());
        if let Some(words) = self.phones.ui(ui) {
            self.overlay.say(words, now);
        }
        self.overlay.toast_ui(ui, stage.inner);
        self.end(ui);
    }

    /// A camera that left the list can be neither selected nor focused.
    fn forget_the_gone(&mut self) {
        self.selected = self.selected.filter(|id| self.wall.index(*id).is_some());
        self.focused = self.focused.filter(|id| self.wall.index(*id).is_some());
    }

    /// While somebody types, letters are letters, and a panel in front has the keyboard for itself.
    fn keys_of_a_pass(&mut self, ui: &Ui) {
        if self.phones.is_open() {
            if ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Q)) {
                self.phones.toggle();
            }
        } else if !self.adding.is_open() {
            self.keys(ui);
            self.overlay.paste(ui, self.port.as_ref());
        }
    }

    fn keys(&mut self, ui: &Ui) {
        let focused = ui.memory(|memory| memory.focused());
        let is_tile = |id| self.wall.cameras().iter().any(|camera| tile_id(camera.id) == id);
        let button_focused = focused.is_some_and(|id| !is_tile(id));
        let wishes = ui.input_mut(|input| keys::take(input, button_focused));
        if wishes.iter().any(|wish| matches!(wish, KeyWish::Move(_))) {
            // egui moves its own focus by the same arrows, from wherever this pass puts it.
            ui.memory_mut(|memory| memory.move_focus(FocusDirection::None));
        }
        for wish in wishes {
            match wish {
                KeyWish::Refresh => self.port.send(Command::Refresh),
                KeyWish::Add => self.adding.open(),
                KeyWish::Phones => self.phones.toggle(),
                KeyWish::Fullscreen => toggle_fullscreen(ui),
                KeyWish::Move(direction) => self.step(ui, direction),
                KeyWish::Focus => self.toggle_selected(ui),
                KeyWish::Watchers => {
                    if let Some(id) = self.watched() {
                        self.overlay.toggle_watchers(id, true);
                    }
                }
                KeyWish::Back if self.close_overlay(ui) => {}
                KeyWish::Back if self.focused.is_some() => self.focused = None,
                KeyWish::Back if is_fullscreen(ui) => toggle_fullscreen(ui),
                KeyWish::Back => self.selected = None,
            }
        }
    }

    /// The selected camera, where it is one's own and somebody watches it.
    fn watched(&self) -> Option<CameraId> {
        let camera = self.wall.camera(self.focused.or(self.selected)?)?;
        camera.watchers.as_ref().filter(|watchers| !watchers.is_empty()).map(|_| camera.id)
    }

    /// Closes the list of who watches, if it is open; the keyboard goes back to its tile.
    fn close_overlay(&mut self, ui: &Ui) -> bool {
        let closed = self.overlay.close();
        if let Some(id) = closed {
            ui.memory_mut(|memory| memory.request_focus(tile_id(id)));
        }
        closed.is_some()
    }

    /// In the grid the selection moves as one sees it; in focus, to the next or previous camera.
    fn step(&mut self, ui: &Ui, direction: Direction) {
        let last = self.wall.cameras().len().saturating_sub(1);
        let current = self.selected.and_then(|id| self.wall.index(id));
        let target = match (current, self.focused.is_some(), direction) {
            (None, ..) => 0,
            (Some(index), true, Direction::Left | Direction::Up) => index.saturating_sub(1),
            (Some(index), true, Direction::Right | Direction::Down) => (index + 1).min(last),
            (Some(index), false, direction) => self.layout.neighbour(index, direction),
        };
        let Some(id) = self.wall.cameras().get(target).map(|camera| camera.id) else { return };
        self.select(ui, id);
        if self.focused.is_some() {
            self.focused = Some(id);
        }
    }

    fn select(&mut self, ui: &Ui, id: CameraId) {
        self.selected = Some(id);
        self.reveal = true;
        ui.memory_mut(|memory| memory.request_focus(tile_id(id)));
    }

    fn toggle_selected(&mut self, ui: &Ui) {
        let first = self.wall.cameras().first().map(|camera| camera.id);
        let Some(id) = self.selected.or(first) else { return };
        self.select(ui, id);
        self.focused = if self.focused == Some(id) { None } else { Some(id) };
    }

    fn header(&mut self, ui: &mut Ui) {
        let header = Header {
            cameras: self.wall.cameras(),
            only: &self.only,
            sidebar: self.store.settings.sidebar,
            fullscreen: is_fullscreen(ui),
        };
        match header.ui(ui) {
            Some(HeaderAct::Add) => self.adding.open(),
            Some(HeaderAct::Phones) => self.phones.toggle(),
            Some(HeaderAct::Refresh) => self.port.send(Command::Refresh),
            Some(HeaderAct::ToggleSidebar) => self.store.settings.sidebar ^= true,
            Some(HeaderAct::ToggleFullscreen) => toggle_fullscreen(ui),
            None => {}
        }
    }

    /// The list, unless it is closed, has nothing to list, or one camera has the stage.
    fn sidebar(&mut self, ui: &mut Ui) {
        let useful = self.focused.is_none() && !self.wall.cameras().is_empty();
        if !self.store.settings.sidebar || !useful || ui.available_width() < SIDEBAR_WINDOW_MIN {
            return;
        }
        let sidebar =
            Sidebar { wall: &mut self.wall, port: self.port.as_ref(), selected: self.selected };
        if let Some((id, act)) = sidebar.ui(ui) {
            self.act(ui, id, act);
        }
    }

    fn stage(&mut self, ui: &mut Ui, snapshot: &Snapshot) {
        if self.wall.cameras().is_empty() {
            let (finding, phones) = (self.port.finding(), &self.phones);
            Empty { only: &self.only, snapshot, finding: finding.as_ref(), phones }.ui(ui);
            return;
        }
        let focused = self.focused.and_then(|id| self.wall.index(id));
        let stage = Stage {
            wall: &mut self.wall,
            port: self.port.as_ref(),
            shade: &self.shade,
            selected: self.selected,
            tick: self.repaint.interval(),
            reveal: std::mem::take(&mut self.reveal),
        };
        let act = match focused {
            Some(index) => stage.focus(ui, index),
            None => {
                let (layout, act) = stage.grid(ui);
                self.layout = layout;
                act
            }
        };
        if let Some((id, act)) = act {
            self.act(ui, id, act);
        }
    }

    fn act(&mut self, ui: &Ui, id: CameraId, act: TileAct) {
        self.selected = Some(id);
        match act {
            TileAct::Select => {}
            TileAct::ToggleFocus => {
                self.focused = if self.focused == Some(id) { None } else { Some(id) };
            }
            TileAct::ToggleWatchers => self.overlay.toggle_watchers(id, false),
            TileAct::AskAgain => self.port.send(Command::Refresh),
            TileAct::Paste => self.overlay.ask_for_paste(ui),
        }
        ui.memory_mut(|memory| memory.request_focus(tile_id(id)));
        // What was clicked is painted in its new state only by the next pass.
        ui.ctx().request_repaint();
    }

    /// Tells what can be seen and asks for the next paint that time alone makes necessary.
    fn end(&mut self, ui: &Ui) {
        let wishes = self.wall.tell(self.port.as_ref());
        for change in [wishes, self.wall.changes_in()].into_iter().flatten() {
            ui.ctx().request_repaint_after(change);
        }
        let window = ui.input(|input| input.viewport().inner_rect);
        if let Some(size) = window.map(|rect| rect.size()).filter(|_| !is_fullscreen(ui)) {
            self.store.settings.window = [size.x.round(), size.y.round()];
        }
        if let Some(settled) = self.store.settle(Instant::now()) {
            ui.ctx().request_repaint_after(settled);
        }
        if self.timed {
            paint_time::measure(ui, &self.repaint, self.began.1);
        }
    }

    /// In place of a pass, while nobody sees the window: so it wants no pictures. egui's clock stands
    /// still meanwhile.
    fn hidden(&mut self, context: &Context) {
        self.phones.hide();
        let now = self.began.0 + self.began.1.elapsed().as_secs_f64();
        let (snapshot, order) = (self.port.snapshot(), &mut self.store.settings.order);
        self.wall.begin(&snapshot, order, !self.only.is_empty(), now);
        if let Some(later) = self.wall.tell(self.port.as_ref()) {
            context.request_repaint_after(later);
        }
    }
}

impl eframe::App for ViewerApp {
    fn logic(&mut self, context: &Context, _: &mut eframe::Frame) {
        // This may be all that comes of a paint that was asked for.
        self.repaint.begin();
        // While the window is hidden only this runs.
        if context.input(|input| input.viewport().visible()) == Some(false) {
            self.hidden(context);
        }
        if self.close.is_closing() {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut eframe::Frame) {
        self.video.free(frame.gl().map(AsRef::as_ref));
        self.show(ui);
    }

    fn on_exit(&mut self, gl: Option<&eframe::glow::Context>) {
        self.video.destroy(gl);
        self.repaint.detach();
        self.close.detach();
        self.store.save();
    }

    fn clear_color(&self, visuals: &Visuals) -> [f32; 4] {
        visuals.extreme_bg_color.to_normalized_gamma_f32()
    }
}

fn is_fullscreen(ui: &Ui) -> bool {
    ui.input(|input| input.viewport().fullscreen).unwrap_or(false)
}

fn toggle_fullscreen(ui: &Ui) {
    ui.ctx().send_viewport_cmd(ViewportCommand::Fullscreen(!is_fullscreen(ui)));
}
