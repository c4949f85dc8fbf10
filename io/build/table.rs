//! The table of all files, as Rust.

use std::error::Error;
use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::codings;
use crate::files::{Kind, WebFile};

/// Writes the bytes of each file in each coding into a folder, and gives an expression of the type `Assets` that includes
/// them.
pub(crate) fn write(files: &[WebFile], hash: &str, out: &Path) -> Result<String, Box<dyn Error>> {
    let (mut pages, mut assets) = (String::new(), String::new());
    for (number, file) in files.iter().enumerate() {
        let entry = entry(file, &number.to_string(), out)?;
        match file.kind {
            Kind::Page => pages.push_str(&entry),
            Kind::Asset => assets.push_str(&entry),
        }
    }
    Ok(format!(
        "Assets {{ hash: {hash:?}, pages: &[\n{pages}], files: &[\n{assets}] }}\n"
    ))
}

fn entry(file: &WebFile, name: &str, out: &Path) -> Result<String, Box<dyn Error>> {
    let WebFile {
        path,
        content_type,
        bytes,
        kind: _,
    } = file;
    let identity = representation(bytes, name, out)?;
    let smaller = |coded: Vec<u8>, end: &str| {
        if coded.len() >= bytes.len() {
            return Ok("None".to_owned());
        }
        let coded = representation(&coded, &format!("{name}.{end}"), out)?;
        Ok::<_, Box<dyn Error>>(format!("Some({coded})"))
    };
    let gzip = smaller(codings::gzip(bytes)?, "gz")?;
    let brotli = smaller(codings::brotli(bytes)?, "br")?;
    Ok(format!(
        "Asset {{ path: {path:?}, content_type: {content_type:?}, identity: {identity}, gzip: {gzip}, brotli: {brotli} }},\n"
    ))
}

/// Writes bytes into a file, and gives the expression that includes it. Its tag is of the bytes as they are sent, so that
/// another compressor makes another one.
fn representation(bytes: &[u8], name: &str, out: &Path) -> Result<String, Box<dyn Error>> {
    fs::write(out.join(name), bytes)?;
    let etag = format!("\"{:016x}\"", xxh3_64(bytes));
    let file = format!("/assets/{name}");
    Ok(format!(
        "Representation {{ etag: {etag:?}, bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), {file:?})) }}"
    ))
}
