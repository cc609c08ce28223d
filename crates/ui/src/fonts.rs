//! Fonts: Inter and Phosphor are shipped; names in other scripts are drawn with the system's fonts.
//!
//! egui asks a [`FontProvider`] when no installed font has a character. Only then are the system's
//! fonts listed (once), and the best face that has the glyph is loaded. A camera's name comes from
//! the network, so both the faces loaded and the characters searched for are bounded.
//!
//! egui shapes each run but has no bidirectional layout: Arabic and Hebrew letters are drawn in the
//! order of the text, left to right.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui::{Context, FontData, FontDefinitions, FontFamily};
use eframe::epaint::text::{
    FallbackRequest, FontInsert, FontPriority, FontProvider, InsertFontFamily,
};
use fontdb::{Database, FaceInfo, ID};
use skrifa::{FontRef, MetadataProvider};

use crate::theme;

/// System faces loaded in one run: each may be 20 MB.
const FACES_MAX: usize = 16;
/// Characters that no loaded face has and for which all faces are searched, in one run.
const SEARCHES_MAX: usize = 2048;
/// A font file larger than this is not loaded.
const FONT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Installs the shipped fonts and the search among `system`'s.
pub fn install_fonts(context: &Context, system: SystemFonts) {
    context.set_fonts(shipped());
    context.add_font_provider(Arc::new(system));
}

/// Inter in three weights and Phosphor, each with egui's own symbols behind it.
fn shipped() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let behind = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let inter = [
        (
            "Inter",
            FontFamily::Proportional,
            &include_bytes!("../assets/inter/Inter-Regular.otf")[..],
        ),
        ("Inter Medium", named(theme::MEDIUM), include_bytes!("../assets/inter/Inter-Medium.otf")),
        (
            "Inter SemiBold",
            named(theme::SEMIBOLD),
            include_bytes!("../assets/inter/Inter-SemiBold.otf"),
        ),
        ("Phosphor", named(theme::ICONS), include_bytes!("../assets/phosphor/Phosphor.ttf")),
    ];
    for (name, family, data) in inter {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(data)));
        let chain = std::iter::once(name.to_owned()).chain(behind.iter().cloned()).collect();
        fonts.families.insert(family, chain);
    }
    fonts
}

fn named(name: &str) -> FontFamily {
    FontFamily::Name(name.into())
}

/// The fonts of the system, searched when a name needs them.
#[derive(Debug)]
pub struct SystemFonts {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` until a character was missing.
    faces: Option<Database>,
    loaded: BTreeMap<ID, FontData>,
    searches: usize,
}

impl Default for SystemFonts {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemFonts {
    /// The fonts that the system lists; they are looked up on the first missing character.
    pub fn new() -> Self {
        Self { state: Mutex::new(State { faces: None, loaded: BTreeMap::new(), searches: 0 }) }
    }

    /// Only the fonts of this list.
    pub fn from_database(faces: Database) -> Self {
        let state = State { faces: Some(faces), loaded: BTreeMap::new(), searches: 0 };
        Self { state: Mutex::new(state) }
    }
}

impl FontProvider for SystemFonts {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        let wanted = request.cluster.chars().next()?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, data) = state.find(wanted)?;
        let lowest = |family| InsertFontFamily { family, priority: FontPriority::Lowest };
        Some(FontInsert::new(&name, data, vec![lowest(request.family.clone())]))
    }
}

impl State {
    /// A face with a glyph for `wanted`: one that is loaded already, else the best of the system.
    fn find(&mut self, wanted: char) -> Option<(String, FontData)> {
        let has = |data: &FontData| has_glyph(data.bytes(), data.index, wanted);
        if let Some((id, data)) = self.loaded.iter().find(|(_, data)| has(data)) {
            return Some((id.to_string(), data.clone()));
        }
        if self.loaded.len() >= FACES_MAX || self.searches >= SEARCHES_MAX {
            return None;
        }
        self.searches += 1;
        let faces = self.faces.get_or_insert_with(|| {
            let mut faces = Database::new();
            faces.load_system_fonts();
            tracing::debug!("{} font faces on this system", faces.len());
            faces
        });
        let mut ranked: Vec<&FaceInfo> = faces.faces().collect();
        let region = han_region();
        ranked.sort_by_cached_key(|face| rank(face, wanted, region));
        let id = ranked.into_iter().map(|face| face.id).find(|id| {
            faces.with_face_data(*id, |data, index| has_glyph(data, index, wanted)).unwrap_or(false)
        })?;
        let data = faces.with_face_data(id, |data, index| {
            let fits = data.len() <= FONT_BYTES_MAX;
            fits.then(|| FontData { index, ..FontData::from_owned(data.to_vec()) })
        })??;
        tracing::debug!("font face {id} loaded for {wanted:?}");
        self.loaded.insert(id, data.clone());
        Some((id.to_string(), data))
    }
}

fn has_glyph(data: &[u8], index: u32, wanted: char) -> bool {
    FontRef::from_index(data, index).is_ok_and(|font| font.charmap().map(wanted).is_some())
}

/// The smaller, the better: an upright sans of ordinary weight and width; for Han characters, which
/// look different in each country, the variant of this computer's language.
fn rank(face: &FaceInfo, wanted: char, region: &str) -> (bool, bool, bool, bool, u16, String) {
    let family = face.families.first().map(|(name, _)| name.as_str()).unwrap_or_default();
    let slanted = face.style != fontdb::Style::Normal;
    let decorated =
        ["Serif", "Mono", "Symbol", "Emoji", "Color"].iter().any(|w| family.contains(w));
    let foreign = is_han(wanted) && !family.ends_with(region);
    let weight = face.weight.0.abs_diff(400);
    let not_sans = !family.contains("Sans") && !family.contains("Gothic");
    (slanted, face.monospaced || decorated, foreign, not_sans, weight, family.to_owned())
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// How the names of pan-CJK fonts end for this computer's language.
fn han_region() -> &'static str {
    let language = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_default();
    match language.get(..5).unwrap_or(&language) {
        "zh_TW" => "TC",
        "zh_HK" => "HK",
        other if other.starts_with("ko") => "KR",
        other if other.starts_with("zh") => "SC",
        _ => "JP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_in_use_is_in_the_shipped_font() {
        let fonts = shipped();
        let data = &fonts.font_data["Phosphor"];
        let icons = include_str!("icons.rs");
        let mut seen = 0;
        for code in icons.split("\\u{").skip(1).filter_map(|rest| rest.split('}').next()) {
            let icon = char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
            assert!(has_glyph(data.bytes(), 0, icon), "U+{code}");
            seen += 1;
        }
        assert!(seen >= 10);
    }

    #[test]
    fn a_character_that_no_font_has_is_given_up_without_loading_anything() {
        let fonts = SystemFonts::from_database(Database::new());
        let mut state = fonts.state.lock().unwrap();
        assert!(state.find('거').is_none());
        assert!(state.loaded.is_empty());
    }

    #[test]
    fn hostile_names_cannot_search_for_ever() {
        let fonts = SystemFonts::from_database(Database::new());
        let mut state = fonts.state.lock().unwrap();
        for code in 0x1_0000..0x1_0000 + 2 * SEARCHES_MAX as u32 {
            state.find(char::from_u32(code).unwrap());
        }
        assert_eq!(state.searches, SEARCHES_MAX);
    }
}
