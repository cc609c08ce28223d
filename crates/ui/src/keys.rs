//! What the keyboard asks for. The footer names these keys, and no others.

use eframe::egui::{InputState, Key, Modifiers};

use crate::grid::Direction;

/// A wish typed on the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyWish {
    Move(Direction),
    /// Enter: focus the selected tile, or back to the grid.
    Focus,
    /// Escape: back to the grid, out of fullscreen.
    Back,
    /// F5: browse and redial now.
    Refresh,
    /// F11.
    Fullscreen,
    /// A: add a camera by its address, or search for it.
    Add,
    /// Q: the code for phones.
    Phones,
    /// W: who watches the selected camera.
    Watchers,
}

/// Takes the keys out of the input. Enter and the arrows belong to a button while one is focused
/// (`button_focused`), so that the window can be used with Tab alone.
pub(crate) fn take(input: &mut InputState, button_focused: bool) -> Vec<KeyWish> {
    let always = [
        (Key::Escape, KeyWish::Back),
        (Key::F5, KeyWish::Refresh),
        (Key::F11, KeyWish::Fullscreen),
        (Key::W, KeyWish::Watchers),
        (Key::A, KeyWish::Add),
        (Key::Q, KeyWish::Phones),
    ];
    let tiles = [
        (Key::Enter, KeyWish::Focus),
        (Key::ArrowLeft, KeyWish::Move(Direction::Left)),
        (Key::ArrowRight, KeyWish::Move(Direction::Right)),
        (Key::ArrowUp, KeyWish::Move(Direction::Up)),
        (Key::ArrowDown, KeyWish::Move(Direction::Down)),
    ];
    let tiles = tiles.into_iter().filter(|_| !button_focused);
    always
        .into_iter()
        .chain(tiles)
        .filter(|(key, _)| input.consume_key(Modifiers::NONE, *key))
        .map(|(_, wish)| wish)
        .collect()
}
