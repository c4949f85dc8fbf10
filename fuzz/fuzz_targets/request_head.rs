//! A stream of requests, as it comes from a client.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rookery_fuzz::http::read;

fuzz_target!(|stream: &[u8]| {
    read(stream);
});
