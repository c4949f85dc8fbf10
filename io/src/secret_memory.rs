//! Memory for keys: in no core dump, and wiped when it is given back.

use std::io::{self, Read};
use std::ops::{Deref, DerefMut, Range};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// So many bytes, zero at first, on pages of their own.
pub(crate) struct SecretMemory {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the pages belong to this value alone, as those of a `Box<[u8]>` do.
unsafe impl Send for SecretMemory {}
// SAFETY: as above: a shared reference only reads.
unsafe impl Sync for SecretMemory {}

impl SecretMemory {
    /// # Errors
    /// Where the kernel has no memory, or `bytes` is 0.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address that the kernel chooses, overlaps nothing.
        let pages = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, MapFlags::PRIVATE) }?;
        let start = NonNull::new(pages.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let memory = Self { start, bytes };
        // SAFETY: the range is the mapping, and the advice changes nothing about its content.
        unsafe { madvise(pages, bytes, Advice::LinuxDontDump) }?;
        Ok(memory)
    }
}

impl SecretMemory {
    /// All that a file has, and how many bytes that are. They fill the memory only if there are more than `bytes_max`.
    ///
    /// # Errors
    /// The file can't be read, or the kernel has no memory.
    pub(crate) fn read(mut file: impl Read, bytes_max: usize) -> io::Result<(Self, usize)> {
        let mut content = Self::new(bytes_max + 1)?;
        let mut bytes = 0;
        loop {
            match file.read(&mut content[bytes..]) {
                Ok(0) => return Ok((content, bytes)),
                Ok(more) => bytes += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A part of such memory, where it was read to.
#[derive(Clone)]
pub(crate) struct SecretPart {
    pub(crate) whole: Arc<SecretMemory>,
    pub(crate) range: Range<usize>,
}

impl AsRef<[u8]> for SecretPart {
    fn as_ref(&self) -> &[u8] {
        &self.whole[self.range.clone()]
    }
}

impl Deref for SecretMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping has so many bytes, all initialised by the kernel, and lives as long as `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

impl DerefMut for SecretMemory {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed by nobody else.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl AsRef<[u8]> for SecretMemory {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for SecretMemory {
    fn drop(&mut self) {
        self.fill(0);
        // SAFETY: nothing refers to the mapping any more. It can't fail for a range that was mapped.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::fs;

    use super::*;

    /// What the kernel says of the mapping that begins at an address (`VmFlags`, proc_pid_smaps(5)).
    fn flags_of(address: *const u8) -> Option<String> {
        let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
        let start = format!("{:x}-", address.addr());
        let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&start));
        lines
            .find(|line| line.starts_with("VmFlags:"))
            .map(str::to_owned)
    }

    #[test]
    fn it_is_in_no_core_dump() {
        let mut memory = SecretMemory::new(40).unwrap();
        assert_eq!(*memory, [0; 40]);
        memory.fill(7);
        assert_eq!(*memory, [7; 40]);
        let flags = flags_of(memory.as_ptr()).unwrap();
        assert!(flags.split(' ').any(|flag| flag == "dd"), "{flags}");
    }

    #[test]
    fn none_of_no_bytes_is_made() {
        assert!(SecretMemory::new(0).is_err());
    }
}
