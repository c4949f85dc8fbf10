//! Which files are served, and as what.

use std::error::Error;
use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use crate::comments::without_comments;

/// What is served of the folder: these, and what is below them.
const PARTS: [&str; 5] = ["chat", "ops", "look", "client/rookery.js", "client/src"];
/// What stands beside the code and is for those who change it.
const LEFT_OUT: [&str; 5] = [
    ".d.ts",
    ".md",
    ".test.js",
    "package.json",
    "package-lock.json",
];
const FOLDERS_LEFT_OUT: [&str; 3] = ["tests", "exchanges", "node_modules"];
/// Media types by the end of the name. A licence has none.
const TYPES: [(&str, &str); 10] = [
    (".html", HTML),
    (".css", CSS),
    (".js", JAVASCRIPT),
    (".json", "application/json"),
    (".png", "image/png"),
    (".svg", "image/svg+xml"),
    (".txt", "text/plain; charset=utf-8"),
    (".webmanifest", "application/manifest+json"),
    (".woff2", "font/woff2"),
    ("LICENSE", "text/plain; charset=utf-8"),
];
/// How a page refers to an asset, with its path behind that. All others refer to each other by relative paths.
const ASSETS: &str = "/assets/";
/// What others wrote, who want their notices to be seen.
const OF_OTHERS: &str = "ops/uplot/";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// A file that is served.
pub(crate) struct WebFile {
    /// Below the folder of all of them, with slashes.
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A browser shows it, at a path that stays.
    Page,
    /// Pages load it, by a path with the hash.
    Asset,
}

impl WebFile {
    pub(crate) fn is_own_code(&self) -> bool {
        [CSS, JAVASCRIPT].contains(&self.content_type) && !self.path.starts_with(OF_OTHERS)
    }

    pub(crate) fn drop_comments(&mut self) -> Result<(), Box<dyn Error>> {
        self.bytes = without_comments(str::from_utf8(&self.bytes)?).into_bytes();
        Ok(())
    }

    /// Puts the hash of all files into a page's references to them.
    pub(crate) fn refer_to(&mut self, hash: &str) -> Result<(), Box<dyn Error>> {
        let text = str::from_utf8(&self.bytes)?;
        let hashed = text.replace(ASSETS, &format!("{ASSETS}{hash}/"));
        self.bytes = hashed.into_bytes();
        Ok(())
    }
}

/// All of them, in the order of their paths.
pub(crate) fn find(folder: &Path) -> Result<Vec<WebFile>, Box<dyn Error>> {
    let mut files = Vec::new();
    for part in PARTS {
        if folder.join(part).exists() {
            add(folder, part, &mut files)?;
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Adds the file at a path, or all below it.
fn add(folder: &Path, path: &str, files: &mut Vec<WebFile>) -> Result<(), Box<dyn Error>> {
    let at = folder.join(path);
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.starts_with('.') {
        return Ok(());
    }
    if at.is_dir() {
        if FOLDERS_LEFT_OUT.contains(&name) {
            return Ok(());
        }
        for entry in fs::read_dir(&at)? {
            let name = entry?.file_name();
            let name = name.to_str().ok_or("a file whose name is not UTF-8")?;
            add(folder, &format!("{path}/{name}"), files)?;
        }
        return Ok(());
    }
    if LEFT_OUT.iter().any(|end| name.ends_with(end)) {
        return Ok(());
    }
    let by_end = TYPES.iter().find(|(end, _)| name.ends_with(end));
    let content_type = by_end.map(|(_, content_type)| *content_type);
    let content_type = content_type.ok_or_else(|| format!("{path}: of which media type?"))?;
    let kind = match content_type {
        HTML => Kind::Page,
        _ => Kind::Asset,
    };
    files.push(WebFile {
        path: path.to_owned(),
        content_type,
        kind,
        bytes: fs::read(&at)?,
    });
    Ok(())
}

/// One hash of all names and contents. Lengths are among it, or two sets of files could be one run of bytes.
pub(crate) fn hash(files: &[WebFile]) -> String {
    let mut hash = Xxh3::new();
    for file in files {
        for part in [file.path.as_bytes(), &file.bytes] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    format!("{:016x}", hash.digest())
}
