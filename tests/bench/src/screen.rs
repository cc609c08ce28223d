//! What can be seen on a screen from outside, without the help of the programs that paint it.
//!
//! Owns a connection of its own to the X server: one that reads a row of pixels many hundred times a
//! second, and one that is told of everything that is painted.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lanlens_e2e::eventually;
use lanlens_testkit::burned::{self, Strip};
use lanlens_testkit::{Display, Picture, Program};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::damage::{ConnectionExt as _, ReportLevel};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat, Window};
use x11rb::rust_connection::RustConnection;

/// How long a picture may take to appear on the screen.
const APPEAR_LIMIT: Duration = Duration::from_secs(40);
/// Between two looks: twice as often as must be, since a look takes some time itself.
const LOOK: Duration = Duration::from_micros(700);
/// What is painted within this time is one repaint.
const REPAINT: Duration = Duration::from_millis(5);
/// Cells of a strip, guards included.
const CELLS: usize = 66;
/// Brightness from which a cell is white.
const WHITE: u8 = 128;
/// A reader drops values more than this far off.
const OFF_US_MAX: u64 = 10_000_000;

/// What a probe saw of one tile.
#[derive(Debug, Default)]
pub struct Seen {
    /// Ages of the pictures when they were first seen on the screen, ms.
    pub ages_ms: Vec<f64>,
    /// Looks a second.
    pub looks_per_s: f64,
}

/// Finds the one tile of the screen and reads the time in it, again and again, for `time`.
///
/// # Errors
/// When no tile appears, or the X server fails.
pub fn probe(
    display: &Display,
    program: &Program,
    settle: Duration,
    time: Duration,
) -> Result<Seen> {
    let appeared = eventually(APPEAR_LIMIT, || one_strip(display).is_ok());
    ensure!(appeared, program.failure("no picture with a time in it is on the screen"));
    std::thread::sleep(settle);
    let (x, y, width) = clear_row(display)?;
    let (connection, root) = connect(display)?;

    let (start, mut looks, mut last) = (Instant::now(), 0u32, 0);
    let mut seen = Seen::default();
    while start.elapsed() < time {
        let row = connection.get_image(ImageFormat::Z_PIXMAP, root, x, y, width, 1, !0)?.reply()?;
        let now_us = burned::now_us();
        looks += 1;
        // A row that is being painted just now may read as no time at all, or as a wrong one.
        let time_us = read_row(&row.data, now_us);
        if let Some(time_us) = time_us.filter(|time| *time > last) {
            if last > 0 {
                seen.ages_ms.push(now_us.saturating_sub(time_us) as f64 / 1000.0);
            }
            last = time_us;
        }
        std::thread::sleep(LOOK);
    }
    seen.looks_per_s = f64::from(looks) / start.elapsed().as_secs_f64();
    Ok(seen)
}

fn one_strip(display: &Display) -> Result<(Picture, Strip)> {
    let picture = display.screenshot()?;
    match burned::find(&picture, burned::now_us())[..] {
        [strip] => Ok((picture, strip)),
        ref strips => bail!("{} tiles are on the screen", strips.len()),
    }
}

/// Left edge, row and width of a line through the strip that nothing covers: a window may write on its
/// tiles. The middle of the most such rows in a run, away from all edges.
fn clear_row(display: &Display) -> Result<(i16, i16, u16)> {
    let (picture, strip) = one_strip(display)?;
    let (mut longest, mut run) = (0..0, 0..0);
    for y in strip.y..strip.y + strip.width * 9 / 16 / 12 {
        let row: Vec<u8> =
            (0..strip.width).flat_map(|x| [picture.luma(strip.x + x, y); 4]).collect();
        let clear = read_row(&row, strip.time_us) == Some(strip.time_us);
        run = if clear { (if run.is_empty() { y } else { run.start })..y + 1 } else { 0..0 };
        if run.len() > longest.len() {
            longest = run.clone();
        }
    }
    ensure!(!longest.is_empty(), "the window covers the time in its tile");
    let y = longest.start + longest.len() / 2;
    Ok((i16::try_from(strip.x)?, i16::try_from(y)?, u16::try_from(strip.width)?))
}

fn connect(display: &Display) -> Result<(RustConnection, Window)> {
    let (connection, screen) = RustConnection::connect(Some(display.name()))?;
    let root = connection.setup().roots.get(screen).context("no screen")?.root;
    Ok((connection, root))
}

/// The time in a row of pixels of 32 bits that begins and ends with the guards.
fn read_row(pixels: &[u8], now_us: u64) -> Option<u64> {
    let width = pixels.len() / 4;
    // The strip is grey: any channel does.
    let lit = |cell: usize| pixels[(2 * cell + 1) * width / (2 * CELLS) * 4 + 1] >= WHITE;
    if width < CELLS || !lit(0) || lit(CELLS - 1) {
        return None;
    }
    let time_us = (1..=64).fold(0, |bits, cell| bits << 1 | u64::from(lit(cell)));
    (time_us.abs_diff(now_us) <= OFF_US_MAX).then_some(time_us)
}

/// Is told of everything that is painted on a screen.
#[derive(Debug)]
pub struct Painted {
    connection: RustConnection,
}

impl Painted {
    /// Watches from now on.
    ///
    /// # Errors
    /// When the X server does not know the DAMAGE extension.
    pub fn on(display: &Display) -> Result<Self> {
        let (connection, root) = connect(display)?;
        connection.damage_query_version(1, 1)?.reply().context("the screen tells no damage")?;
        let damage = connection.generate_id()?;
        connection.damage_create(damage, root, ReportLevel::RAW_RECTANGLES)?.check()?;
        Ok(Self { connection })
    }

    /// How many repaints were seen since the last call, judged by the server's own clock.
    ///
    /// # Errors
    /// When the X server fails.
    pub fn repaints(&self) -> Result<usize> {
        // An answer comes after all that happened before the question.
        self.connection.get_input_focus()?.reply()?;
        let mut moments = BTreeSet::new();
        while let Some(event) = self.connection.poll_for_event()? {
            if let Event::DamageNotify(notify) = event {
                moments.insert(notify.timestamp);
            }
        }
        let gap = u32::try_from(REPAINT.as_millis())?;
        let mut last = None;
        let begins = |moment: &&u32| {
            let new = last.is_none_or(|last: u32| moment.wrapping_sub(last) > gap);
            last = Some(**moment);
            new
        };
        Ok(moments.iter().filter(begins).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_screen_reads_as_the_time_burned_into_it() {
        const NOW: u64 = 1_795_000_000_123_456;
        for width in [132, 640, 1280] {
            let lit = |x: usize| match x * CELLS / width {
                0 => true,
                65 => false,
                cell => NOW >> (64 - cell) & 1 == 1,
            };
            let pixels: Vec<u8> =
                (0..width).flat_map(|x| [if lit(x) { 235 } else { 20 }; 4]).collect();
            assert_eq!(read_row(&pixels, NOW + 20_000), Some(NOW));
            assert_eq!(read_row(&pixels, NOW + OFF_US_MAX + 1), None);
        }
        assert_eq!(read_row(&[0; 640 * 4], NOW), None);
        assert_eq!(read_row(&[], NOW), None);
    }
}
