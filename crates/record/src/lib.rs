//! Pictures on disk: PNG stills ([`write_png`]) and contact sheets ([`grid`]).
//!
//! Owns how files are written: a file appears whole or not at all, also when the computer stops in
//! between. Knows nothing of cameras, sessions or where a user wants files to be.

mod grid;
mod image;
mod png_file;

pub use grid::grid;
pub use image::{RgbaImage, RgbaImageError};
pub use png_file::{SaveError, write_png, write_rgba_png};
