//! The reasons for which a request is turned down before any handler sees it.

use super::limits::{
    BODY_BYTES_MAX, CHUNK_METADATA_BYTES_MAX, HEAD_BYTES_MAX, HEADER_FIELDS_MAX,
    REQUEST_LINE_BYTES_MAX,
};
use super::status::Status;

/// Why a request is turned down by the protocol itself.
///
/// The bytes after it can't be trusted to start another request, so the connection closes after
/// the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{status} ({code}): {detail}")]
pub struct Refusal {
    /// The status to reply with.
    pub status: Status,
    /// A stable name for clients to match on.
    pub code: &'static str,
    /// What is wrong, for a person to read.
    pub detail: &'static str,
}

/// Defines the refusals as constants, one per rule.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $status:ident $code:literal $($detail:expr),+;)*) => {
        impl Refusal {
            $(
                $(#[$doc])*
                pub const $name: Self =
                    Self { status: Status::$status, code: $code, detail: const_format::concatcp!($($detail),+) };
            )*
        }
    };
}

refusals! {
    /// The first line is not `method SP target SP version`, or the version is malformed.
    BAD_REQUEST_LINE = BadRequest "bad_request_line"
        "The request line must be a method, a target and a version, separated by single spaces.";
    /// A connection begins like a PROXY header of version 2, and none follows.
    MALFORMED_PREFACE = BadRequest "bad_proxy_header"
        "The PROXY header is malformed.";
    /// The target is not a form that a server which is no proxy answers.
    BAD_TARGET = BadRequest "bad_target"
        "The request target must be a path in visible ASCII, or an http or https URL.";
    /// CR or LF stands alone, or too many empty lines come before a request.
    BAD_LINE_ENDING = BadRequest "bad_line_ending"
        "Every line must end with CRLF, and CR and LF must not stand anywhere else.";
    /// A field line without a name, with a space in it, or folded over two lines.
    BAD_HEADER_NAME = BadRequest "bad_header_name"
        "Every header line must be a field name, a colon and a value.";
    /// A control byte in a field value.
    BAD_HEADER_VALUE = BadRequest "bad_header_value"
        "Header values must not contain control characters.";
    /// `Host` is absent, given twice, or not a host with an optional port.
    BAD_HOST = BadRequest "bad_host"
        "Exactly one valid Host header is required.";
    /// `Content-Length` is given twice or is not a number.
    BAD_CONTENT_LENGTH = BadRequest "bad_content_length"
        "There may be one Content-Length header, of digits only.";
    /// A field that may be given once is given twice.
    REPEATED_HEADER = BadRequest "repeated_header"
        "Authorization, Content-Type, Idempotency-Key, Origin and Sec-Fetch-Site may be given once.";
    /// `Transfer-Encoding` does not end with its only `chunked`, stands in two lines, or not in HTTP/1.1: where the
    /// body ends can't be known (RFC 9112, 6.3).
    BAD_TRANSFER_ENCODING = BadRequest "bad_transfer_encoding"
        "The last transfer coding must be chunked, given once, in HTTP/1.1.";
    /// Both framings at once: the classic way to smuggle a request (RFC 9112, 6.1).
    CONFLICTING_BODY_LENGTH = BadRequest "conflicting_body_length"
        "Content-Length and Transfer-Encoding must not be sent together.";
    /// A chunk's size, extension, end or trailer is malformed.
    BAD_CHUNK = BadRequest "bad_chunk"
        "The chunked body is malformed.";
    /// Extensions past [`CHUNK_METADATA_BYTES_MAX`].
    CHUNK_EXTENSIONS_TOO_LARGE = BadRequest "chunk_extensions_too_large"
        "Chunk extensions of one body may take ", CHUNK_METADATA_BYTES_MAX / 1024, " KiB.";
    /// The client took too long to send a request it had begun; the caller's clock decides.
    REQUEST_TIMEOUT = RequestTimeout "request_timeout"
        "The request did not arrive in time.";
    /// More than [`BODY_BYTES_MAX`], announced or sent.
    BODY_TOO_LARGE = ContentTooLarge "body_too_large"
        "A request body may take ", BODY_BYTES_MAX / 1024, " KiB.";
    /// More than [`REQUEST_LINE_BYTES_MAX`].
    URI_TOO_LONG = UriTooLong "uri_too_long"
        "The request line may take ", REQUEST_LINE_BYTES_MAX / 1024, " KiB.";
    /// An `Expect` other than `100-continue`.
    EXPECTATION_FAILED = ExpectationFailed "expectation_failed"
        "The only expectation that can be met is 100-continue.";
    /// More than [`HEAD_BYTES_MAX`].
    HEAD_TOO_LARGE = RequestHeaderFieldsTooLarge "head_too_large"
        "The request line and headers may take ", HEAD_BYTES_MAX / 1024, " KiB.";
    /// More than [`HEADER_FIELDS_MAX`].
    TOO_MANY_HEADERS = RequestHeaderFieldsTooLarge "too_many_headers"
        "A request may have ", HEADER_FIELDS_MAX, " headers.";
    /// Trailers past [`CHUNK_METADATA_BYTES_MAX`].
    TRAILERS_TOO_LARGE = RequestHeaderFieldsTooLarge "trailers_too_large"
        "Trailers and chunk extensions of one body may take ", CHUNK_METADATA_BYTES_MAX / 1024, " KiB.";
    /// A method that no resource here has.
    METHOD_NOT_IMPLEMENTED = NotImplemented "method_not_implemented"
        "This server does not implement the request method.";
    /// Other transfer codings before a final `chunked` (RFC 9112, 6.1).
    TRANSFER_CODING_NOT_IMPLEMENTED = NotImplemented "transfer_coding_not_implemented"
        "The only transfer coding is chunked.";
    /// Another major version than 1.
    VERSION_NOT_SUPPORTED = HttpVersionNotSupported "version_not_supported"
        "This server speaks HTTP/1.1 and HTTP/1.0.";
}
