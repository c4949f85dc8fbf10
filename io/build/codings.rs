//! Compressing, as small as it goes: it is done once.

use std::error::Error;
use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The highest there is.
const BROTLI_QUALITY: i32 = 11;

pub(crate) fn brotli(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let params = BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        size_hint: bytes.len(),
        ..BrotliEncoderParams::default()
    };
    let mut coded = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut coded, &params)?;
    Ok(coded)
}

pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
