//! Makes the web pages a part of the binary: what they need below `web/`, in each coding, under one hash of all of it.

#![allow(
    clippy::print_stdout,
    reason = "that is how a build script talks to cargo"
)]

mod codings;
mod comments;
mod files;
mod table;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use files::Kind;

/// Where the pages and what they load are, beside the manifest of this crate.
const WEB: &str = "web";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed={WEB}");
    let out = Path::new(&env::var("OUT_DIR")?).join("assets");
    // What an earlier build has left may be of files that are no more.
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir(&out)?;
    let mut files = files::find(Path::new(WEB))?;
    for code in files.iter_mut().filter(|file| file.is_own_code()) {
        code.drop_comments()?;
    }
    let hash = files::hash(&files);
    for page in files.iter_mut().filter(|file| file.kind == Kind::Page) {
        page.refer_to(&hash)?;
    }
    let table = table::write(&files, &hash, &out)?;
    fs::write(out.join("table.rs"), table)?;
    Ok(())
}
