//! What each message's content begins with: its index and its intended send time. Who receives it knows its
//! latency and which one it is without looking anything up.

use crate::schedule::Micros;

/// Letters of one number: 48 bits, which are 281 trillion messages, or 8 years in microseconds.
const NUMBER_LETTERS: usize = 12;
/// Bytes of a stamp, and thus of the shortest content.
pub const STAMP_BYTES: usize = 2 * NUMBER_LETTERS;

/// Marks one message of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which message, counted from 0.
    pub index: u64,
    /// When it was to be sent, whenever it was.
    pub intended: Micros,
}

impl Stamp {
    /// As the letters `a` to `p`, four bits each: they need no escapes anywhere, and no table.
    pub fn letters(self) -> [u8; STAMP_BYTES] {
        let mut letters = [0; STAMP_BYTES];
        let (index, intended) = letters.split_at_mut(NUMBER_LETTERS);
        put(self.index, index);
        put(self.intended, intended);
        letters
    }

    /// The stamp at the front of a content, if there is one.
    pub fn read(content: &[u8]) -> Option<Self> {
        let letters: &[u8; STAMP_BYTES] = content.first_chunk()?;
        let (index, intended) = letters.split_at(NUMBER_LETTERS);
        let stamp = Self {
            index: number(index),
            intended: number(intended),
        };
        letters
            .iter()
            .all(|letter| letter.wrapping_sub(b'a') < 16)
            .then_some(stamp)
    }
}

fn put(number: u64, letters: &mut [u8]) {
    for (place, letter) in letters.iter_mut().rev().enumerate() {
        *letter = b'a' + ((number >> (4 * place)) & 15) as u8;
    }
}

fn number(letters: &[u8]) -> u64 {
    letters.iter().fold(0, |number, letter| {
        number << 4 | u64::from(letter.wrapping_sub(b'a') & 15)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_from_a_content() {
        for (index, intended) in [(0, 0), (1, 15), (123_456_789, (1 << 48) - 1)] {
            let stamp = Stamp { index, intended };
            let mut content = stamp.letters().to_vec();
            content.extend_from_slice(b"....");
            assert_eq!(Stamp::read(&content), Some(stamp));
        }
    }

    #[test]
    fn what_others_wrote_is_no_stamp() {
        assert_eq!(Stamp::read(b"short"), None);
        assert_eq!(Stamp::read(b"hello, this is a person talking"), None);
    }
}
