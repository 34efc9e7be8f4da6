//! Replaces a signal that ends the process silently by an error message.

use std::sync::Arc;

use signal_hook::consts::SIGXFSZ;
use signal_hook::flag;

/// If a file reaches its size limit (`ulimit -f`), the kernel sends a signal that ends the process. With a
/// handler, the write fails instead ("File too large"), and is reported like any other failure of a disk.
pub(crate) fn survive_size_limits() {
    // If the handler cannot be installed, the signal still ends the process.
    let _refused = flag::register(SIGXFSZ, Arc::default());
}
