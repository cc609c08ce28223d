//! Chroma planes of other subsamplings brought to the half size of I420.

/// A plane as it was delivered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaneIn<'a> {
    /// Rows of `stride` bytes; the last may end after `width`.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Values in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Writes `plane` into `out` (`width`×`height`, packed): copied where sizes agree, else each value
/// is the mean of a box of the plane. A box past the edge repeats the last row or column. Where
/// `plane` is the smaller one, values are repeated.
pub(crate) fn shrink_into(plane: PlaneIn<'_>, out: &mut [u8], width: usize, height: usize) {
    if plane.width == 0 || plane.height == 0 || width == 0 {
        return;
    }
    let step_x = plane.width.div_ceil(width);
    let step_y = plane.height.div_ceil(height.max(1));
    for (y, row) in out.chunks_exact_mut(width).take(height).enumerate() {
        if step_x == 1 && step_y == 1 && plane.width == width {
            copy_row(plane.row(y), row);
        } else if step_x == 1 && step_y == 2 && plane.width == width {
            mean_rows(plane.row(2 * y), plane.row(2 * y + 1), row);
        } else {
            mean_boxes(plane, y, (step_x, step_y), row);
        }
    }
}

impl<'a> PlaneIn<'a> {
    /// One row; the last one again past the end, an empty one past the data.
    fn row(&self, y: usize) -> &'a [u8] {
        let start = y.min(self.height - 1) * self.stride;
        self.data.get(start..start + self.width).unwrap_or_default()
    }
}

fn copy_row(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

fn mean_rows(above: &[u8], below: &[u8], out: &mut [u8]) {
    for ((out, a), b) in out.iter_mut().zip(above).zip(below) {
        *out = mean(*a, *b);
    }
}

fn mean_boxes(plane: PlaneIn<'_>, y: usize, (step_x, step_y): (usize, usize), out: &mut [u8]) {
    for (x, out) in out.iter_mut().enumerate() {
        let (mut sum, mut count) = (0_usize, 0_usize);
        for dy in 0..step_y {
            let row = plane.row(y * step_y + dy);
            for dx in 0..step_x {
                let at = (x * step_x + dx).min(plane.width - 1);
                if let Some(value) = row.get(at) {
                    sum += usize::from(*value);
                    count += 1;
                }
            }
        }
        if let Some(mean) = (sum + count / 2).checked_div(count) {
            *out = u8::try_from(mean).unwrap_or(u8::MAX);
        }
    }
}

/// The mean of two values, rounded up as SIMD averages do.
fn mean(a: u8, b: u8) -> u8 {
    u8::midpoint(a, b) + ((a ^ b) & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrink(data: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
        let plane = PlaneIn { data, stride: from.0, width: from.0, height: from.1 };
        let mut out = vec![0; to.0 * to.1];
        shrink_into(plane, &mut out, to.0, to.1);
        out
    }

    #[test]
    fn means_are_exact_at_the_ends() {
        assert_eq!(mean(255, 255), 255);
        assert_eq!(mean(254, 255), 255);
        assert_eq!(mean(0, 1), 1);
        assert_eq!(mean(10, 20), 15);
    }

    #[test]
    fn a_plane_of_the_right_size_is_copied() {
        assert_eq!(shrink(&[1, 2, 3, 4], (2, 2), (2, 2)), [1, 2, 3, 4]);
    }

    #[test]
    fn rows_columns_and_boxes_are_averaged() {
        assert_eq!(shrink(&[10, 20, 30, 40], (2, 2), (2, 1)), [20, 30]);
        assert_eq!(shrink(&[10, 20, 30, 40], (2, 2), (1, 2)), [15, 35]);
        assert_eq!(shrink(&[10, 20, 30, 40], (2, 2), (1, 1)), [25]);
    }

    #[test]
    fn the_edge_of_an_odd_plane_counts_for_itself() {
        let nine = [10, 10, 90, 10, 10, 90, 50, 50, 70];
        assert_eq!(shrink(&nine, (3, 3), (2, 2)), [10, 90, 50, 70]);
    }

    #[test]
    fn short_data_changes_nothing_and_does_not_panic() {
        assert_eq!(shrink(&[1], (2, 2), (1, 1)), [0]);
        assert_eq!(shrink(&[], (0, 0), (1, 1)), [0]);
    }
}
