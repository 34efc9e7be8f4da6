//! Turns the control points of a glyph into deformed curves on the pixel grid.

use std::f32::consts::TAU;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::glyphs::{Point, Stroke};
use super::raster::SIDE;

/// Spread of the control points, in units of the glyph's height.
const JITTER: f32 = 0.03;
/// The number of pieces of a spline segment.
const PIECES: u8 = 6;
/// The number of waves of the elastic displacement, and their largest amplitude.
const WAVES: usize = 3;
const AMPLITUDE: f32 = 0.045;
/// Height of an undeformed glyph in pixels.
const HEIGHT: f32 = 19.0;
const WIDTH: f32 = 15.0;

/// Returns the strokes as polylines in pixel coordinates, bent and mapped at random.
pub(super) fn deformed(strokes: &[Stroke], rng: &mut impl Rng) -> Vec<Vec<Point>> {
    let bend = Elastic::random(rng);
    let map = Affine::random(rng);
    strokes
        .iter()
        .map(|stroke| {
            let moved: Stroke = stroke
                .iter()
                .map(|point| {
                    point.map(|coordinate| {
                        let standard: f32 = StandardNormal.sample(rng);
                        coordinate + JITTER * standard
                    })
                })
                .collect();
            spline(&moved).into_iter().map(|point| map.apply(bend.apply(point))).collect()
        })
        .collect()
}

/// A smooth displacement of the plane: a few long waves.
struct Elastic([Wave; WAVES]);

struct Wave {
    frequency: Point,
    phase: f32,
    displacement: Point,
}

impl Elastic {
    fn random(rng: &mut impl Rng) -> Self {
        Self(std::array::from_fn(|_| Wave {
            frequency: std::array::from_fn(|_| rng.random_range(-1.3..1.3)),
            phase: rng.random_range(0.0..1.0),
            displacement: std::array::from_fn(|_| rng.random_range(-AMPLITUDE..AMPLITUDE)),
        }))
    }

    fn apply(&self, [x, y]: Point) -> Point {
        self.0.iter().fold([x, y], |[moved_x, moved_y], wave| {
            let turns = wave.frequency[0] * x + wave.frequency[1] * y + wave.phase;
            let height = (TAU * turns).sin();
            [moved_x + height * wave.displacement[0], moved_y + height * wave.displacement[1]]
        })
    }
}

/// `p ↦ M (p − centre) + shift`, from the unit square to pixels.
struct Affine {
    matrix: [Point; 2],
    shift: Point,
}

impl Affine {
    fn random(rng: &mut impl Rng) -> Self {
        let (sin, cos) = rng.random_range(-0.26_f32..0.26).sin_cos();
        let shear = rng.random_range(-0.25..0.25);
        let width = WIDTH * rng.random_range(0.75..1.2);
        let height = HEIGHT * rng.random_range(0.8..1.15);
        let middle = SIDE as f32 / 2.0;
        Self {
            matrix: [
                [cos * width, (cos * shear - sin) * height],
                [sin * width, (sin * shear + cos) * height],
            ],
            shift: std::array::from_fn(|_| middle + rng.random_range(-2.0..2.0)),
        }
    }

    fn apply(&self, [x, y]: Point) -> Point {
        let (x, y) = (x - 0.5, y - 0.5);
        std::array::from_fn(|row| {
            self.matrix[row][0] * x + self.matrix[row][1] * y + self.shift[row]
        })
    }
}

/// Returns a uniform Catmull-Rom spline through the points, as a polyline.
fn spline(points: &[Point]) -> Vec<Point> {
    let last = points.len() - 1;
    let mut curve = vec![points[0]];
    for segment in 0..last {
        let before = points[segment.saturating_sub(1)];
        let (start, end) = (points[segment], points[segment + 1]);
        let after = points[(segment + 2).min(last)];
        curve.extend((1..=PIECES).map(|piece| {
            let t = f32::from(piece) / f32::from(PIECES);
            std::array::from_fn(|axis| {
                let (a, b, c, d) = (before[axis], start[axis], end[axis], after[axis]);
                let cubic = 3.0 * (b - c) + d - a;
                let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
                b + 0.5 * t * (c - a + t * (square + t * cubic))
            })
        }));
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spline_passes_through_its_points() {
        let points = [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]];
        let curve = spline(&points);
        for (index, point) in points.iter().enumerate() {
            let [x, y] = curve[index * usize::from(PIECES)];
            assert!((x - point[0]).abs() < 1e-6 && (y - point[1]).abs() < 1e-6);
        }
    }
}
