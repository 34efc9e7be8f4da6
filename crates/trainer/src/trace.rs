//! The parts of a run that a trace shows (`--trace`).

use burn::tensor::Device;
use tracing::Span;

use crate::device::is_host;

/// Does `work` in a span. A GPU still works after a call returns, so a span that is recorded ends when the device is
/// done. Without a trace, nothing waits.
pub(crate) fn traced<T>(span: &Span, device: &Device, work: impl FnOnce() -> T) -> T {
    let entered = span.enter();
    let done = work();
    if !span.is_disabled() && !is_host(device) {
        // A device that fails here fails at the next step too, which has the error.
        let _failed = device.sync();
    }
    drop(entered);
    done
}
