//! Bounds on what one request may make the server hold or look at.

/// Bytes of a request line, without its line end.
pub const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a request line that are checked as they come, so that a client that speaks another
/// protocol hears of it at once. What follows is checked when the line is complete: to check a long
/// line again for every byte of it would let a slow sender cost more than their bytes are worth.
pub const REQUEST_LINE_PROBE_BYTES: usize = 64;

/// Bytes of a head: request line, header fields and the empty line that ends them.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header fields of a head.
pub const HEADER_FIELDS_MAX: usize = 100;

/// Bytes of a body, after removal of a chunked coding.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Empty lines skipped before a request line; old clients send one after a body (RFC 9112, 2.2).
pub const LEADING_EMPTY_LINES_MAX: u8 = 4;

/// Hexadecimal digits of a chunk size: a size of 2^60 bytes or more is nobody's honest chunk.
pub const CHUNK_SIZE_DIGITS_MAX: usize = 15;

/// Bytes of all chunk extensions and trailer fields of a body, which are read and thrown away.
pub const CHUNK_METADATA_BYTES_MAX: usize = 4 * 1024;

// Places in a head are kept in 16 bits.
const _: () = assert!(HEAD_BYTES_MAX <= u16::MAX as usize);
const _: () = assert!(REQUEST_LINE_BYTES_MAX < HEAD_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX <= u32::MAX as usize);
const _: () = assert!(CHUNK_METADATA_BYTES_MAX <= u16::MAX as usize);
