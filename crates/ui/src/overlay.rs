//! What floats over the stage: requests to watch, the list of who watches, a sentence at the bottom.
//!
//! Owns these three, turns what was decided into commands, and says what was done.

use eframe::egui::{Event, Id, LayerId, Order, Rect, Ui, UiBuilder, ViewportCommand};
use lanlens_model::{CameraId, CameraView, Command, Snapshot, is_on_local_network};

use crate::adding;
use crate::paste::{self, BrokenLink};
use crate::port::UiPort;
use crate::requests::Requests;
use crate::toast::Toast;
use crate::watchers::Watchers;
use crate::words;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    requests: Requests,
    watchers: Watchers,
    toast: Toast,
    asked_for_paste: bool,
}

impl Overlay {
    /// Takes the links and addresses that were pasted in this pass. Other text is left alone, unless a button asked
    /// for it.
    pub(crate) fn paste(&mut self, ui: &Ui, port: &dyn UiPort) {
        let (now, pasted) = ui.input(|input| {
            let pasted = input.events.iter().filter_map(|event| match event {
                Event::Paste(text) => Some(text.clone()),
                _ => None,
            });
            (input.time, pasted.collect::<Vec<_>>())
        });
        for text in pasted {
            let asked = std::mem::take(&mut self.asked_for_paste);
            // Elsewhere than here only what is typed is dialed.
            if let Some(address) =
                adding::address(&text).filter(|address| is_on_local_network(address.ip(), &[]))
            {
                port.send(Command::AddPeer(address));
                self.toast.say(format!("Connecting to {address}."), now);
                continue;
            }
            match paste::read(&text) {
                Some(Ok(invitation)) => {
                    port.send(Command::Join(invitation));
                    self.toast
                        .say("Invitation accepted: the cameras that it is for open now.", now);
                }
                Some(Err(BrokenLink)) => self.toast.say(
                    "This link is not whole. Copy all of the invitation and paste it again.",
                    now,
                ),
                None if asked => self.toast.say("What was copied is not an invitation.", now),
                None => {}
            }
        }
    }

    /// Asks the system for what was copied; it arrives with a later pass.
    pub(crate) fn ask_for_paste(&mut self, ui: &Ui) {
        self.asked_for_paste = true;
        ui.ctx().send_viewport_cmd(ViewportCommand::RequestPaste);
    }

    /// Opens or closes the list of who watches a camera.
    pub(crate) fn toggle_watchers(&mut self, camera: CameraId, keyboard: bool) {
        self.watchers.toggle(camera, keyboard);
    }

    /// Closes the list of who watches; which camera's it was.
    pub(crate) fn close(&mut self) -> Option<CameraId> {
        let camera = self.watchers.camera()?;
        self.watchers.close();
        Some(camera)
    }

    /// Paints everything over `area`. `camera` finds a camera that has a tile.
    pub(crate) fn ui<'a>(
        &mut self,
        ui: &mut Ui,
        area: Rect,
        snapshot: &Snapshot,
        camera: impl FnOnce(CameraId) -> Option<&'a CameraView>,
        port: &dyn UiPort,
    ) {
        let now = ui.input(|input| input.time);
        self.requests.begin(&snapshot.requests, now);
        if let Some(decision) = self.requests.ui(ui, area) {
            let name = words::quoted(&decision.name);
            let done = if decision.allow { "was allowed" } else { "was refused" };
            self.toast.say(format!("{name} {done}."), now);
            port.send(decision.command());
        }
        if let Some(open) = self.watchers.camera()
            && let Some(decision) = self.watchers.ui(ui, area, camera(open), snapshot.own)
        {
            let name = words::quoted(&decision.name);
            self.toast.say(format!("{name} was removed and can no longer watch."), now);
            port.send(decision.command());
        }
    }

    /// Says something at the bottom.
    pub(crate) fn say(&mut self, words: impl Into<String>, now: f64) {
        self.toast.say(words, now);
    }

    /// Paints what is said at the bottom of `area`, over everything else: a dialog dims the rest.
    pub(crate) fn toast_ui(&mut self, ui: &mut Ui, area: Rect) {
        let above = LayerId::new(Order::Tooltip, Id::unique("toast layer"));
        ui.scope_builder(UiBuilder::new().layer_id(above), |ui| self.toast.ui(ui, area));
    }
}
