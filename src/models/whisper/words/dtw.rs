//! Dynamic time warping: the cheapest monotone path through a matrix of costs.

use ndarray::ArrayView2;

/// How a cell of the path was reached.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Move {
    /// From the row before and the column before.
    Diagonal,
    /// From the row before.
    Row,
    /// From the column before.
    Column,
}

/// The column where the cheapest path from the first to the last cell of `cost` `[rows, columns]` first reaches each
/// row: `[rows]`, non-decreasing. Empty if the matrix is.
///
/// After openai-whisper's `timing.py`, `dtw_cpu` and `backtrace`: sums in `f32`, and among equal paths the one along
/// the row. Time and memory are proportional to `rows * columns`, one byte per cell.
pub fn first_columns(cost: ArrayView2<f32>) -> Vec<usize> {
    let (rows, columns) = cost.dim();
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    let steps = steps(cost);
    let mut first = vec![0; rows];
    let (mut row, mut column) = (rows - 1, columns - 1);
    loop {
        first[row] = column;
        // At an edge only one step is possible.
        let step = match (row, column) {
            (0, 0) => return first,
            (0, _) => Move::Column,
            (_, 0) => Move::Row,
            _ => steps[row * columns + column],
        };
        match step {
            Move::Diagonal => (row, column) = (row - 1, column - 1),
            Move::Row => row -= 1,
            Move::Column => column -= 1,
        }
    }
}

/// The last step of the cheapest path to each cell, in C order.
fn steps(cost: ArrayView2<f32>) -> Vec<Move> {
    let columns = cost.ncols();
    let mut steps = Vec::with_capacity(cost.len());
    // Sums of the row above and of this one, each preceded by the border column.
    let mut above = vec![f32::INFINITY; columns + 1];
    let mut sums = above.clone();
    above[0] = 0.0;
    for row in cost.rows() {
        sums[0] = f32::INFINITY;
        for (column, &cost) in row.iter().enumerate() {
            let (diagonal, up, left) = (above[column], above[column + 1], sums[column]);
            let (least, step) = if diagonal < up && diagonal < left {
                (diagonal, Move::Diagonal)
            } else if up < diagonal && up < left {
                (up, Move::Row)
            } else {
                (left, Move::Column)
            };
            sums[column + 1] = cost + least;
            steps.push(step);
        }
        std::mem::swap(&mut above, &mut sums);
    }
    steps
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn follows_the_cheap_cells() {
        let cost = array![[0.0, 0.0, 9.0, 9.0], [9.0, 9.0, 0.0, 9.0], [9.0, 9.0, 9.0, 0.0]];
        assert_eq!(first_columns(cost.view()), [0, 2, 3]);
    }

    #[test]
    fn has_more_rows_than_columns() {
        let cost = array![[0.0, 9.0], [0.0, 9.0], [9.0, 0.0]];
        assert_eq!(first_columns(cost.view()), [0, 0, 1]);
    }

    #[test]
    fn ends_on_empty_and_senseless_matrices() {
        assert!(first_columns(Array2::zeros((0, 3)).view()).is_empty());
        assert!(first_columns(Array2::zeros((3, 0)).view()).is_empty());
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let first = first_columns(Array2::from_elem((3, 4), value).view());
            assert!(first.len() == 3 && first.is_sorted(), "{first:?}");
        }
    }
}
