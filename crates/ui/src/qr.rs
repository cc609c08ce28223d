//! A QR code as a picture that cameras read: dark squares on a white plate, each a whole number of
//! pixels wide, with the light around it that readers need.

use eframe::egui::accesskit::Role;
use eframe::egui::{Color32, Mesh, Pos2, Rect, Response, Sense, Shape, Ui, Vec2, WidgetInfo};
use qrcode::{Color, QrCode};

/// Modules of light around the code (ISO/IEC 18004 section 6.3.8).
const QUIET: usize = 4;
/// Corner of the plate, points. It stays within the light around the code.
const RADIUS: u8 = 12;

/// The code of one text; made again only when the text changes.
#[derive(Default)]
pub(crate) struct Qr {
    text: String,
    code: Option<QrCode>,
}

impl Qr {
    /// The code says this from now on.
    pub(crate) fn set(&mut self, text: &str) {
        if self.text != text {
            self.text = text.to_owned();
            self.code = QrCode::new(text).ok();
        }
    }

    /// Paints the code in a square of at most `side` points; smaller where its modules would not
    /// meet the pixels otherwise. `None` where the text fits into no code.
    pub(crate) fn ui(&self, ui: &mut Ui, side: f32) -> Option<Response> {
        let code = self.code.as_ref()?;
        let across = code.width() + 2 * QUIET;
        let pixel = 1.0 / ui.pixels_per_point();
        let module = (side / pixel / across as f32).floor().max(1.0) * pixel;
        let size = Vec2::splat(module * across as f32);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        let corner = (rect.min.to_vec2() / pixel).round() * pixel;
        let plate = Rect::from_min_size(corner.to_pos2(), size);
        ui.painter().rect_filled(plate, RADIUS, Color32::WHITE);
        ui.painter().add(modules(code, plate.min, module));
        response.widget_info(|| {
            WidgetInfo::labeled(Role::Image, true, format!("QR code of {}", self.text))
        });
        Some(response)
    }
}

/// The dark modules. A mesh, because shapes get soft edges.
fn modules(code: &QrCode, plate: Pos2, module: f32) -> Shape {
    let mut mesh = Mesh::default();
    let at = |x: usize, y: usize| plate + Vec2::new(x as f32, y as f32) * module;
    for y in 0..code.width() {
        let dark = |x: &usize| code[(*x, y)] == Color::Dark;
        let mut x = 0;
        while let Some(start) = (x..code.width()).find(dark) {
            let end = (start..code.width()).find(|x| !dark(x)).unwrap_or(code.width());
            let run =
                Rect::from_min_max(at(QUIET + start, QUIET + y), at(QUIET + end, QUIET + y + 1));
            mesh.add_colored_rect(run, Color32::BLACK);
            x = end;
        }
    }
    mesh.into()
}
