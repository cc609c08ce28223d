//! What the panel "Add a phone" looks like: the code, the way in three steps, and what helps when the
//! page does not open.

use std::net::{IpAddr, SocketAddr};

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Align2, Id, Label, Modal, Rect, RichText, ScrollArea, Sense, Stroke, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};
use lanlens_model::{NetworkKind, PhoneDoor, PhoneLink, PhoneView};

use crate::draw::{self, Weight};
use crate::icons;
use crate::qr::Qr;
use crate::theme::{self, BUTTON_RADIUS, Palette};

/// Side of the code, points: ten centimetres on most screens, which phones read from a metre.
const CODE_MAX: f32 = 440.0;
/// Width of the words beside it, points.
const WORDS: f32 = 330.0;
/// Between the code and the words, points.
const GAP: f32 = 26.0;
/// Around all of it, points.
const MARGIN: f32 = 22.0;
/// Left of the window around the panel, points.
const OUTSIDE: f32 = 10.0;
/// Height of the lines below the code, points.
const BELOW: f32 = 92.0;
/// Width of the words below a code that is smaller, points.
const NARROW: f32 = 320.0;
/// Narrower windows show the words below the code, points.
const WIDE: f32 = 760.0;
/// Height of the title with what is below it, points.
const TITLE: f32 = 42.0;
/// Height of an address to choose, points.
const ROW: f32 = 40.0;

const STEPS: [(&str, &str); 3] = [
    ("Scan the code", "with the phone's camera, in the same Wi-Fi as this computer."),
    (
        "Pass the warning",
        "It comes once, because this computer vouches for the page itself. Android: Advanced, \
         Proceed. iPhone: Show Details, visit this website.",
    ),
    ("Tap Start", "and allow the camera. The picture appears here."),
];

/// What somebody wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PanelAct {
    Close,
    Choose(IpAddr),
    Copy,
}

/// The panel for one pass.
pub(crate) struct Panel<'a> {
    /// `None` where this program has no way in.
    pub(crate) door: Option<&'a PhoneDoor>,
    /// The link in the code.
    pub(crate) link: Option<&'a PhoneLink>,
    pub(crate) qr: &'a Qr,
    /// Opened in this pass.
    pub(crate) fresh: bool,
}

impl Panel<'_> {
    pub(crate) fn ui(&self, ui: &Ui) -> Option<PanelAct> {
        let frame = draw::card(ui).inner_margin(MARGIN);
        let modal = Modal::new(Id::unique("add a phone")).frame(frame);
        let room = ui.ctx().content_rect().size() - Vec2::splat(2.0 * (MARGIN + OUTSIDE));
        let response = modal.show(ui.ctx(), |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            let mut act = None;
            // As high as what is in it, up to the window: the area by itself would stay as it began.
            let scroll = ScrollArea::vertical().max_height(room.y).min_scrolled_height(room.y);
            scroll.show(ui, |ui| match room.x >= WIDE && self.link.is_some() {
                true => {
                    let code = CODE_MAX.min(room.x - WORDS - GAP).min(room.y - BELOW);
                    ui.horizontal_top(|ui| {
                        ui.vertical(|ui| {
                            self.code(ui, code, &mut act);
                            self.fingerprint(ui, code);
                        });
                        ui.add_space(GAP - ui.spacing().item_spacing.x);
                        ui.vertical(|ui| {
                            ui.set_width(WORDS);
                            self.title(ui, &mut act);
                            self.words(ui, &mut act);
                        });
                    });
                }
                false => {
                    let code = CODE_MAX.min(room.x).min(room.y - TITLE);
                    ui.set_width(code.max(NARROW).min(room.x));
                    self.title(ui, &mut act);
                    self.code(ui, code, &mut act);
                    ui.add_space(8.0);
                    self.words(ui, &mut act);
                    self.fingerprint(ui, ui.available_width());
                }
            });
            act
        });
        if response.should_close() { Some(PanelAct::Close) } else { response.inner }
    }

    fn title(&self, ui: &mut Ui, act: &mut Option<PanelAct>) {
        let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
        let palette = Palette::of(ui);
        let button = Align2::RIGHT_CENTER.anchor_size(row.right_center(), Vec2::splat(26.0));
        let at = (row.left_center(), Align2::LEFT_CENTER);
        let width = button.left() - 8.0 - row.left();
        let font = theme::semibold(18.0);
        let shown = draw::text(ui.painter(), at, "Add a phone", font, palette.text, width);
        let heading = ui.interact(shown, Id::unique("phones title"), Sense::hover());
        heading.widget_info(|| WidgetInfo::labeled(Role::Heading, true, "Add a phone"));
        let close = ui.interact(button, Id::unique("phones close"), Sense::click());
        close.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Close"));
        if self.fresh {
            close.request_focus();
        }
        let hot = close.hovered() || close.has_focus();
        let color = if hot { palette.text } else { palette.text_faint };
        draw::icon(ui.painter(), button, icons::X, 15.0, color);
        draw::focus_ring(ui, button, &close);
        if close.clicked() {
            *act = Some(PanelAct::Close);
        }
        ui.add_space(4.0);
    }

    /// The code with its link, or why there is none.
    fn code(&self, ui: &mut Ui, side: f32, act: &mut Option<PanelAct>) {
        let palette = Palette::of(ui);
        let Some(link) = self.link else { return self.why_not(ui) };
        let Some(code) = self.qr.ui(ui, side) else { return };
        ui.scope(|ui| {
            ui.set_max_width(code.rect.width());
            ui.add_space(6.0);
            let url = RichText::new(&link.url).monospace().color(palette.text);
            ui.add(Label::new(url).wrap().selectable(true));
            ui.add_space(4.0);
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 12.0;
                if draw::button(ui, Weight::Quiet, "Copy link") {
                    *act = Some(PanelAct::Copy);
                }
                let term =
                    "Good for one phone within five minutes. Then a new one comes by itself.";
                draw::paragraph(ui, term, theme::STATS, palette.text_faint);
            });
        });
    }

    fn why_not(&self, ui: &mut Ui) {
        let palette = Palette::of(ui);
        let words = match self.door {
            None => {
                "This viewer serves no page for phones: it was started with --web off. Start it \
                 without that, or scan the code that a camera shows."
            }
            Some(PhoneDoor { trouble: Some(trouble), .. }) => trouble,
            // Nothing has been read yet.
            Some(door) if door.fingerprint.is_empty() => "One moment.",
            Some(_) => {
                "This computer has no network now. The code appears as soon as it has an address."
            }
        };
        ui.horizontal_top(|ui| {
            let (sign, _) = ui.allocate_exact_size(Vec2::splat(20.0), Sense::hover());
            draw::icon(ui.painter(), sign, icons::WARNING, 18.0, palette.warning);
            draw::paragraph(ui, words, theme::BODY, palette.text);
        });
    }

    /// All that is read: the steps, the addresses, who is there, what helps.
    fn words(&self, ui: &mut Ui, act: &mut Option<PanelAct>) {
        let Some(door) = self.door else { return };
        if let Some(link) = self.link {
            for (number, (title, text)) in (1..).zip(STEPS) {
                draw::step(ui, number, title, text);
            }
            if door.links.len() > 1 {
                heading(ui, "Address in the code");
                for other in &door.links {
                    if row(ui, other, other.ip == link.ip) {
                        *act = Some(PanelAct::Choose(other.ip));
                    }
                }
            }
        }
        if !door.phones.is_empty() {
            heading(ui, "Joined through this computer");
            door.phones.iter().for_each(|phone| phone_row(ui, phone));
        }
        if let Some(link) = self.link {
            heading(ui, "The page does not open?");
            hints(link, door.links.len()).iter().for_each(|hint| bullet(ui, hint));
        }
    }

    /// For whoever wants to compare it with what the phone shows.
    fn fingerprint(&self, ui: &mut Ui, width: f32) {
        let Some(door) = self.door.filter(|door| !door.fingerprint.is_empty()) else { return };
        ui.scope(|ui| {
            ui.set_max_width(width);
            heading(ui, "Fingerprint of the certificate (SHA-256)");
            let pairs: Vec<&str> = door.fingerprint.split(':').collect();
            let lines: Vec<String> = pairs.chunks(16).map(|line| line.join(":")).collect();
            let text = RichText::new(lines.join("\n")).monospace().size(10.5);
            ui.add(Label::new(text.color(Palette::of(ui).text_faint)).wrap().selectable(true));
        });
    }
}

/// What to try, the most likely first.
fn hints(link: &PhoneLink, links: usize) -> Vec<String> {
    let mut hints = vec![
        "Is the phone in the same Wi-Fi? A guest network keeps it apart.".to_owned(),
        "Turn off mobile data for a moment, and VPN or private relay on the phone.".to_owned(),
        "Routers call it client or AP isolation: off, or devices cannot see each other.".to_owned(),
    ];
    if let Some(port) = port(link) {
        hints.push(format!("Let TCP port {port} through this computer's firewall."));
    }
    if links > 1 {
        hints.push("Choose another address above.".to_owned());
    }
    hints.push("If an app opened the page inside itself: open it in Safari or Chrome.".to_owned());
    hints
}

/// The port in a link's address.
fn port(link: &PhoneLink) -> Option<u16> {
    let host = link.url.strip_prefix("https://")?.split(['/', '#']).next()?;
    host.parse().map(|address: SocketAddr| address.port()).ok()
}

fn heading(ui: &mut Ui, words: &str) {
    ui.add_space(6.0);
    ui.add(Label::new(RichText::new(words).font(theme::medium(theme::BODY))));
}

fn bullet(ui: &mut Ui, words: &str) {
    let palette = Palette::of(ui);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(8.0, 15.0), Sense::hover());
        ui.painter().circle_filled(rect.left_center() + vec2(2.0, 0.5), 2.0, palette.text_faint);
        ui.spacing_mut().item_spacing.x = 2.0;
        draw::paragraph(ui, words, 12.0, palette.text_soft);
    });
}

/// One address to choose; whether it was.
fn row(ui: &mut Ui, link: &PhoneLink, chosen: bool) -> bool {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let (leads, warns) = (link.network.words(), link.network != NetworkKind::Local);
    let address = link.ip.to_string();
    let about = format!("{}  ·  {leads}", link.interface);
    response.widget_info(|| {
        let label = format!("{address}, {}, {leads}", link.interface);
        WidgetInfo::selected(Role::RadioButton, true, chosen, label)
    });
    let painter = ui.painter();
    let fill = match (chosen, response.hovered()) {
        (true, _) => palette.accent_soft,
        (false, true) => palette.card_hover,
        (false, false) => palette.card,
    };
    painter.rect_filled(rect, BUTTON_RADIUS, fill);
    let knob = pos2(rect.left() + 18.0, rect.center().y);
    let ring = if chosen { palette.accent } else { palette.text_faint };
    painter.circle_stroke(knob, 6.5, Stroke::new(1.5, ring));
    if chosen {
        painter.circle_filled(knob, 3.5, palette.accent);
    }
    let left = rect.left() + 36.0;
    let width = rect.right() - 10.0 - left;
    let at = (pos2(left, rect.center().y), Align2::LEFT_BOTTOM);
    draw::text(painter, at, &address, theme::medium(theme::BODY), palette.text, width);
    let mut at = pos2(left, rect.center().y + 2.0);
    if warns {
        draw::dot(painter, pos2(left + 3.5, at.y + 7.5), palette.warning);
        at.x += 13.0;
    }
    let (at, font) = ((at, Align2::LEFT_TOP), theme::regular(theme::STATS));
    draw::text(painter, at, &about, font, palette.text_faint, width - 13.0);
    draw::focus_ring(ui, rect, &response);
    response.clicked()
}

fn phone_row(ui: &mut Ui, phone: &PhoneView) {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
    let name = if phone.name.trim().is_empty() { "A phone" } else { &phone.name };
    let mut about = match phone.viewers {
        0 => "nobody watches".to_owned(),
        1 => "1 watches".to_owned(),
        n => format!("{n} watch"),
    };
    if let Some(percent) = phone.battery_percent {
        about.push_str(&format!("  ·  battery {percent} %"));
    }
    response.widget_info(|| {
        let label = format!("{name}, {}", about.replace("  ·  ", ", "));
        WidgetInfo::labeled(Role::Label, true, label)
    });
    let painter = ui.painter();
    let icon = Rect::from_center_size(pos2(rect.left() + 9.0, rect.center().y), Vec2::splat(18.0));
    draw::icon(painter, icon, icons::DEVICE_MOBILE, 16.0, palette.text_soft);
    let at = (rect.right_center(), Align2::RIGHT_CENTER);
    let font = theme::regular(theme::STATS);
    let width = rect.width() * 0.6;
    let shown = draw::text(painter, at, &about, font, palette.text_faint, width);
    let at = (pos2(icon.right() + 8.0, rect.center().y), Align2::LEFT_CENTER);
    let width = shown.left() - 8.0 - at.0.x;
    draw::text(painter, at, name, theme::regular(theme::BODY), palette.text, width);
}
