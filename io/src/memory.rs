//! How the allocator treats memory that was freed.

#[cfg(target_env = "gnu")]
use std::ffi::c_int;

/// Bytes that each of the allocator's arenas may keep at its end, and of an allocation from which on it is
/// mapped by itself.
///
/// By default both are 128 KiB at first. A shard frees more than that in each round, and would give it back to
/// the kernel, to fault it in again, page by page, in the next.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: c_int = 16 << 20;

/// Keeps what is freed for the next round. To be called before there are threads.
#[cfg(target_env = "gnu")]
pub(crate) fn keep_freed() {
    for parameter in [libc::M_TRIM_THRESHOLD, libc::M_MMAP_THRESHOLD] {
        // SAFETY: only numbers are passed; what the allocator does not know, it ignores.
        unsafe { libc::mallopt(parameter, KEPT_BYTES) };
    }
}

/// Other allocators have rules of their own.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn keep_freed() {}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;
    use std::fs;

    /// Pages that this thread had to be given so far.
    fn faults() -> u64 {
        let stat = fs::read_to_string("/proc/thread-self/stat").expect("readable");
        let (_, behind_name) = stat.rsplit_once(')').expect("a name in parentheses");
        let field = behind_name.split_ascii_whitespace().nth(7);
        field.and_then(|count| count.parse().ok()).expect("a count")
    }

    fn round() {
        let buffers: Vec<Vec<u8>> = (0..40).map(|_| vec![1; 100 * 1024]).collect();
        std::hint::black_box(buffers);
    }

    #[test]
    fn what_is_freed_is_there_for_the_next_round() {
        keep_freed();
        std::thread::spawn(|| {
            round();
            let before = faults();
            (0..20).for_each(|_| round());
            let each_round = (faults() - before) / 20;
            assert!(
                each_round < 100,
                "{each_round} of 1,000 pages are new in each round"
            );
        })
        .join()
        .expect("few pages");
    }
}
