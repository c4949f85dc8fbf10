//! Status codes.

use std::fmt;

/// Defines [`Status`] with its texts, so that a status line is one constant to copy.
macro_rules! statuses {
    ($($name:ident = $code:literal $reason:literal,)*) => {
        /// A status code that this server sends (RFC 9110, section 15).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Status {
            $(
                #[doc = concat!($code, " ", $reason)]
                $name = $code,
            )*
        }

        impl Status {
            /// The reason phrase, such as `Not Found`.
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$name => $reason,)* }
            }

            /// The status line with its line end.
            pub(super) const fn line(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("HTTP/1.1 ", $code, " ", $reason, "\r\n"),)*
                }
            }
        }
    };
}

statuses! {
    SwitchingProtocols = 101 "Switching Protocols",
    Ok = 200 "OK",
    Created = 201 "Created",
    NoContent = 204 "No Content",
    NotModified = 304 "Not Modified",
    BadRequest = 400 "Bad Request",
    Unauthorized = 401 "Unauthorized",
    Forbidden = 403 "Forbidden",
    NotFound = 404 "Not Found",
    MethodNotAllowed = 405 "Method Not Allowed",
    RequestTimeout = 408 "Request Timeout",
    Conflict = 409 "Conflict",
    Gone = 410 "Gone",
    ContentTooLarge = 413 "Content Too Large",
    UriTooLong = 414 "URI Too Long",
    UnsupportedMediaType = 415 "Unsupported Media Type",
    ExpectationFailed = 417 "Expectation Failed",
    MisdirectedRequest = 421 "Misdirected Request",
    UnprocessableContent = 422 "Unprocessable Content",
    UpgradeRequired = 426 "Upgrade Required",
    TooManyRequests = 429 "Too Many Requests",
    RequestHeaderFieldsTooLarge = 431 "Request Header Fields Too Large",
    NotImplemented = 501 "Not Implemented",
    ServiceUnavailable = 503 "Service Unavailable",
    HttpVersionNotSupported = 505 "HTTP Version Not Supported",
}

impl Status {
    /// The number, such as 404.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Whether replies of this status never carry a body (RFC 9110, 6.4.1).
    pub const fn is_bodyless(self) -> bool {
        matches!(
            self,
            Self::SwitchingProtocols | Self::NoContent | Self::NotModified
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.reason())
    }
}
