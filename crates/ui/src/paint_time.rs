//! How long a paint takes where the processor rasterises OpenGL.
//!
//! Nothing tells an app: most of the work is done when the picture is handed over, after all of its
//! code has run. So the last thing painted is a callback that waits for all before it; the waiting
//! would be done a moment later anyhow.

#![allow(unsafe_code, reason = "every call into OpenGL is unsafe")]

use std::sync::Arc;
use std::time::Instant;

use eframe::egui::{Id, LayerId, Order, PaintCallback, Rect, Ui, vec2};
use eframe::egui_glow::CallbackFn;
use eframe::glow::HasContext as _;

use crate::pacer::RepaintHandle;

/// Tells the pacer how long this pass took, from `begun` until all of it is painted.
pub(crate) fn measure(ui: &Ui, repaint: &RepaintHandle, begun: Instant) {
    let repaint = repaint.clone();
    let done = CallbackFn::new(move |_, painter| {
        // SAFETY: called back by egui's painter, whose context is current.
        unsafe { painter.gl().finish() };
        repaint.took(begun.elapsed());
    });
    let above_all = ui.ctx().layer_painter(LayerId::new(Order::Debug, Id::unique("paint time")));
    // A callback without an area is not called.
    let rect = Rect::from_min_size(ui.ctx().content_rect().min, vec2(1.0, 1.0));
    above_all.add(PaintCallback { rect, callback: Arc::new(done) });
}
