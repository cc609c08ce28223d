//! The dialog that adds a camera which does not show up by itself: by its address, or by a search of
//! the network.

use std::net::{IpAddr, SocketAddr};

use eframe::egui::{Id, Key, Label, Modal, RichText, TextEdit, Ui, vec2};
use lanlens_model::{Command, ScanView, limits};

use crate::draw::{self, Weight};
use crate::port::UiPort;
use crate::theme::{self, Palette};

/// Width of the dialog, points.
const WIDTH: f32 = 380.0;

/// The dialog, open or not.
#[derive(Debug, Default)]
pub(crate) struct Adding {
    open: bool,
    /// Opened in this pass: the text is to be typed into.
    fresh: bool,
    text: String,
    said: Option<String>,
}

impl Adding {
    pub(crate) fn open(&mut self) {
        *self = Self { open: true, fresh: true, text: String::new(), said: None };
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Paints the dialog, if it is open, and does what was wished there.
    pub(crate) fn ui(&mut self, ui: &Ui, scan: Option<ScanView>, port: &dyn UiPort) {
        if !self.open {
            return;
        }
        let modal = Modal::new(Id::unique("add a camera")).frame(draw::card(ui).inner_margin(22));
        let response = modal.show(ui.ctx(), |ui| {
            ui.set_width(WIDTH.min(ui.ctx().content_rect().width() - 60.0));
            ui.spacing_mut().item_spacing.y = 8.0;
            ui.add(Label::new(RichText::new("Add a camera").font(theme::semibold(18.0))));
            explain(
                ui,
                "Cameras of this network appear by themselves. For one that does not, type its \
                 address, which its terminal shows.",
            );
            self.address(ui, port);
            ui.add_space(6.0);
            explain(ui, "Or look at every address of this network; that takes some seconds.");
            self.search(ui, scan, port);
        });
        self.fresh = false;
        if response.should_close() {
            self.open = false;
        }
    }

    fn address(&mut self, ui: &mut Ui, port: &dyn UiPort) {
        let palette = Palette::of(ui);
        ui.horizontal(|ui| {
            let words = "Connect";
            let width = draw::button_width(ui, words, Weight::Primary);
            let field = TextEdit::singleline(&mut self.text)
                .hint_text("192.168.1.20")
                .font(theme::regular(theme::BODY))
                .margin(vec2(10.0, 7.0))
                .desired_width(ui.available_width() - width - 30.0);
            let field = ui.add(field);
            if self.fresh {
                field.request_focus();
            }
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if draw::button(ui, Weight::Primary, words) || entered {
                self.connect(port);
            }
        });
        if let Some(said) = &self.said {
            let said = RichText::new(said).font(theme::regular(12.0)).color(palette.text_soft);
            ui.add(Label::new(said).wrap());
        }
    }

    fn connect(&mut self, port: &dyn UiPort) {
        self.said = Some(match address(&self.text) {
            Some(address) => {
                port.send(Command::AddPeer(address));
                self.text.clear();
                format!("Connecting to {address}. Its camera appears when it answers.")
            }
            None => "That is no address. Type it like 192.168.1.20 or 192.168.1.20:17470.".into(),
        });
    }

    fn search(&mut self, ui: &mut Ui, scan: Option<ScanView>, port: &dyn UiPort) {
        let palette = Palette::of(ui);
        let state = match scan {
            None => String::new(),
            Some(ScanView { over: false, done, total, .. }) => format!("{done} of {total} …"),
            Some(ScanView { open: 0, .. }) => "Nothing answered.".into(),
            Some(ScanView { open: 1, .. }) => "One address answered.".into(),
            Some(ScanView { open, .. }) => format!("{open} addresses answered."),
        };
        ui.horizontal(|ui| {
            if draw::button(ui, Weight::Quiet, "Search this network") {
                port.send(Command::Scan);
            }
            ui.add(Label::new(
                RichText::new(state).font(theme::regular(12.0)).color(palette.text_soft),
            ));
        });
    }
}

fn explain(ui: &mut Ui, text: &str) {
    let color = Palette::of(ui).text_soft;
    let text = RichText::new(text).font(theme::regular(theme::BODY)).color(color);
    ui.add(Label::new(text).wrap());
}

/// Where a camera listens: without a port, at the first one that cameras take.
pub(crate) fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok();
    let without = |ip: IpAddr| SocketAddr::new(ip, *limits::SIGNALING_PORTS.start());
    let address = bare.parse().ok().map(without).or_else(with_port)?;
    let dialable = !address.ip().is_unspecified() && !address.ip().is_multicast();
    (dialable && address.port() >= limits::PORT_MIN).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_port_and_a_name_is_none() {
        let read = |text: &str| address(text).map(|address| address.to_string());
        for (text, meant) in [
            ("192.168.1.20", "192.168.1.20:17470"),
            (" 192.168.1.20:17471 ", "192.168.1.20:17471"),
            ("fd77::1", "[fd77::1]:17470"),
            ("[fd77::1]", "[fd77::1]:17470"),
            ("[fd77::1]:17472", "[fd77::1]:17472"),
        ] {
            assert_eq!(read(text).as_deref(), Some(meant), "{text}");
        }
        for text in ["", "kitchen", "192.168.1", "0.0.0.0", "224.0.0.251", "10.0.0.1:22", "1:2:3"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
