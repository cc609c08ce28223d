//! Opens the window and returns when it is closed.

use std::pin::pin;
use std::task::{Poll, Waker};

use eframe::egui::{IconData, Vec2, ViewportBuilder};
use eframe::{NativeOptions, egui_wgpu::wgpu};
use thiserror::Error;

use crate::app::ViewerApp;
use crate::fonts::SystemFonts;
use crate::pacer::{CloseHandle, RepaintHandle};
use crate::port::{Renderer, UiPort, ViewerOptions};
use crate::store::Store;
use crate::video::VideoPainter;

/// Why no window appeared.
#[derive(Debug, Error)]
pub enum RunError {
    /// Nothing to open a window on.
    #[error("there is no display to open a window on; `lanlens watch` needs none")]
    NoDisplay,
    /// There is a display, but no way to paint on it.
    #[error("the window could not be opened: {0}")]
    Window(String),
}

/// Opens the viewer's window and blocks until it is closed, by its user or through `close`. Must be
/// called on the main thread. Returning is the sign to shut the node down.
///
/// # Errors
/// When no window can be opened, for instance without a display.
pub fn run(
    title: &str,
    options: ViewerOptions,
    port: impl UiPort + 'static,
    repaint: RepaintHandle,
    close: CloseHandle,
) -> Result<(), RunError> {
    let software = !has_graphics_processor();
    let renderer = match (Renderer::from_env().unwrap_or(options.renderer), software) {
        (Renderer::Glow, _) | (Renderer::Auto, true) => eframe::Renderer::Glow,
        (Renderer::Wgpu, _) | (Renderer::Auto, false) => eframe::Renderer::Wgpu,
    };
    tracing::debug!("painting with {renderer:?}, software {software}");
    let store = Store::open(options.home.as_deref());
    let native = NativeOptions {
        renderer,
        viewport: ViewportBuilder::default()
            .with_app_id("lanlens-viewer")
            .with_inner_size(Vec2::from(store.settings.window))
            .with_min_inner_size([360.0, 260.0])
            .with_fullscreen(options.fullscreen)
            .with_icon(icon()),
        // It smooths gradients at the price of a noise function for every pixel of every layer.
        dithering: !software,
        // Names in other scripts are found by our own, bounded search.
        system_font_fallback: false,
        ..NativeOptions::default()
    };
    let handles = (repaint.clone(), close.clone());
    let result = eframe::run_native(
        title,
        native,
        Box::new(move |creation| {
            let context = &creation.egui_ctx;
            repaint.attach(context, software);
            close.attach(context);
            let (fonts, port) = (SystemFonts::new(), Box::new(port));
            let app = ViewerApp::with_store(context, &options, store, fonts, port, handles);
            let timed = software && creation.gl.is_some();
            Ok(Box::new(app.painting_with(VideoPainter::new(creation, software)).timed(timed)))
        }),
    );
    result.map_err(|error| match error {
        eframe::Error::WinitEventLoop(reason) => {
            tracing::debug!("no event loop: {reason}");
            RunError::NoDisplay
        }
        other => RunError::Window(other.to_string()),
    })
}

/// Whether anything but the processor can paint. A machine without any adapter counts as without.
fn has_graphics_processor() -> bool {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let mut adapters = pin!(instance.enumerate_adapters(wgpu::Backends::all()));
    // On the desktop the list is ready at the first poll.
    match adapters.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(adapters) => {
            adapters.iter().any(|adapter| adapter.get_info().device_type != wgpu::DeviceType::Cpu)
        }
        Poll::Pending => false,
    }
}

/// The window's icon: the header's logo, drawn into pixels.
fn icon() -> IconData {
    const SIDE: usize = 64;
    let mut rgba = Vec::with_capacity(SIDE * SIDE * 4);
    for index in 0..SIDE * SIDE {
        let (x, y) = ((index % SIDE) as f32 + 0.5, (index / SIDE) as f32 + 0.5);
        let plate = coverage(x, y, [2.0, 2.0, 62.0, 62.0], 16.0);
        let body = coverage(x, y, [13.0, 20.0, 41.0, 44.0], 6.0);
        let lens = if (44.0..52.0).contains(&x) && (y - 32.0).abs() < 3.0 + (x - 44.0) * 0.8 {
            1.0
        } else {
            0.0
        };
        let white = body.max(lens);
        let mix = |blue: f32| (blue + (255.0 - blue) * white) as u8;
        rgba.extend([mix(88.0), mix(148.0), mix(255.0), (plate * 255.0) as u8]);
    }
    IconData { rgba, width: SIDE as u32, height: SIDE as u32 }
}

/// How much of a pixel a rounded rectangle (left, top, right, bottom) covers, 0 to 1.
fn coverage(x: f32, y: f32, [left, top, right, bottom]: [f32; 4], radius: f32) -> f32 {
    let dx = (left + radius - x).max(x - (right - radius)).max(0.0);
    let dy = (top + radius - y).max(y - (bottom - radius)).max(0.0);
    (radius - dx.hypot(dy) + 0.5).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icon_is_a_white_camera_on_a_blue_plate_with_round_corners() {
        let icon = icon();
        let pixel = |x: usize, y: usize| &icon.rgba[(y * 64 + x) * 4..][..4];
        assert_eq!(pixel(0, 0)[3], 0);
        assert_eq!(pixel(32, 8), [88, 148, 255, 255]);
        assert_eq!(pixel(27, 32), [255; 4]);
    }
}
