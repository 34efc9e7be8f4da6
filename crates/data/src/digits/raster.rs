//! Draws polylines into bytes, with a round pen that has a soft edge, ink and noise.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::glyphs::Point;

/// The extent of an image in both directions.
pub(super) const SIDE: usize = 28;
pub(super) const PIXELS: usize = SIDE * SIDE;
/// Width of the pen's soft edge in pixels.
const EDGE: f32 = 1.2;

/// Draws the curves (pixel coordinates) into an image of [`PIXELS`] bytes.
pub(super) fn draw(curves: &[Vec<Point>], rng: &mut impl Rng, image: &mut [u8]) {
    let radius = 0.5 * rng.random_range(1.2..3.4);
    let ink = rng.random_range(150.0..255.0);
    let noise = rng.random_range(4.0_f32..34.0);
    let distances = squared_distances(curves, radius + EDGE);
    for (byte, squared) in image.iter_mut().zip(distances) {
        let coverage = ((radius - squared.sqrt()) / EDGE + 0.5).clamp(0.0, 1.0);
        let grain: f32 = StandardNormal.sample(rng);
        *byte = (ink * coverage + noise * grain).round().clamp(0.0, 255.0) as u8;
    }
}

/// Returns the squared distance of every pixel's centre to the nearest curve; exact up to `reach`.
fn squared_distances(curves: &[Vec<Point>], reach: f32) -> [f32; PIXELS] {
    let mut nearest = [f32::INFINITY; PIXELS];
    let pixels_within = |a: f32, b: f32| {
        let first = (a.min(b) - reach).floor().clamp(0.0, SIDE as f32) as usize;
        let end = (a.max(b) + reach).ceil().clamp(0.0, SIDE as f32) as usize;
        first..end
    };
    for segment in curves.iter().flat_map(|curve| curve.windows(2)) {
        let (start, end) = (segment[0], segment[1]);
        for row in pixels_within(start[1], end[1]) {
            for column in pixels_within(start[0], end[0]) {
                let centre = [column as f32 + 0.5, row as f32 + 0.5];
                let pixel = &mut nearest[row * SIDE + column];
                *pixel = pixel.min(squared_distance(centre, start, end));
            }
        }
    }
    nearest
}

/// Returns the squared distance from `point` to the segment from `start` to `end`.
fn squared_distance(point: Point, start: Point, end: Point) -> f32 {
    let along = [end[0] - start[0], end[1] - start[1]];
    let from = [point[0] - start[0], point[1] - start[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let t = ((from[0] * along[0] + from[1] * along[1]) / length.max(1e-12)).clamp(0.0, 1.0);
    let (x, y) = (from[0] - t * along[0], from[1] - t * along[1]);
    x * x + y * y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_to_a_segment_is_to_its_nearest_point() {
        let (start, end) = ([0.0, 0.0], [2.0, 0.0]);
        assert_eq!(squared_distance([1.0, 3.0], start, end), 9.0);
        assert_eq!(squared_distance([5.0, 4.0], start, end), 25.0);
        assert_eq!(squared_distance([1.0, 0.0], start, start), 1.0);
    }
}
