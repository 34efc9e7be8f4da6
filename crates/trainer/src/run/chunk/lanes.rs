//! The networks that train, shared out over the cores of a CPU.
//!
//! Many operations of a batch keep one core busy. So on a CPU the networks of a chunk train in lanes, at the same time:
//! each lane has some of them, and all of their batch. Networks share nothing, so the results do not depend on the lanes,
//! to the bit. For everything but a batch, the lanes are joined.

use burn::tensor::Tensor;
use rand::RngExt;
use rayclip_model::{Graph, Population, Store, dropout_factors};
use rayclip_run_folder::Replica;
use rayon::prelude::*;
use tracing::{Span, info_span};

use super::teacher::Lesson;
use super::trainees::entries;
use super::{Chunk, LOST, Network};
use crate::data::Augmentation;
use crate::device::is_host;
use crate::error::TrainerError;
use crate::run::inputs::Inputs;
use crate::streams::{Purpose, stream};
use crate::trace::traced;
use crate::train::{Distillation, Moments, Optimizer, TrainStep, train_batch};

/// Some networks that train together.
pub(super) struct Lane {
    /// Their indices among the networks of the chunk.
    members: Vec<usize>,
    network: Population,
    optimizer: Optimizer,
    /// Sums of the losses of the batches of the cycle, `[network]`; `None` before the first.
    loss_sums: Option<Tensor<1>>,
}

/// A batch of all lanes.
pub(super) struct LaneBatch<'a> {
    pub(super) inputs: Inputs<'a>,
    /// What all networks learn from.
    pub(super) lesson: Option<&'a Lesson>,
    /// For each network, a replica whose streams draw its batches.
    pub(super) replicas: &'a [Replica],
    /// The numbers of the images: a list for each network, or one for all.
    pub(super) images: &'a [Vec<usize>],
    /// The number of the batch in the schedule.
    pub(super) number: usize,
    pub(super) learning_rate: f64,
}

impl Chunk<'_> {
    /// Takes the lanes, and shares the networks out over lanes if they are joined.
    ///
    /// # Errors
    /// An error ended an earlier step.
    pub(super) fn take_lanes(&mut self) -> Result<Vec<Lane>, TrainerError> {
        let network = match std::mem::replace(&mut self.network, Network::Lost) {
            Network::InLanes(lanes) => return Ok(lanes),
            Network::Here(network) => network,
            Network::Lost => return Err(TrainerError::fault(LOST)),
        };
        let seeds: Vec<u64> = self.trainees.replicas().iter().map(|replica| replica.seed).collect();
        let lane = Lane {
            members: (0..seeds.len()).collect(),
            network,
            optimizer: self.optimizer.take(),
            loss_sums: self.cycle.loss_sums.take(),
        };
        // A lesson is for all networks at once.
        let alone = !is_host(self.inputs.device) || self.lesson.is_some();
        let count = if alone { 1 } else { rayon::current_num_threads() };
        Ok(lane.split(count, &seeds))
    }

    /// Joins the lanes: afterwards, the networks and their optimizer are those of the chunk.
    ///
    /// # Errors
    /// A lane lacks what another one has.
    pub(crate) fn join_lanes(&mut self) -> Result<(), TrainerError> {
        match std::mem::replace(&mut self.network, Network::Lost) {
            Network::InLanes(lanes) => {
                let Lane { network, optimizer, loss_sums, .. } = Lane::join(lanes)?;
                (self.network, self.optimizer) = (Network::Here(network), optimizer);
                self.cycle.loss_sums = loss_sums;
            }
            other => self.network = other,
        }
        Ok(())
    }
}

impl Lane {
    pub(super) fn graph(&self) -> &Graph {
        self.network.graph()
    }

    /// Shares the networks out over at most so many lanes. Those of one seed train on the same images, so they are
    /// neighbours.
    fn split(self, lanes: usize, seeds: &[u64]) -> Vec<Self> {
        let of_lane = self.members.len().div_ceil(lanes.max(1));
        if of_lane == self.members.len() {
            return vec![self];
        }
        let mut order = self.members;
        order.sort_by_key(|member| seeds.iter().position(|seed| *seed == seeds[*member]));
        let part = |members: &[usize]| Self {
            members: members.to_vec(),
            network: self.network.keep_replicas(members),
            optimizer: self.optimizer.with(self.optimizer.moments().map(|all| Moments {
                steps: all.steps,
                stores: all.stores.iter().map(|store| store.keep_replicas(members)).collect(),
            })),
            loss_sums: self.loss_sums.as_ref().map(|sums| entries(sums, members)),
        };
        order.chunks(of_lane).map(part).collect()
    }

    /// The opposite of [`Self::split`].
    fn join(mut lanes: Vec<Self>) -> Result<Self, TrainerError> {
        if lanes.len() == 1 {
            return Ok(lanes.remove(0));
        }
        let lacks = || TrainerError::fault("a lane of a chunk lacks what another one has");
        let order: Vec<usize> = lanes.iter().flat_map(|lane| lane.members.clone()).collect();
        let place = |member| order.iter().position(|other| *other == member);
        let places: Vec<usize> = (0..order.len()).filter_map(place).collect();
        let networks: Vec<Population> = lanes.iter().map(|lane| lane.network.clone()).collect();
        let network = Population::cat(&networks).ok_or_else(lacks)?;
        let moments: Option<Vec<&Moments>> =
            lanes.iter().map(|lane| lane.optimizer.moments()).collect();
        let moments = moments.map(|parts| {
            let of_kind = |kind: usize| {
                let stores: Vec<&Store> = parts.iter().map(|part| &part.stores[kind]).collect();
                Store::cat(&stores).keep_replicas(&places)
            };
            let kinds = 0..parts[0].stores.len();
            Moments { steps: parts[0].steps, stores: kinds.map(of_kind).collect() }
        });
        let sums: Option<Vec<Tensor<1>>> =
            lanes.iter().map(|lane| lane.loss_sums.clone()).collect();
        Ok(Self {
            network: network.keep_replicas(&places),
            optimizer: lanes[0].optimizer.with(moments),
            loss_sums: sums.map(|sums| entries(&Tensor::cat(sums, 0), &places)),
            members: (0..order.len()).collect(),
        })
    }
}

impl LaneBatch<'_> {
    /// Trains all lanes on the batch, at the same time.
    ///
    /// # Errors
    /// The images cannot be read, or the device fails.
    pub(super) fn train(&self, lanes: Vec<Lane>) -> Result<Vec<Lane>, TrainerError> {
        if lanes.len() == 1 {
            // On this thread: on a GPU, another thread would be another queue.
            return lanes.into_iter().map(|lane| self.train_lane(lane)).collect();
        }
        let span = Span::current();
        lanes.into_par_iter().map(|lane| span.in_scope(|| self.train_lane(lane))).collect()
    }

    fn train_lane(&self, lane: Lane) -> Result<Lane, TrainerError> {
        let Self { inputs: Inputs { config, splits, device, .. }, number, .. } = *self;
        let Lane { members, network, mut optimizer, loss_sums } = lane;
        let replicas: Vec<Replica> = members.iter().map(|member| self.replicas[*member]).collect();
        let own = |member: &usize| self.images[*member].clone();
        let images: Vec<Vec<usize>> = match self.images {
            [all] => vec![all.clone()],
            _ => members.iter().map(own).collect(),
        };
        let gather = || match Augmentation::of(&config.training) {
            None => splits.train.batch(&images),
            Some(augmentation) => {
                let changes = augmentation.draw(&replicas, number, images[0].len());
                splits.train.changed_batch(&images, &changes)
            }
        };
        let batch = traced(&info_span!("gather"), device, gather)?;
        let mut dropout = |node, probability, [_, rows, channels]: [usize; 3]| {
            let stream = |replica: &Replica| stream(replica.seed, Purpose::Dropout, [number, node]);
            let mut streams: Vec<_> = replicas.iter().map(stream).collect();
            let extents = [streams.len(), rows, channels];
            let uniform = |replica: usize| streams[replica].random();
            dropout_factors(extents, probability, uniform, device)
        };
        let training = &config.training;
        let distillation = self.lesson.map(|lesson| Distillation {
            logits: traced(&info_span!("teacher"), device, || {
                lesson.logits(&batch.images, &images)
            }),
            weight: training.distillation,
            temperature: training.temperature,
        });
        let mut step = TrainStep {
            loss: training.loss,
            label_smoothing: training.label_smoothing,
            distillation,
            learning_rate: self.learning_rate,
            dropout: &mut dropout,
        };
        let (network, losses) = train_batch(network, &mut optimizer, batch, &mut step)?;
        let loss_sums = Some(match loss_sums {
            Some(sums) => sums + losses,
            None => losses,
        });
        Ok(Lane { members, network, optimizer, loss_sums })
    }
}
