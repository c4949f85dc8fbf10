//! Finding whole requests in a connection's input.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr_iter};

use super::chunked::{ChunkedBody, Extent};
use super::head::{Framing, Head, check_request_line};
use super::limits::{
    HEAD_BYTES_MAX, LEADING_EMPTY_LINES_MAX, REQUEST_LINE_BYTES_MAX, REQUEST_LINE_PROBE_BYTES,
};
use super::refusal::Refusal;
use super::request::Request;

/// What [`RequestReader::next`] made of the input.
#[derive(Debug)]
pub enum Progress {
    /// More bytes are needed.
    Partial,
    /// The client waits for leave to send a body that is within its limit: write
    /// [`CONTINUE`](super::CONTINUE) after the replies to earlier requests, and go on as after
    /// `Partial`. Said at most once per request.
    Continue,
    /// A whole request, which is gone from the input.
    Request(Request),
    /// Reply with this and close. The rest of the input is thrown away, and every later call
    /// answers the same.
    Refused(Refusal),
}

/// Reads the requests of one connection.
///
/// The bytes stay in the caller's buffer until a request is whole; what is kept here is how far
/// they were looked at, so that a byte is searched once however slowly its request arrives.
/// Between two calls the buffer may only be appended to.
#[derive(Debug, Default)]
pub struct RequestReader {
    state: State,
}

#[derive(Debug)]
enum State {
    Head(HeadScan),
    Body { head_len: u16, body: Body },
    Refused { refusal: Refusal, is_head: bool },
}

#[derive(Debug)]
enum Body {
    Length(u32),
    Chunked(ChunkedBody),
}

impl Default for State {
    fn default() -> Self {
        Self::Head(HeadScan::default())
    }
}

impl RequestReader {
    /// Looks at `input` and takes at most one whole request off its front.
    pub fn next(&mut self, input: &mut BytesMut) -> Progress {
        self.advance(input).unwrap_or_else(|refusal| {
            let is_head = self.is_head(input);
            self.state = State::Refused { refusal, is_head };
            input.clear();
            Progress::Refused(refusal)
        })
    }

    /// Whether a request has begun and is not whole yet, so that a deadline applies to the rest.
    pub fn in_request(&self, input: &BytesMut) -> bool {
        self.in_body() || !input.is_empty()
    }

    /// Whether the request that is arriving, or was refused, is a `HEAD`, whose reply has no body.
    pub fn is_head(&self, input: &BytesMut) -> bool {
        match self.state {
            State::Refused { is_head, .. } => is_head,
            State::Head(_) | State::Body { .. } => input.starts_with(b"HEAD "),
        }
    }

    /// Whether a head was read, and its body is awaited.
    pub fn in_body(&self) -> bool {
        matches!(self.state, State::Body { .. })
    }

    fn advance(&mut self, input: &mut BytesMut) -> Result<Progress, Refusal> {
        match &mut self.state {
            State::Head(scan) => match scan.find_end(input)? {
                Some(head_len) => self.begin_request(input, head_len),
                None => Ok(Progress::Partial),
            },
            State::Body { head_len, body } => {
                let head_len = usize::from(*head_len);
                let Some(extent) = body.receive(input, head_len)? else {
                    return Ok(Progress::Partial);
                };
                // Parsing the head again costs less than keeping it parsed beside the buffer.
                let head = Head::parse(&input[..head_len])?;
                Ok(self.finish_request(input, head, head_len, extent))
            }
            State::Refused { refusal, .. } => Err(*refusal),
        }
    }

    /// Takes a request whose head has just become complete, or starts waiting for its body.
    fn begin_request(
        &mut self,
        input: &mut BytesMut,
        head_len: usize,
    ) -> Result<Progress, Refusal> {
        let head = Head::parse(&input[..head_len])?;
        let mut body = match head.framing {
            Framing::Length(length) => Body::Length(length as u32),
            Framing::Chunked => Body::Chunked(ChunkedBody::new()),
        };
        if let Some(extent) = body.receive(input, head_len)? {
            return Ok(self.finish_request(input, head, head_len, extent));
        }
        self.state = State::Body {
            head_len: head_len as u16,
            body,
        };
        Ok(if head.expects_continue {
            Progress::Continue
        } else {
            Progress::Partial
        })
    }

    fn finish_request(
        &mut self,
        input: &mut BytesMut,
        head: Head,
        head_len: usize,
        extent: Extent,
    ) -> Progress {
        // Copies are exact and cost what sharing the buffer costs, but a body that is kept for long
        // doesn't keep the whole buffer alive.
        let head_bytes = input[..head_len].to_vec();
        let body_bytes = Bytes::copy_from_slice(&input[head_len..head_len + extent.body_len]);
        input.advance(extent.end);
        self.state = State::default();
        Progress::Request(Request::new(head, head_bytes, body_bytes))
    }
}

impl Body {
    /// The place of the body, once all of it is there.
    fn receive(
        &mut self,
        input: &mut BytesMut,
        head_len: usize,
    ) -> Result<Option<Extent>, Refusal> {
        match self {
            Self::Length(length) => {
                let body_len = *length as usize;
                let end = head_len + body_len;
                Ok((input.len() >= end).then_some(Extent { body_len, end }))
            }
            Self::Chunked(body) => body.decode(input, head_len),
        }
    }
}

/// The search for the empty line that ends a head.
#[derive(Debug, Default)]
struct HeadScan {
    /// Bytes searched for line ends.
    searched: u16,
    /// Where the line under search begins; 0 while that is the request line.
    line_start: u16,
    /// Empty lines dropped from before the request line.
    empty_lines: u8,
    request_line_checked: bool,
}

impl HeadScan {
    /// The length of the head, once its last line is there.
    fn find_end(&mut self, input: &mut BytesMut) -> Result<Option<usize>, Refusal> {
        self.skip_empty_lines(input)?;
        let window = &input[..input.len().min(HEAD_BYTES_MAX)];
        let searched = usize::from(self.searched);
        for offset in memchr_iter(b'\n', &window[searched..]) {
            let line_feed = searched + offset;
            let line_start = usize::from(self.line_start);
            let line = window[line_start..line_feed]
                .strip_suffix(b"\r")
                .ok_or(Refusal::BAD_LINE_ENDING)?;
            if line_start == 0 && line.len() > REQUEST_LINE_BYTES_MAX {
                return Err(Refusal::URI_TOO_LONG);
            }
            if line.is_empty() {
                return Ok(Some(line_feed + 1));
            }
            self.line_start = (line_feed + 1) as u16;
        }
        self.check_partial(window)?;
        self.searched = window.len() as u16;
        Ok(None)
    }

    fn skip_empty_lines(&mut self, input: &mut BytesMut) -> Result<(), Refusal> {
        while self.line_start == 0 && input.starts_with(b"\r\n") {
            self.empty_lines += 1;
            if self.empty_lines > LEADING_EMPTY_LINES_MAX {
                return Err(Refusal::BAD_LINE_ENDING);
            }
            input.advance(2);
            self.searched = 0;
        }
        Ok(())
    }

    /// Turns down an incomplete head that can't become a valid one. `searched` still says how much
    /// of it was there the last time.
    fn check_partial(&mut self, window: &[u8]) -> Result<(), Refusal> {
        let in_request_line = self.line_start == 0;
        // The CR may have come already.
        if in_request_line && window.len() > REQUEST_LINE_BYTES_MAX + 1 {
            return Err(Refusal::URI_TOO_LONG);
        }
        if window.len() == HEAD_BYTES_MAX {
            return Err(Refusal::HEAD_TOO_LARGE);
        }
        let probe = usize::from(self.searched) < REQUEST_LINE_PROBE_BYTES;
        if !self.request_line_checked && (probe || !in_request_line) {
            let line_len = memchr(b'\n', window).map_or(window.len(), |line_feed| line_feed + 1);
            check_request_line(&window[..line_len])?;
            self.request_line_checked = !in_request_line;
        }
        Ok(())
    }
}
