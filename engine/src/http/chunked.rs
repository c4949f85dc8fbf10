//! The chunked transfer coding (RFC 9112, section 7.1), removed in place.

use bytes::BytesMut;
use memchr::memchr2;

use super::fields::{is_token, is_token_byte, is_value_byte};
use super::limits::{BODY_BYTES_MAX, CHUNK_METADATA_BYTES_MAX, CHUNK_SIZE_DIGITS_MAX};
use super::refusal::Refusal;

/// Where a whole body stands in the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Bytes of the body, from the end of the head on.
    pub(super) body_len: usize,
    /// Where the next request begins: framing that was decoded may stand in between.
    pub(super) end: usize,
}

/// How far the decoding of a chunked body has come.
///
/// Between calls the input buffer is `head | decoded body | undecoded bytes`: chunk data moves
/// down over the framing before it, so that a body never takes more room than its limit, however
/// small its chunks are.
#[derive(Debug)]
pub(super) struct ChunkedBody {
    /// Bytes of decoded body.
    decoded: u32,
    /// Bytes of extensions and trailers thrown away so far.
    discarded: u16,
    expects: Expects,
}

#[derive(Debug, Clone, Copy)]
enum Expects {
    Size,
    /// So many more bytes of data.
    Data(u32),
    DataEnd,
    Trailer,
    Nothing,
}

impl ChunkedBody {
    pub(super) fn new() -> Self {
        Self {
            decoded: 0,
            discarded: 0,
            expects: Expects::Size,
        }
    }

    /// Decodes what has arrived, and says where the body stands once it is complete.
    pub(super) fn decode(
        &mut self,
        input: &mut BytesMut,
        head_len: usize,
    ) -> Result<Option<Extent>, Refusal> {
        let mut read = head_len + self.decoded as usize;
        loop {
            let raw = &input[read..];
            let taken = match self.expects {
                Expects::Size => self.take_size(raw)?,
                Expects::Data(left) => {
                    let taken = raw.len().min(left as usize);
                    input.copy_within(read..read + taken, head_len + self.decoded as usize);
                    self.advance_data(taken as u32, left)
                }
                Expects::DataEnd => self.take_data_end(raw)?,
                Expects::Trailer => self.take_trailer(raw)?,
                Expects::Nothing => {
                    let body_len = self.decoded as usize;
                    return Ok(Some(Extent {
                        body_len,
                        end: read,
                    }));
                }
            };
            let Some(taken) = taken else { break };
            read += taken;
        }
        let end = head_len + self.decoded as usize;
        let undecoded = input.len() - read;
        input.copy_within(read.., end);
        input.truncate(end + undecoded);
        Ok(None)
    }

    /// Reads a chunk's first line. The limit is enforced on the announced size, before any data.
    fn take_size(&mut self, raw: &[u8]) -> Result<Option<usize>, Refusal> {
        let Some(line_len) = find_line_end(raw)? else {
            let extension = unfinished_line(raw)
                .len()
                .saturating_sub(CHUNK_SIZE_DIGITS_MAX);
            self.check_metadata(extension, Refusal::CHUNK_EXTENSIONS_TOO_LARGE)?;
            return Ok(None);
        };
        let line = &raw[..line_len];
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let (digits, extensions) = line.split_at(digits);
        let size = parse_size(digits)?;
        self.discard(extensions.len(), Refusal::CHUNK_EXTENSIONS_TOO_LARGE)?;
        check_extensions(extensions)?;
        if size > (BODY_BYTES_MAX - self.decoded as usize) as u64 {
            return Err(Refusal::BODY_TOO_LARGE);
        }
        self.expects = if size == 0 {
            Expects::Trailer
        } else {
            Expects::Data(size as u32)
        };
        Ok(Some(line_len + LINE_END_LEN))
    }

    fn advance_data(&mut self, taken: u32, left: u32) -> Option<usize> {
        self.decoded += taken;
        self.expects = if taken == left {
            Expects::DataEnd
        } else {
            Expects::Data(left - taken)
        };
        (taken > 0).then_some(taken as usize)
    }

    fn take_data_end(&mut self, raw: &[u8]) -> Result<Option<usize>, Refusal> {
        match raw {
            [] | [b'\r'] => Ok(None),
            [b'\r', b'\n', ..] => {
                self.expects = Expects::Size;
                Ok(Some(LINE_END_LEN))
            }
            _ => Err(Refusal::BAD_CHUNK),
        }
    }

    /// Checks one trailer line and drops it: no handler has a use for trailers, and merged into
    /// the headers they could overrule what was checked there (RFC 9110, 6.5.1).
    fn take_trailer(&mut self, raw: &[u8]) -> Result<Option<usize>, Refusal> {
        let Some(line_len) = find_line_end(raw)? else {
            self.check_metadata(unfinished_line(raw).len(), Refusal::TRAILERS_TOO_LARGE)?;
            return Ok(None);
        };
        self.discard(line_len, Refusal::TRAILERS_TOO_LARGE)?;
        if line_len == 0 {
            self.expects = Expects::Nothing;
        } else if !is_field_line(&raw[..line_len]) {
            return Err(Refusal::BAD_CHUNK);
        }
        Ok(Some(line_len + LINE_END_LEN))
    }

    fn discard(&mut self, len: usize, refusal: Refusal) -> Result<(), Refusal> {
        self.check_metadata(len, refusal)?;
        self.discarded += len as u16;
        Ok(())
    }

    fn check_metadata(&self, more: usize, refusal: Refusal) -> Result<(), Refusal> {
        if usize::from(self.discarded) + more > CHUNK_METADATA_BYTES_MAX {
            return Err(refusal);
        }
        Ok(())
    }
}

/// Bytes of CRLF.
const LINE_END_LEN: usize = 2;

/// The length of the line that `raw` begins with, if its CRLF is there; a bare CR or LF is an
/// error.
fn find_line_end(raw: &[u8]) -> Result<Option<usize>, Refusal> {
    let Some(end) = memchr2(b'\r', b'\n', raw) else {
        return Ok(None);
    };
    match &raw[end..] {
        [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(end)),
        _ => Err(Refusal::BAD_CHUNK),
    }
}

/// What has come of a line whose end has not, or only half.
fn unfinished_line(raw: &[u8]) -> &[u8] {
    raw.strip_suffix(b"\r").unwrap_or(raw)
}

fn parse_size(digits: &[u8]) -> Result<u64, Refusal> {
    if digits.is_empty() || digits.len() > CHUNK_SIZE_DIGITS_MAX {
        return Err(Refusal::BAD_CHUNK);
    }
    str::from_utf8(digits)
        .ok()
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or(Refusal::BAD_CHUNK)
}

/// Checks `;name`, `;name=token` and `;name="text"`, any number of them. The white space that RFC
/// 9112, 7.1.1 calls bad is refused.
fn check_extensions(mut rest: &[u8]) -> Result<(), Refusal> {
    while !rest.is_empty() {
        rest = rest.strip_prefix(b";").ok_or(Refusal::BAD_CHUNK)?;
        rest = skip_token(rest)?;
        if let Some(value) = rest.strip_prefix(b"=") {
            rest = match value.strip_prefix(b"\"") {
                Some(text) => skip_quoted(text)?,
                None => skip_token(value)?,
            };
        }
    }
    Ok(())
}

fn skip_token(text: &[u8]) -> Result<&[u8], Refusal> {
    match text.iter().take_while(|&&byte| is_token_byte(byte)).count() {
        0 => Err(Refusal::BAD_CHUNK),
        len => Ok(&text[len..]),
    }
}

/// Skips a quoted string of which the opening quote is gone (RFC 9110, 5.6.4).
fn skip_quoted(text: &[u8]) -> Result<&[u8], Refusal> {
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => return Ok(bytes.as_slice()),
            b'\\' if bytes.next().is_some_and(|&escaped| is_value_byte(escaped)) => {}
            b'\\' => return Err(Refusal::BAD_CHUNK),
            _ if is_value_byte(byte) => {}
            _ => return Err(Refusal::BAD_CHUNK),
        }
    }
    Err(Refusal::BAD_CHUNK)
}

fn is_field_line(line: &[u8]) -> bool {
    match line.iter().position(|&byte| byte == b':') {
        Some(colon) => {
            is_token(&line[..colon]) && line[colon + 1..].iter().all(|&byte| is_value_byte(byte))
        }
        None => false,
    }
}
