//! Looking for things in JSON without parsing it. A quote inside a string is escaped, so no content can look like a
//! field.

use memchr::{memchr, memmem};

/// The lines of a text; those without newlines are one.
pub(super) struct Lines<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.0).unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        Some(line)
    }
}

/// What follows `mark`, which is probably at `expected`, if it is anywhere.
pub(super) fn after<'a>(text: &'a [u8], mark: &[u8], expected: usize) -> Option<&'a [u8]> {
    let there = text.get(expected..)?.strip_prefix(mark);
    there.or_else(|| Some(&text[memmem::find(text, mark)? + mark.len()..]))
}

/// The number that a text begins with, and what follows it.
pub(super) fn leading_number(text: &[u8]) -> (u64, &[u8]) {
    let mut number = 0;
    for (at, byte) in text.iter().enumerate() {
        if !byte.is_ascii_digit() {
            return (number, &text[at..]);
        }
        number = number * 10 + u64::from(byte - b'0');
    }
    (number, &[])
}
