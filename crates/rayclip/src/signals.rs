//! Signals that end a process without a word, where a message can be had instead.

use std::sync::Arc;

use signal_hook::consts::SIGXFSZ;
use signal_hook::flag;

/// Where a file may not grow further (`ulimit -f`), the kernel's signal would end the process. Handled, the
/// write fails instead ("File too large"), and that is told as any other failure of a disk.
pub(crate) fn survive_size_limits() {
    // Where the signal cannot be handled, it ends the process, as it would have.
    let _refused = flag::register(SIGXFSZ, Arc::default());
}
