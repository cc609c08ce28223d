//! Colours, font sizes and radii: the one place where the look is written down.
//!
//! Status colours appear only on dots and badges. Text over video is always light, in both themes.

use eframe::egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Stroke, Style, TextStyle, Theme, Ui, Vec2,
    Visuals, vec2,
};

/// Colours of one theme.
#[derive(Debug)]
pub(crate) struct Palette {
    pub(crate) background: Color32,
    pub(crate) panel: Color32,
    pub(crate) card: Color32,
    pub(crate) card_hover: Color32,
    pub(crate) line: Color32,
    pub(crate) text: Color32,
    pub(crate) text_soft: Color32,
    pub(crate) text_faint: Color32,
    pub(crate) accent: Color32,
    pub(crate) accent_soft: Color32,
    /// Behind white words: the one button that is meant to be pressed.
    pub(crate) accent_strong: Color32,
    pub(crate) accent_strong_hover: Color32,
    pub(crate) ok: Color32,
    pub(crate) warning: Color32,
    pub(crate) error: Color32,
    pub(crate) tile_border: Color32,
}

static DARK: Palette = Palette {
    background: Color32::from_rgb(0x0A, 0x0C, 0x0F),
    panel: Color32::from_rgb(0x11, 0x14, 0x19),
    card: Color32::from_rgb(0x19, 0x1D, 0x24),
    card_hover: Color32::from_rgb(0x1F, 0x24, 0x2D),
    line: Color32::from_rgb(0x21, 0x26, 0x2F),
    text: Color32::from_rgb(0xEC, 0xEF, 0xF4),
    text_soft: Color32::from_rgb(0xA6, 0xAF, 0xBD),
    text_faint: Color32::from_rgb(0x6C, 0x76, 0x86),
    accent: Color32::from_rgb(0x58, 0x94, 0xFF),
    accent_soft: Color32::from_rgb(0x19, 0x23, 0x38),
    accent_strong: Color32::from_rgb(0x2C, 0x66, 0xDA),
    accent_strong_hover: Color32::from_rgb(0x3A, 0x74, 0xE8),
    ok: Color32::from_rgb(0x34, 0xD3, 0x99),
    warning: Color32::from_rgb(0xFB, 0xBF, 0x24),
    error: Color32::from_rgb(0xF8, 0x5C, 0x5C),
    tile_border: Color32::from_rgba_premultiplied(13, 13, 13, 13),
};

static LIGHT: Palette = Palette {
    background: Color32::from_rgb(0xEE, 0xF0, 0xF4),
    panel: Color32::from_rgb(0xFB, 0xFC, 0xFD),
    card: Color32::from_rgb(0xE3, 0xE7, 0xED),
    card_hover: Color32::from_rgb(0xD8, 0xDD, 0xE5),
    line: Color32::from_rgb(0xD7, 0xDC, 0xE4),
    text: Color32::from_rgb(0x14, 0x18, 0x1F),
    text_soft: Color32::from_rgb(0x46, 0x4F, 0x5D),
    text_faint: Color32::from_rgb(0x6A, 0x74, 0x84),
    accent: Color32::from_rgb(0x25, 0x63, 0xEB),
    accent_soft: Color32::from_rgb(0xDC, 0xE7, 0xFD),
    accent_strong: Color32::from_rgb(0x25, 0x63, 0xEB),
    accent_strong_hover: Color32::from_rgb(0x1D, 0x54, 0xCF),
    ok: Color32::from_rgb(0x0E, 0x9F, 0x6E),
    warning: Color32::from_rgb(0xC2, 0x7A, 0x03),
    error: Color32::from_rgb(0xDC, 0x26, 0x26),
    tile_border: Color32::from_rgba_premultiplied(0, 0, 0, 20),
};

impl Palette {
    /// The colours of the theme that a `Ui` paints in.
    pub(crate) fn of(ui: &Ui) -> &'static Palette {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }
}

/// Text over a picture.
pub(crate) const OVER_PICTURE: Color32 = Color32::from_rgb(0xF7, 0xF8, 0xFA);
/// Smaller text over a picture.
pub(crate) const OVER_PICTURE_SOFT: Color32 = Color32::from_rgb(0xD5, 0xD9, 0xE0);
/// Behind badges and buttons over a picture.
pub(crate) const OVER_PICTURE_PLATE: Color32 = Color32::from_rgba_premultiplied(7, 8, 10, 175);
/// Dots over a picture keep the dark theme's colours, where they can be seen.
pub(crate) fn over_picture() -> &'static Palette {
    &DARK
}

/// Corner of a tile.
pub(crate) const TILE_RADIUS: u8 = 9;
/// Corner of a card that floats over the stage.
pub(crate) const CARD_RADIUS: u8 = 10;
/// Corner of a button, a badge or a row.
pub(crate) const BUTTON_RADIUS: u8 = 7;
/// Between tiles.
pub(crate) const GAP: f32 = 9.0;
/// Around the grid.
pub(crate) const MARGIN: f32 = 10.0;

/// Statistics.
pub(crate) const STATS: f32 = 11.5;
/// Everything else that is read.
pub(crate) const BODY: f32 = 13.0;

/// The family of medium weight, for names in lists.
pub(crate) const MEDIUM: &str = "medium";
/// The family of semibold weight, for headlines and names on tiles.
pub(crate) const SEMIBOLD: &str = "semibold";
/// The family of icons.
pub(crate) const ICONS: &str = "icons";

/// Inter Regular.
pub(crate) fn regular(size: f32) -> FontId {
    FontId::proportional(size)
}

/// Inter Medium.
pub(crate) fn medium(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(MEDIUM.into()))
}

/// Inter SemiBold.
pub(crate) fn semibold(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(SEMIBOLD.into()))
}

/// Phosphor.
pub(crate) fn icon(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(ICONS.into()))
}

/// Sets both themes' styles; which one is used follows the system, dark where it doesn't say.
pub(crate) fn install(context: &Context) {
    context.options_mut(|options| options.fallback_theme = Theme::Dark);
    context.set_style_of(Theme::Dark, style(&DARK, Visuals::dark()));
    context.set_style_of(Theme::Light, style(&LIGHT, Visuals::light()));
}

fn style(palette: &Palette, mut visuals: Visuals) -> Style {
    visuals.panel_fill = palette.panel;
    visuals.window_fill = palette.card;
    visuals.window_stroke = Stroke::new(1.0, palette.line);
    visuals.extreme_bg_color = palette.background;
    visuals.override_text_color = Some(palette.text);
    visuals.hyperlink_color = palette.accent;
    visuals.selection.bg_fill = palette.accent;
    visuals.window_corner_radius = CornerRadius::same(10);
    visuals.menu_corner_radius = CornerRadius::same(10);
    let widgets = &mut visuals.widgets;
    for state in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        state.corner_radius = CornerRadius::same(BUTTON_RADIUS);
        state.bg_stroke = Stroke::NONE;
        state.expansion = 0.0;
        state.fg_stroke = Stroke::new(1.0, palette.text);
    }
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, palette.line);
    let mut style = Style { visuals, ..Style::default() };
    style.text_styles = [
        (TextStyle::Small, regular(STATS)),
        (TextStyle::Body, regular(BODY)),
        (TextStyle::Button, medium(BODY)),
        (TextStyle::Heading, semibold(20.0)),
        (TextStyle::Monospace, FontId::monospace(12.0)),
    ]
    .into();
    style.spacing.item_spacing = vec2(8.0, 6.0);
    style.spacing.interact_size = Vec2::new(32.0, 30.0);
    // Text is painted, not selected with the mouse: a drag over the window must not mark words.
    style.interaction.selectable_labels = false;
    style
}
