//! Slim banners between header and stage: who claimed this home's cameras, and what is wrong.

use std::sync::Arc;
use std::time::Duration;

use eframe::egui::accesskit::{Live, Role};
use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{
    Color32, FontId, Frame, Galley, Id, Margin, Panel, Rect, ScrollArea, Sense, Ui, WidgetInfo,
    pos2, vec2,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lanlens_model::{ClaimNews, Snapshot};

use crate::draw::{self, Weight};
use crate::theme::{self, Palette};
use crate::words;

/// Above and below the words of a banner, points.
const PADDING: f32 = 10.0;
/// Left and right, points.
const SIDE: f32 = 16.0;
/// The button, points.
const BUTTON: eframe::egui::Vec2 = vec2(52.0, 28.0);
/// Banners leave at least this part of the window to the cameras; then they are scrolled.
const SHARE_MAX: f32 = 0.4;
/// A dismissal without effect shows the news again after this time, seconds.
const LAG: f64 = 5.0;

/// All banners.
#[derive(Debug, Default)]
pub(crate) struct Banners {
    /// What was dismissed here, and when on egui's clock.
    dismissed: Option<(ClaimNews, f64)>,
}

/// One of them, laid out.
struct Banner {
    galley: Arc<Galley>,
    spoken: String,
    dot: Color32,
    button: bool,
}

impl Banner {
    fn height(&self) -> f32 {
        let least = if self.button { BUTTON.y } else { 0.0 };
        self.galley.size().y.max(least) + 2.0 * PADDING
    }
}

impl Banners {
    /// Paints the banners, if any. Whether the news was dismissed.
    pub(crate) fn ui(&mut self, ui: &mut Ui, snapshot: &Snapshot) -> bool {
        let now = ui.input(|input| input.time);
        let news = snapshot.news.as_ref();
        self.dismissed.take_if(|(seen, at)| Some(&*seen) != news || now - *at >= LAG);
        if let Some((_, at)) = &self.dismissed {
            let again = Duration::from_secs_f64((at + LAG - now).clamp(0.0, LAG));
            ui.ctx().request_repaint_after(again);
        }
        let news = news.filter(|_| self.dismissed.is_none());
        let width = ui.available_width() - 2.0 * SIDE - 18.0;
        let banners: Vec<Banner> = news
            .map(|news| news_banner(ui, news, width))
            .into_iter()
            .chain(snapshot.warnings.iter().map(|text| warning_banner(ui, text, width)))
            .collect();
        if banners.is_empty() {
            return false;
        }
        let height: f32 = banners.iter().map(Banner::height).sum();
        let shown = height.min(ui.available_height() * SHARE_MAX);
        let frame = Frame::new().fill(Palette::of(ui).card).inner_margin(Margin::ZERO);
        let panel = Panel::top("banners").exact_size(shown).frame(frame);
        let mut pressed = false;
        panel.show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                for (index, banner) in banners.iter().enumerate() {
                    pressed |= banner_ui(ui, index, banner);
                }
            });
        });
        if pressed && let Some(news) = news {
            self.dismissed = Some((news.clone(), now));
            ui.ctx().request_repaint();
        }
        pressed
    }
}

fn news_banner(ui: &Ui, news: &ClaimNews, width: f32) -> Banner {
    let palette = Palette::of(ui);
    let at = when(news.at_s, TimeZone::system());
    let said = format!(
        "{} became the owner of this computer's cameras, on {at}.",
        words::quoted(&news.name)
    );
    let mut job = LayoutJob::default();
    let body = TextFormat::simple(theme::medium(theme::BODY), palette.text);
    let soft = TextFormat::simple(theme::regular(theme::BODY), palette.text_soft);
    let mut code = TextFormat::simple(FontId::monospace(12.5), palette.text);
    code.background = palette.line;
    job.append(&said, 0.0, body);
    job.append("  Not you? Run ", 0.0, soft);
    let command = format!("lanlens trust revoke {}", words::short_id(news.device));
    // On one line, so that it is typed as one.
    job.append(&format!("\u{a0}{}\u{a0}", command.replace(' ', "\u{a0}")), 0.0, code);
    job.wrap.max_width = width - BUTTON.x - 12.0;
    let spoken = format!("{said} Not you? Run {command}");
    Banner { galley: ui.painter().layout_job(job), spoken, dot: palette.accent, button: true }
}

fn warning_banner(ui: &Ui, text: &str, width: f32) -> Banner {
    let palette = Palette::of(ui);
    let format = TextFormat::simple(theme::regular(theme::BODY), palette.text);
    let mut job = LayoutJob::single_section(text.to_owned(), format);
    job.wrap.max_width = width;
    let (galley, spoken) = (ui.painter().layout_job(job), format!("Warning: {text}"));
    Banner { galley, spoken, dot: palette.warning, button: false }
}

/// Whether its button was pressed.
fn banner_ui(ui: &mut Ui, index: usize, banner: &Banner) -> bool {
    let palette = Palette::of(ui);
    let size = vec2(ui.available_width(), banner.height());
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &banner.spoken));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
    let painter = ui.painter();
    if index > 0 {
        let stroke = eframe::egui::Stroke::new(1.0, palette.line);
        painter.hline(rect.x_range(), rect.top(), stroke);
    }
    let left = rect.left() + SIDE;
    let text = pos2(left + 18.0, rect.center().y - banner.galley.size().y / 2.0);
    // Beside the first line, however many there are.
    let line = banner.galley.rows.first().map_or(16.0, |row| row.size.y);
    draw::dot(painter, pos2(left + 4.0, text.y + line / 2.0), banner.dot);
    painter.galley(text, Arc::clone(&banner.galley), palette.text);
    if !banner.button {
        return false;
    }
    let button =
        Rect::from_center_size(pos2(rect.right() - SIDE - BUTTON.x / 2.0, rect.center().y), BUTTON);
    let response = ui.interact(button, Id::unique("dismiss news"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "OK, I know the new owner"));
    draw::paint_button(ui, button, &response, Weight::Quiet, "OK");
    response.clicked()
}

/// "21 Nov 10:03", from seconds since 1970.
fn when(at_s: u64, zone: TimeZone) -> String {
    let at = i64::try_from(at_s).ok().and_then(|at_s| Timestamp::from_second(at_s).ok());
    at.map_or_else(
        || "an unknown day".to_owned(),
        |at| at.to_zoned(zone).strftime("%-d %b %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use jiff::tz;

    use super::*;

    #[test]
    fn the_time_of_a_claim_is_local() {
        let at_s = 1_795_255_380; // 2026-11-21 10:03 UTC
        assert_eq!(when(at_s, TimeZone::UTC), "21 Nov 10:03");
        assert_eq!(when(at_s, TimeZone::fixed(tz::offset(9))), "21 Nov 19:03");
        assert_eq!(when(u64::MAX, TimeZone::UTC), "an unknown day");
        assert_eq!(when(i64::MAX as u64, TimeZone::UTC), "an unknown day");
    }
}
