//! `folding`: the neurons of a group in clusters, of which each keeps one.
//!
//! As many clusters as the clip keeps neurons, by k-means over the incoming weights. The neuron that is the nearest to
//! the centre of its cluster has the highest score. `compression.merge` then adds each of the others to the most similar
//! neuron that is left.
//!
//! # References
//! Wang, Haris, Hooker, et al., *Forget the data and fine-tuning! Just fold the network to compress* (ICLR 2025); Arthur,
//! Vassilvitskii, *k-means++: the advantages of careful seeding* (SODA 2007).

use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;

use super::{Context, Criterion, GroupWeights, Scores};
use crate::device::read;
use crate::error::TrainerError;
use crate::streams::{Purpose, stream};

/// Steps of k-means; fewer if no neuron changes its cluster.
const STEPS: usize = 50;

/// Above 1 for the neuron that stands for its cluster (more for a larger cluster), at most 1 for the others.
pub(super) struct Folding;

impl Criterion for Folding {
    fn score(
        &self,
        groups: &[GroupWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let of_group = |weights: &GroupWeights| {
            let incoming = weights.incoming.clone();
            let products = incoming.clone().swap_dims(1, 2).matmul(incoming);
            let [_, m, _] = products.dims();
            let products = read(products, "reading the weights")?;
            let count = context.kept.get(weights.index).map_or(m, |kept| (*kept).min(m));
            let scores = products.chunks(m * m).zip(context.replicas).map(|(products, replica)| {
                let position = [context.cycle, weights.index];
                let mut rng = stream(replica.seed, Purpose::Clusters, position);
                Points { products, m }.scores(count, &mut rng).into()
            });
            Ok(scores.collect())
        };
        let groups = groups.iter().map(of_group).collect::<Result<_, TrainerError>>()?;
        Ok(Scores { groups, solve_seconds: None })
    }
}

/// Points, by the products of each two of them, `[m, m]`.
#[derive(Clone, Copy)]
struct Points<'a> {
    products: &'a [f64],
    m: usize,
}

/// A cluster: its points, and what the distance from its centre depends on.
struct Cluster {
    points: Vec<usize>,
    /// The products of every point with the centre.
    with_centre: Vec<f64>,
    /// The square of the centre.
    square: f64,
}

impl Points<'_> {
    fn product(self, a: usize, b: usize) -> f64 {
        self.products[a * self.m + b]
    }

    /// Returns the squared distance of two points.
    fn between(self, a: usize, b: usize) -> f64 {
        (self.product(a, a) + self.product(b, b) - 2.0 * self.product(a, b)).max(0.0)
    }

    /// Returns the squared distance of a point from the centre of a cluster.
    fn distance_from(self, point: usize, cluster: &Cluster) -> f64 {
        (self.product(point, point) - 2.0 * cluster.with_centre[point] + cluster.square).max(0.0)
    }

    fn cluster(self, points: Vec<usize>) -> Cluster {
        let count = points.len() as f64;
        let sum = |a: usize| points.iter().map(|b| self.product(a, *b)).sum::<f64>() / count;
        let with_centre: Vec<f64> = (0..self.m).map(sum).collect();
        let square = points.iter().map(|point| with_centre[*point]).sum::<f64>() / count;
        Cluster { points, with_centre, square }
    }

    /// Draws the first centres by k-means++: far from those drawn before.
    fn first_centres(self, count: usize, rng: &mut impl Rng) -> Vec<usize> {
        let mut centres: Vec<usize> = vec![];
        let mut distances = vec![1.0; self.m];
        for _ in 0..count {
            // Without a point that is not a centre yet, the clusters are as many as there are distinct points.
            let Ok(next) = WeightedIndex::new(&distances) else { break };
            let centre = next.sample(rng);
            centres.push(centre);
            for (point, distance) in distances.iter_mut().enumerate() {
                let own = self.between(point, centre);
                *distance = if centres.len() == 1 { own } else { distance.min(own) };
            }
        }
        centres
    }

    fn clusters(self, count: usize, rng: &mut impl Rng) -> Vec<Cluster> {
        let centres = self.first_centres(count, rng);
        let mut clusters: Vec<Cluster> =
            centres.into_iter().map(|point| self.cluster(vec![point])).collect();
        let mut nearest: Vec<usize> = vec![];
        for _ in 0..STEPS {
            let of_point = |point: usize| {
                let distance = |index: &usize| self.distance_from(point, &clusters[*index]);
                let all = 0..clusters.len();
                all.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
            };
            let found: Vec<usize> = (0..self.m).map(of_point).collect();
            if found == nearest {
                break;
            }
            nearest = found;
            let points = |index| (0..self.m).filter(|point| nearest[*point] == index).collect();
            let all = (0..clusters.len()).map(points);
            // A cluster that has lost all its points is no more.
            let all = all.filter(|points: &Vec<usize>| !points.is_empty());
            clusters = all.map(|points| self.cluster(points)).collect();
        }
        clusters
    }

    fn scores(self, count: usize, rng: &mut impl Rng) -> Vec<f64> {
        let mut scores = vec![0.0; self.m];
        for cluster in self.clusters(count, rng) {
            let distance = |point: &usize| self.distance_from(*point, &cluster);
            let nearest = cluster.points.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
            for point in &cluster.points {
                scores[*point] = (1.0 + distance(point)).recip();
            }
            if let Some(nearest) = nearest {
                scores[*nearest] = 1.0 + cluster.points.len() as f64;
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(points: &[[f64; 2]], count: usize) -> Vec<f64> {
        let m = points.len();
        let product = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
        let products: Vec<f64> =
            (0..m * m).map(|at| product(points[at / m], points[at % m])).collect();
        let mut rng = stream(7, Purpose::Clusters, [0, 0]);
        Points { products: &products, m }.scores(count, &mut rng)
    }

    #[test]
    fn each_cluster_keeps_the_neuron_at_its_centre() {
        // Around (0, 0), (10, 0) and (0, 10); the second of each is the middle one.
        let points = [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [10.0, -1.0], [10.0, 0.0], [10.0, 1.0]];
        let more = [[0.0, 9.0], [0.0, 10.0], [0.0, 11.0], [0.5, 10.0]];
        let scores = scores(&[&points[..], &more].concat(), 3);
        let mut order: Vec<usize> = (0..10).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        assert_eq!(order[0], 7, "{scores:?}");
        assert_eq!(order[1] + order[2], 5, "{scores:?}");
        assert!(scores[order[2]] > 1.0 && scores[order[3]] <= 1.0, "{scores:?}");
    }

    #[test]
    fn equal_neurons_are_one_cluster() {
        let scores = scores(&[[1.0, 2.0], [1.0, 2.0], [3.0, 0.0], [1.0, 2.0]], 3);
        let above = scores.iter().filter(|score| **score > 1.0).count();
        assert_eq!(above, 2, "{scores:?}");
    }
}
