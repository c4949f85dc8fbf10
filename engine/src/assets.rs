//! The files of the web pages, as the host gives them: made when it was built, and the same for everybody.

use crate::http::{AcceptEncoding, Coding};

/// All of them.
#[derive(Debug)]
pub struct Assets {
    /// Names what is in them. It is in the path of each but the pages, which therefore never changes what it leads to.
    pub hash: &'static str,
    /// What browsers show, each at a path of its own.
    pub pages: &'static [Asset],
    /// What the pages load, in the order of their paths.
    pub files: &'static [Asset],
}

/// A file.
#[derive(Debug)]
pub struct Asset {
    /// Where it is among the others.
    pub path: &'static str,
    pub content_type: &'static str,
    /// As it is.
    pub identity: Representation,
    /// `None` where that is no smaller, as below.
    pub gzip: Option<Representation>,
    pub brotli: Option<Representation>,
}

/// A file in one coding.
#[derive(Debug)]
pub struct Representation {
    /// A strong tag (RFC 9110, 8.8.3), with its quotes: no other coding has the same.
    pub etag: &'static str,
    pub bytes: &'static [u8],
}

impl Assets {
    /// Of a host that has none.
    pub const NONE: Self = Self {
        hash: "",
        pages: &[],
        files: &[],
    };

    pub(crate) fn page(&self, path: &str) -> Option<&'static Asset> {
        self.pages.iter().find(|page| page.path == path)
    }

    /// The file at what follows `/assets/` in a path: the hash, and where it is. With another hash there is none.
    pub(crate) fn file(&self, path: &[u8]) -> Option<&'static Asset> {
        let path = path
            .strip_prefix(self.hash.as_bytes())?
            .strip_prefix(b"/")?;
        let by_path = |file: &Asset| file.path.as_bytes().cmp(path);
        let index = self.files.binary_search_by(by_path).ok()?;
        self.files.get(index)
    }
}

impl Asset {
    /// Whether a browser runs it.
    pub(crate) fn is_script(&self) -> bool {
        self.content_type.starts_with("text/javascript")
    }

    /// What a client is sent that takes these codings.
    pub(crate) fn represented_for(&self, accepted: &AcceptEncoding) -> (Coding, &Representation) {
        let in_coding = |coding| match coding {
            Coding::Identity => Some(&self.identity),
            Coding::Gzip => self.gzip.as_ref(),
            Coding::Brotli => self.brotli.as_ref(),
        };
        let coding = accepted.choose(|coding| in_coding(coding).is_some());
        (coding, in_coding(coding).unwrap_or(&self.identity))
    }
}
