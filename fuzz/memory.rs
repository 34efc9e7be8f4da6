//! An allocator that aborts the process if a reader allocates much more than a small input needs.

use std::alloc::{GlobalAlloc, Layout, System};

/// The largest allowed allocation, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// The system's allocator with a limit.
struct Limited;

// SAFETY: the system's allocator does everything; an allocation over the limit aborts the process.
#[allow(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: the caller keeps the promises that this function asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check(size);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn check(bytes: usize) {
    if bytes > MOST_BYTES {
        // A panic would allocate. A fuzzer keeps the input of a process that aborts.
        std::process::abort();
    }
}

#[global_allocator]
static LIMITED: Limited = Limited;
