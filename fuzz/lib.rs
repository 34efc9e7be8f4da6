//! What the fuzz targets share: an allocator that ends the process where a reader takes too much, and a
//! folder in memory for the files that are read.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;

/// Bytes that no input may make a reader take at once.
const MOST_BYTES: usize = 256 << 20;

struct Limited;

// SAFETY: everything is left to the system's allocator; a request over the limit ends the process.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check(size);
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

fn check(bytes: usize) {
    if bytes > MOST_BYTES {
        // The fuzzer keeps the input of a process that aborts.
        std::process::abort();
    }
}

#[global_allocator]
static LIMITED: Limited = Limited;

/// A folder that costs no disk, where there is one.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    tempfile::tempdir_in(parent).unwrap()
}

/// The input cut into `N` files at lines of a single `%`; what is missing is empty.
pub fn files<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut rest = Some(input);
    std::array::from_fn(|place| {
        let Some(bytes) = rest.take() else { return &[][..] };
        let end = bytes.windows(3).position(|window| window == b"\n%\n");
        match end {
            Some(end) if place + 1 < N => {
                rest = Some(&bytes[end + 3..]);
                &bytes[..end + 1]
            }
            _ => bytes,
        }
    })
}
