//! The screen shows what programs draw, and its windows can be closed politely.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use lanlens_testkit::{Display, Launch, skip};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ConnectionExt, CreateWindowAux, EventMask, PropMode, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

#[test]
fn a_window_is_seen_on_the_screenshot_and_is_asked_to_close() -> Result<()> {
    if Command::new("Xvfb").arg("-version").output().is_err() {
        return skip("needs Xvfb (package xvfb)");
    }
    let display = Display::start(320, 200)?;
    let shown = display.show(Launch::here("sh")).args(["-c", "echo \"\\\"$DISPLAY\\\"\""]);
    let program = shown.finish(Duration::from_secs(5))?;
    let name = program.events()[0].as_str().map(str::to_owned);

    let (window_side, screen) = RustConnection::connect(name.as_deref())?;
    let root = window_side.setup().roots[screen].root;
    let window = window_side.generate_id()?;
    let aux = CreateWindowAux::new().background_pixel(0x20_40_80).event_mask(EventMask::EXPOSURE);
    let class = WindowClass::INPUT_OUTPUT;
    window_side.create_window(24, window, root, 10, 20, 100, 50, 0, class, 0, &aux)?;
    let atom = |name: &str| -> Result<u32> {
        Ok(window_side.intern_atom(false, name.as_bytes())?.reply()?.atom)
    };
    let (protocols, delete) = (atom("WM_PROTOCOLS")?, atom("WM_DELETE_WINDOW")?);
    let mode = PropMode::REPLACE;
    window_side.change_property32(mode, window, protocols, AtomEnum::ATOM, &[delete])?;
    window_side.map_window(window)?.check()?;
    while !matches!(window_side.wait_for_event()?, Event::Expose(_)) {}

    let picture = display.screenshot()?;
    assert_eq!(picture.pixel(11, 21), [0x20, 0x40, 0x80]);
    assert_eq!(picture.pixel(9, 21), [0, 0, 0]);

    display.wait_window()?;
    display.close_window()?;
    let asked = loop {
        if let Event::ClientMessage(message) = window_side.wait_for_event()? {
            break message.data.as_data32()[0];
        }
    };
    assert_eq!(asked, delete);
    Ok(())
}
