//! The `Date` header.

use std::time::{Duration, UNIX_EPOCH};

/// The last second that has a four-digit year: 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// The `Date` header line of one second (RFC 9110, 6.6.1): formatted once, copied into every
/// response of that second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpDate {
    unix_seconds: u64,
    line: [u8; Self::LINE_LEN],
}

impl HttpDate {
    const PREFIX_LEN: usize = "Date: ".len();
    const LINE_LEN: usize = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n".len();

    /// The date of a moment given in seconds since 1970-01-01T00:00:00Z. Years past 9999 show as
    /// the end of 9999.
    pub fn new(unix_seconds: u64) -> Self {
        let moment = UNIX_EPOCH + Duration::from_secs(unix_seconds.min(LAST_SECOND));
        let text = httpdate::fmt_http_date(moment);
        let mut line = *b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        for (slot, byte) in line[Self::PREFIX_LEN..Self::LINE_LEN - 2]
            .iter_mut()
            .zip(text.bytes())
        {
            *slot = byte;
        }
        Self { unix_seconds, line }
    }

    /// Moves to `unix_seconds`; formats only when that is another second.
    pub fn advance_to(&mut self, unix_seconds: u64) {
        if unix_seconds != self.unix_seconds {
            *self = Self::new(unix_seconds);
        }
    }

    /// The 29 bytes of the value, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn value(&self) -> &[u8] {
        &self.line[Self::PREFIX_LEN..Self::LINE_LEN - 2]
    }

    /// The whole header line with its line end.
    pub(super) fn line(&self) -> &[u8; Self::LINE_LEN] {
        &self.line
    }
}
