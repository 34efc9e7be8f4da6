//! An allocator that ends the process where a reader takes more than any small input is worth.

use std::alloc::{GlobalAlloc, Layout, System};

/// Bytes that nothing may ask for at once.
const MOST_BYTES: usize = 64 << 20;

/// The system's allocator within a limit.
struct Limited;

// SAFETY: everything is left to the system's allocator; what is over the limit ends the process.
#[allow(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: the caller's promises are handed on.
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
        // A panic would allocate; a fuzzer keeps the input of a process that aborts.
        std::process::abort();
    }
}

#[global_allocator]
static LIMITED: Limited = Limited;
