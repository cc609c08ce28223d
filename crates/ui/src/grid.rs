//! Where the tiles lie: pure arithmetic, no painting.
//!
//! Every column count is tried; the one that shows the largest total picture area wins. All cells
//! have the aspect of the median picture, the last row is centred, and where cells would become too
//! small to see anything the grid grows downwards instead and is scrolled.

use eframe::egui::{Rect, Vec2, pos2, vec2};

/// Cells are not made narrower than this, points; the grid is scrolled instead.
pub(crate) const CELL_WIDTH_MIN: f32 = 160.0;
/// What a camera is taken for before its first picture.
pub(crate) const ASPECT_DEFAULT: f32 = 16.0 / 9.0;
/// Pictures narrower or wider than these are laid out as if they were these.
const ASPECT_RANGE: std::ops::RangeInclusive<f32> = 0.4..=3.0;

/// A direction to move the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Left,
    Right,
    Up,
    Down,
}

/// The cells of a grid.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct GridLayout {
    /// Cells in a full row; 0 without tiles.
    pub(crate) columns: usize,
    /// One rectangle for each tile, in order.
    pub(crate) cells: Vec<Rect>,
    /// Height that is needed, points; more than the area's where the grid is to be scrolled.
    pub(crate) height: f32,
}

impl GridLayout {
    /// Lays out tiles of these aspects (width over height) in an area, `gap` points between them.
    pub(crate) fn new(area: Rect, aspects: &[f32], gap: f32) -> Self {
        let count = aspects.len();
        if count == 0 {
            return Self { columns: 0, cells: Vec::new(), height: area.height() };
        }
        let cell_aspect = median(aspects);
        let mut best = (1, Vec2::ZERO, f32::NEG_INFINITY);
        for columns in 1..=count {
            let rows = count.div_ceil(columns);
            let cell = cell_size(area.size(), columns, rows, cell_aspect, gap);
            let shown: f32 = aspects.iter().map(|aspect| picture_area(cell, *aspect)).sum();
            if shown > best.2 {
                best = (columns, cell, shown);
            }
        }
        let (mut columns, mut cell, _) = best;
        if cell.x < CELL_WIDTH_MIN {
            columns = (((area.width() + gap) / (CELL_WIDTH_MIN + gap)) as usize).clamp(1, count);
            let width = (area.width() - gap * (columns - 1) as f32) / columns as f32;
            cell = vec2(width.max(1.0), width.max(1.0) / cell_aspect);
        }
        place(area, count, columns, cell, gap)
    }

    /// The tile next to `index` in a direction; itself at an edge.
    pub(crate) fn neighbour(&self, index: usize, direction: Direction) -> usize {
        let Some(from) = self.cells.get(index) else { return 0 };
        let last = self.cells.len() - 1;
        match direction {
            Direction::Left => index.saturating_sub(1),
            Direction::Right => (index + 1).min(last),
            Direction::Up | Direction::Down => {
                let row = index / self.columns;
                let target =
                    if direction == Direction::Up { row.checked_sub(1) } else { Some(row + 1) };
                let Some(start) = target.map(|row| row * self.columns) else { return index };
                let nearest = (start..(start + self.columns).min(last + 1)).min_by(|a, b| {
                    let distance = |i: &usize| (self.cells[*i].center().x - from.center().x).abs();
                    distance(a).total_cmp(&distance(b))
                });
                nearest.unwrap_or(index)
            }
        }
    }
}

/// The largest cell of this aspect that lets `columns` × `rows` of them into `area`.
fn cell_size(area: Vec2, columns: usize, rows: usize, aspect: f32, gap: f32) -> Vec2 {
    let width = (area.x - gap * (columns - 1) as f32) / columns as f32;
    let height = (area.y - gap * (rows - 1) as f32) / rows as f32;
    let width = width.min(height * aspect).max(0.0);
    vec2(width, width / aspect)
}

/// The area that a picture covers when it is shown whole in a cell.
fn picture_area(cell: Vec2, aspect: f32) -> f32 {
    let shown = contained(cell, aspect);
    shown.x * shown.y
}

/// The largest size of this aspect inside `outer`.
pub(crate) fn contained(outer: Vec2, aspect: f32) -> Vec2 {
    let width = outer.x.min(outer.y * aspect);
    vec2(width, width / aspect)
}

/// The median of some aspects, kept inside what can be laid out; of an even number the lower one,
/// so that the cells have the shape of a picture that is really there.
fn median(aspects: &[f32]) -> f32 {
    let mut sorted: Vec<f32> = aspects.iter().copied().filter(|a| a.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let middle = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(ASPECT_DEFAULT);
    middle.clamp(*ASPECT_RANGE.start(), *ASPECT_RANGE.end())
}

fn place(area: Rect, count: usize, columns: usize, cell: Vec2, gap: f32) -> GridLayout {
    let rows = count.div_ceil(columns);
    let extent =
        |cells: usize, size: f32| cells as f32 * size + (cells.saturating_sub(1)) as f32 * gap;
    let height = extent(rows, cell.y);
    let top = area.top() + ((area.height() - height) / 2.0).max(0.0);
    let cells = (0..count)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let in_row = if row + 1 == rows { count - row * columns } else { columns };
            let left = area.center().x - extent(in_row, cell.x) / 2.0;
            let min =
                pos2(left + column as f32 * (cell.x + gap), top + row as f32 * (cell.y + gap));
            Rect::from_min_size(min, cell)
        })
        .collect();
    GridLayout { columns, cells, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: f32 = 16.0 / 9.0;

    fn area(width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(0.0, 0.0), vec2(width, height))
    }

    fn grid(width: f32, height: f32, count: usize) -> GridLayout {
        GridLayout::new(area(width, height), &vec![WIDE; count], 8.0)
    }

    #[test]
    fn no_camera_no_cell() {
        assert_eq!(grid(800.0, 600.0, 0).cells, Vec::new());
    }

    #[test]
    fn one_camera_fills_the_width_and_is_centred() {
        let layout = grid(1600.0, 1000.0, 1);
        assert_eq!(layout.cells[0].width(), 1600.0);
        assert_eq!(layout.cells[0].center(), pos2(800.0, 500.0));
    }

    #[test]
    fn the_column_count_follows_the_window() {
        for (width, height, count, columns) in [
            (1160.0, 790.0, 2, 1),
            (1600.0, 600.0, 2, 2),
            (1160.0, 790.0, 4, 2),
            (1160.0, 790.0, 6, 2),
            (1600.0, 790.0, 6, 3),
            (1160.0, 790.0, 9, 3),
            (400.0, 1200.0, 4, 1),
            (3000.0, 400.0, 5, 5),
        ] {
            assert_eq!(grid(width, height, count).columns, columns, "{count} in {width}×{height}");
        }
    }

    #[test]
    fn no_other_column_count_shows_more() {
        let size = vec2(1234.0, 777.0);
        for count in 1..=64 {
            let layout =
                GridLayout::new(Rect::from_min_size(pos2(0.0, 0.0), size), &vec![WIDE; count], 8.0);
            let chosen = layout.cells[0].area();
            if layout.cells[0].width() < CELL_WIDTH_MIN + 1.0 {
                continue;
            }
            for columns in 1..=count {
                let other = cell_size(size, columns, count.div_ceil(columns), WIDE, 8.0);
                assert!(other.x * other.y <= chosen + 0.5, "{count} cameras, {columns} columns");
            }
        }
    }

    #[test]
    fn cells_stay_inside_and_never_overlap() {
        for count in 1..=30 {
            let outer = area(1300.0, 900.0);
            let layout = GridLayout::new(outer, &vec![WIDE; count], 8.0);
            for (i, cell) in layout.cells.iter().enumerate() {
                assert!(outer.expand(0.01).contains_rect(*cell));
                assert!(layout.cells[..i].iter().all(|other| !other.intersects(*cell)));
            }
        }
    }

    #[test]
    fn the_last_row_is_centred() {
        let layout = grid(1160.0, 790.0, 5);
        let last: Vec<_> =
            layout.cells[layout.cells.len() / layout.columns * layout.columns..].to_vec();
        assert_eq!((layout.columns, last.len()), (2, 1));
        assert!((last[0].center().x - 580.0).abs() < 0.01);
    }

    #[test]
    fn cells_take_the_shape_of_the_median_picture() {
        let aspects = [WIDE, WIDE, 9.0 / 16.0];
        let layout = GridLayout::new(area(1160.0, 790.0), &aspects, 8.0);
        assert!((layout.cells[0].aspect_ratio() - WIDE).abs() < 0.001);
        let phones = [9.0 / 16.0, 9.0 / 16.0, WIDE];
        let layout = GridLayout::new(area(1160.0, 790.0), &phones, 8.0);
        assert!((layout.cells[0].aspect_ratio() - 9.0 / 16.0).abs() < 0.001);
        assert_eq!(layout.columns, 3);
    }

    #[test]
    fn two_hundred_cameras_are_scrolled_instead_of_shrunk_to_dots() {
        let layout = grid(1000.0, 600.0, 200);
        assert!(layout.cells[0].width() >= CELL_WIDTH_MIN);
        assert!(layout.height > 600.0);
        assert_eq!(layout.cells[0].top(), 0.0);
    }

    #[test]
    fn absurd_shapes_and_areas_are_survived() {
        for aspects in [vec![f32::NAN], vec![0.0, f32::INFINITY], vec![1000.0; 3]] {
            for (width, height) in [(0.0, 0.0), (1.0, 5000.0), (-5.0, -5.0)] {
                let layout = GridLayout::new(area(width, height), &aspects, 8.0);
                assert_eq!(layout.cells.len(), aspects.len());
                assert!(
                    layout.cells.iter().all(|c| c.width().is_finite() && c.height().is_finite())
                );
            }
        }
    }

    #[test]
    fn arrows_move_to_the_cell_that_one_sees_there() {
        let layout = grid(1160.0, 790.0, 5); // 2 + 2 + 1 centred
        assert_eq!(layout.neighbour(0, Direction::Right), 1);
        assert_eq!(layout.neighbour(0, Direction::Left), 0);
        assert_eq!(layout.neighbour(0, Direction::Up), 0);
        assert_eq!(layout.neighbour(1, Direction::Down), 3);
        assert_eq!(layout.neighbour(3, Direction::Down), 4);
        assert_eq!(layout.neighbour(4, Direction::Down), 4);
        assert_eq!(layout.neighbour(4, Direction::Right), 4);
        assert_eq!(layout.neighbour(99, Direction::Up), 0);
    }
}
