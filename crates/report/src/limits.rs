//! What no run folder goes beyond. Everything in it is from outside: what a number says is looped over,
//! multiplied and allocated for only if it lies within these.

/// Bytes of `cycles.csv`: three hundred thousand rows.
pub(crate) const CLIPS_BYTES: u64 = 64 << 20;

/// Bytes of `summary.json`: a hundred thousand replicas.
pub(crate) const SUMMARY_BYTES: u64 = 32 << 20;

/// Bytes of `config.toml`, which has two thousand. Its dotted keys are longer together: as the square of them
/// at worst.
pub(crate) const CONFIG_BYTES: u64 = 1 << 16;

/// Bytes of a table beside them.
pub(crate) const TABLE_BYTES: u64 = 16 << 20;

/// Bytes of a file with rays.
pub(crate) const RAYS_BYTES: u64 = 256 << 20;

/// Bytes of a file with the predictions of one network.
pub(crate) const PREDICTIONS_BYTES: u64 = 64 << 20;

/// Predictions of all networks of all runs of a report; each takes a bit.
pub(crate) const PREDICTIONS: usize = 1 << 30;

/// Hidden layers of a network.
pub(crate) const LAYERS: usize = 64;

/// Neurons of a layer.
pub(crate) const WIDTH: usize = 1 << 20;

/// Clips of a ladder; the trainer makes no longer one.
pub(crate) const CYCLES: usize = 2048;

/// Methods of a run; every pair of them is compared after every clip.
pub(crate) const METHODS: usize = 32;

/// Characters of a method's name.
pub(crate) const NAME: usize = 64;

/// Characters of an error, and of a setting, that are shown.
pub(crate) const ERROR: usize = 1000;
pub(crate) const SETTING: usize = 4000;

/// Entries of all measurements of a run: each is compared with two hundred draws of noise.
pub(crate) const MEASUREMENTS: usize = 1 << 20;

/// Anything that is counted: images, pixels, batches, parameters.
pub(crate) const COUNT: usize = 1 << 40;

/// Anything that is measured: seconds, joules, operations, a loss.
pub(crate) const AMOUNT: f64 = 1e30;

/// Seconds since 1970: thirty thousand years.
pub(crate) const TIME: f64 = 1e12;

/// Whether these are the widths of a network.
pub(crate) fn are_widths(widths: &[usize]) -> bool {
    widths.len() <= LAYERS && widths.iter().all(|width| (1..=WIDTH).contains(width))
}

/// Whether something can have been measured.
pub(crate) fn is_amount(value: f64) -> bool {
    value.abs() <= AMOUNT
}
