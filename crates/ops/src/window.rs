//! Windows that slide over the positions of an image.

/// A window of taps that slides over the rows and columns of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Height and width of the image.
    pub input: [usize; 2],
    /// Taps along the height and the width.
    pub kernel: [usize; 2],
    /// Positions from one place of the window to the next.
    pub stride: [usize; 2],
    /// Positions outside the image that the window reaches: top, left, bottom, right.
    pub padding: [usize; 4],
    /// Positions from one tap to the next.
    pub dilation: [usize; 2],
}

impl Window {
    /// Returns the height and width of the result; `None` if the window does not fit into the padded image, or an
    /// extent is zero or too large to count.
    pub fn output(&self) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let padded = self.input[axis]
                .checked_add(self.padding[axis])?
                .checked_add(self.padding[axis + 2])?;
            let reach = self.kernel[axis].checked_sub(1)?.checked_mul(self.dilation[axis])?;
            let room = padded.checked_sub(reach.checked_add(1)?)?;
            room.checked_div(self.stride[axis])?.checked_add(1)
        };
        if self.input.contains(&0) || self.dilation.contains(&0) {
            return None;
        }
        Some([along(0)?, along(1)?])
    }

    /// Returns the number of taps.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Returns, for every place of the result, the number of taps that lie in the image.
    pub fn taps_inside(&self) -> Vec<usize> {
        let [height, width] = self.output().unwrap_or_default();
        let mut inside = vec![0; height * width];
        self.each(|place, _, position| inside[place] += usize::from(position.is_some()));
        inside
    }

    /// Returns whether the window sees every position once, by itself.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == [1; 2] && self.stride == [1; 2] && self.padding == [0; 4]
    }

    /// Returns the positions of the image.
    pub(crate) fn positions(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Returns the positions of the result.
    ///
    /// # Panics
    /// If the window does not fit.
    #[expect(clippy::expect_used, reason = "callers check that the window fits")]
    pub(crate) fn output_positions(&self) -> usize {
        let [height, width] = self.output().expect("the window fits into the padded image");
        height * width
    }

    /// Returns the row (axis 0) or column (axis 1) of the image that a tap sees at a place of the result; `None` in
    /// the padding.
    pub(crate) fn source(&self, axis: usize, place: usize, tap: usize) -> Option<usize> {
        let padded = place * self.stride[axis] + tap * self.dilation[axis];
        padded.checked_sub(self.padding[axis]).filter(|source| *source < self.input[axis])
    }

    /// Calls `visit` with every place of the result, every tap, and the position that it sees there; `None` in the
    /// padding. Places are the outer loop.
    pub(crate) fn each(&self, mut visit: impl FnMut(usize, usize, Option<usize>)) {
        let [height, width] = self.output().unwrap_or_default();
        for place in 0..height * width {
            for tap in 0..self.taps() {
                let row = self.source(0, place / width, tap / self.kernel[1]);
                let column = self.source(1, place % width, tap % self.kernel[1]);
                let position = row.zip(column).map(|(row, column)| row * self.input[1] + column);
                visit(place, tap, position);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(input: usize, kernel: usize, stride: usize, padding: usize) -> Window {
        Window {
            input: [input; 2],
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 4],
            dilation: [1; 2],
        }
    }

    #[test]
    fn has_the_extents_that_pytorch_documents() {
        assert_eq!(window(32, 3, 1, 1).output(), Some([32; 2]));
        assert_eq!(window(32, 3, 2, 1).output(), Some([16; 2]));
        assert_eq!(window(7, 3, 2, 0).output(), Some([3; 2]));
        let uneven = Window { padding: [0, 1, 2, 0], dilation: [2, 1], ..window(5, 3, 1, 0) };
        assert_eq!(uneven.output(), Some([3, 4]));
        for wrong in
            [window(2, 3, 1, 0), window(0, 1, 1, 1), window(3, 0, 1, 0), window(3, 1, 0, 0)]
        {
            assert_eq!(wrong.output(), None, "{wrong:?}");
        }
        assert_eq!(Window { padding: [usize::MAX; 4], ..window(3, 3, 1, 0) }.output(), None);
    }

    #[test]
    fn a_tap_sees_a_position_or_the_padding() {
        let mut seen = vec![];
        window(2, 2, 1, 1).each(|place, tap, position| {
            if place == 1 {
                seen.push((tap, position));
            }
        });
        assert_eq!(seen, [(0, None), (1, None), (2, Some(0)), (3, Some(1))]);
    }
}
