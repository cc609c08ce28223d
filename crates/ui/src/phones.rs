//! The way in for phones as the window holds it: open only while its code can be seen, the address
//! that was chosen, and who has come since.
//!
//! A link is worth something as long as somebody shows it, so what the port gave is dropped with the
//! last pass that paints the code. What that looks like is `phones_panel`'s and `empty`'s.

use std::net::IpAddr;
use std::sync::Arc;

use eframe::egui::Ui;
use lanlens_model::{CameraId, PhoneDoor, PhoneLink};

use crate::phones_panel::{Panel, PanelAct};
use crate::port::{OpenDoor, UiPort};
use crate::qr::Qr;
use crate::words;

/// Said when a link was copied.
const COPIED: &str = "The link was copied. It is good for one phone.";

/// The panel, open or not, and the way in behind it.
#[derive(Default)]
pub(crate) struct Phones {
    open: bool,
    /// Opened in this pass: the keyboard goes on inside.
    fresh: bool,
    held: Option<Box<dyn OpenDoor>>,
    /// As it is in this pass.
    door: Option<Arc<PhoneDoor>>,
    /// Who was there in the last pass; `None` where there was none.
    known: Option<Vec<CameraId>>,
    /// The address that was chosen, where it is not the first.
    chosen: Option<IpAddr>,
    qr: Qr,
}

impl Phones {
    /// Opens the panel, or closes it.
    pub(crate) fn toggle(&mut self) {
        self.open ^= true;
        self.fresh = self.open;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Reads the way in, if its code is shown: by the panel, or in a window that is `empty`. Returns
    /// what is to be said about who has come.
    pub(crate) fn begin(&mut self, empty: bool, port: &dyn UiPort) -> Option<String> {
        if !self.open && !empty {
            self.hide();
            return None;
        }
        if self.held.is_none() {
            self.held = port.open_phone_door();
        }
        self.door = self.held.as_ref().map(|held| held.door());
        if let Some(link) = self.link() {
            let url = link.url.clone();
            self.qr.set(&url);
        }
        let phones = self.door.as_ref().map(|door| &door.phones)?;
        let joined = self.known.as_ref().and_then(|known| {
            let new = |camera: &CameraId| !known.contains(camera);
            phones.iter().find(|phone| new(&phone.camera)).map(|phone| match phone.name.trim() {
                "" => "A phone has joined.".to_owned(),
                name => format!("{} has joined.", words::quoted(name)),
            })
        });
        self.known = Some(phones.iter().map(|phone| phone.camera).collect());
        joined
    }

    /// Nobody sees the code any more.
    pub(crate) fn hide(&mut self) {
        (self.held, self.door, self.known) = (None, None, None);
    }

    /// Whether there is a code to show.
    pub(crate) fn has_code(&self) -> bool {
        self.link().is_some()
    }

    /// The link in the code.
    pub(crate) fn link(&self) -> Option<&PhoneLink> {
        let links = &self.door.as_ref()?.links;
        links.iter().find(|link| Some(link.ip) == self.chosen).or(links.first())
    }

    pub(crate) fn qr(&self) -> &Qr {
        &self.qr
    }

    /// Paints the panel, if it is open, and does what was wished there. Returns what is to be said.
    pub(crate) fn ui(&mut self, ui: &Ui) -> Option<&'static str> {
        if !self.open {
            return None;
        }
        let (door, link) = (self.door.as_deref(), self.link());
        let panel = Panel { door, link, qr: &self.qr, fresh: self.fresh };
        let act = panel.ui(ui);
        let url = self.link().map(|link| link.url.clone());
        self.fresh = false;
        match act? {
            PanelAct::Close => self.open = false,
            PanelAct::Choose(ip) => {
                self.chosen = Some(ip);
                // The code was painted before the choice was.
                ui.ctx().request_repaint();
            }
            PanelAct::Copy => {
                ui.ctx().copy_text(url?);
                return Some(COPIED);
            }
        }
        None
    }
}
