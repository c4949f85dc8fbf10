//! One page of a list as JSON: it ends where it has as many entries as were asked for, or as many bytes as one page may
//! have.

use rookery_schema::limits::PAGE_BYTES_MAX;

/// A page, entry by entry. The default is one that has no room.
#[derive(Debug, Default)]
pub(crate) struct JsonPage {
    body: Vec<u8>,
    entries: usize,
    entries_max: usize,
    /// An entry did not fit.
    is_cut: bool,
}

impl JsonPage {
    /// A page for so many entries.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            body: vec![b'['],
            entries: 0,
            entries_max,
            is_cut: false,
        }
    }

    /// Adds an entry; false where the page ends before it. The first one fits whatever its size, so that every page
    /// leads on.
    pub(crate) fn push(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.is_full() {
            self.is_cut = true;
            return false;
        }
        let end = self.body.len();
        if self.entries > 0 {
            self.body.push(b',');
        }
        put(&mut self.body);
        // The bracket that ends the page is still to come.
        if self.entries > 0 && self.body.len() >= PAGE_BYTES_MAX {
            self.body.truncate(end);
            self.is_cut = true;
            return false;
        }
        self.entries += 1;
        true
    }

    /// Whether nothing more fits.
    pub(crate) const fn is_full(&self) -> bool {
        self.is_cut || self.entries >= self.entries_max
    }

    /// Whether an entry did not fit.
    pub(crate) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.body.push(b']');
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of entries of so many bytes, and how many of them fit.
    fn page_of(bytes: &[usize], entries_max: usize) -> (usize, JsonPage) {
        let mut page = JsonPage::new(entries_max);
        let fit = bytes
            .iter()
            .take_while(|bytes| page.push(|out| out.resize(out.len() + **bytes, b'1')))
            .count();
        (fit, page)
    }

    #[test]
    fn a_page_ends_with_the_last_entry_that_fits() {
        // Two brackets and a comma are besides.
        let half = (PAGE_BYTES_MAX - 3) / 2;
        let rest = PAGE_BYTES_MAX - 3 - half;
        let (fit, page) = page_of(&[half, rest], 10);
        assert_eq!((fit, page.is_full(), page.is_cut()), (2, false, false));
        assert_eq!(page.finish().len(), PAGE_BYTES_MAX);
        let (fit, page) = page_of(&[half, rest + 1], 10);
        assert_eq!((fit, page.is_full(), page.is_cut()), (1, true, true));
        assert_eq!(page.finish().len(), half + 2);
    }

    #[test]
    fn an_entry_that_is_larger_than_a_page_has_one_of_its_own() {
        let (fit, page) = page_of(&[2 * PAGE_BYTES_MAX, 1], 10);
        assert_eq!((fit, page.is_cut()), (1, true));
    }

    #[test]
    fn a_page_has_no_more_entries_than_were_asked_for() {
        let (fit, page) = page_of(&[1, 1, 1], 2);
        assert_eq!((fit, page.is_cut()), (2, true));
        assert_eq!(page.finish(), b"[1,1]");
        let (fit, page) = page_of(&[1, 1], 2);
        assert_eq!((fit, page.is_full(), page.is_cut()), (2, true, false));
        assert_eq!(page_of(&[], 2).1.finish(), b"[]");
    }
}
