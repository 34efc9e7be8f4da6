//! Limits for the content of a run folder. All of it comes from outside. A number is used in a loop, a product or
//! an allocation only if it is within these limits.

/// Bytes of `cycles.csv` that a report reads: three hundred thousand rows.
pub const CLIPS_BYTES: u64 = 64 << 20;

/// Bytes of one row of `cycles.csv`; most have two hundred.
const ROW_BYTES: u64 = 1024;

/// Bytes of `summary.json`: a hundred thousand replicas.
pub const SUMMARY_BYTES: u64 = 32 << 20;

/// Bytes of `config.toml`; a whole one has about two thousand. Its dotted keys together can be longer than the
/// file: in the worst case, as long as the square of its length.
pub const CONFIG_BYTES: u64 = 1 << 16;

/// Bytes of any other table.
pub const TABLE_BYTES: u64 = 16 << 20;

/// Bytes of a file with kept neurons.
pub const KEPT_BYTES: u64 = 256 << 20;

/// Bytes of a file with rays.
pub const RAYS_BYTES: u64 = 256 << 20;

/// Bytes of a file with the predictions of one network.
pub const PREDICTIONS_BYTES: u64 = 64 << 20;

/// Predictions of all networks of all runs of a report; each takes one bit.
pub const PREDICTIONS: usize = 1 << 30;

/// Groups of neurons of a network.
pub const GROUPS: usize = 64;

/// Neurons of a group.
pub const WIDTH: usize = 1 << 20;

/// Clips of a ladder; the trainer accepts no longer one.
pub const CYCLES: usize = 2048;

/// Methods of a run; every pair of them is compared after every clip.
pub const METHODS: usize = 32;

/// Characters of the name of a method or of a group.
pub const NAME: usize = 64;

/// Characters of an error that are shown.
pub const ERROR: usize = 1000;

/// Characters of a setting that are shown.
pub const SETTING: usize = 4000;

/// Entries of all measurements of a run; each is compared with two hundred draws of noise.
pub const MEASUREMENTS: usize = 1 << 20;

/// Any count: images, pixels, batches, parameters.
pub const COUNT: usize = 1 << 40;

/// Any measurement: seconds, joules, operations, a loss.
pub const AMOUNT: f64 = 1e30;

/// Seconds since 1970: thirty thousand years.
pub const TIME: f64 = 1e12;

/// Returns the bytes that `cycles.csv` of a run may have.
pub fn table_bytes(replicas: usize, clips: usize, groups: usize) -> u64 {
    let rows = [replicas, clips, groups].map(|count| count as u64);
    rows.into_iter().fold(ROW_BYTES, u64::saturating_mul).max(CLIPS_BYTES)
}

/// Returns whether these can be the widths of a network.
pub fn are_widths(widths: &[usize]) -> bool {
    widths.len() <= GROUPS && widths.iter().all(|width| (1..=WIDTH).contains(width))
}

/// Returns whether this can be a measured value.
pub fn is_amount(value: f64) -> bool {
    value.abs() <= AMOUNT
}
