//! What arrives on an HTTP connection: bytes, and the requests that they make.

use bytes::BytesMut;

use crate::api::Api;
use crate::connection::http::Http;
use crate::connection::link::Link;
use crate::context::Context;
use crate::http::{Preface, Progress, Refusal, take_preface};

/// Bytes by which an input buffer grows: a body that comes byte by byte is not copied for each of them.
const INPUT_STEP_BYTES: usize = 4096;
/// An input buffer above this many bytes is given back when it is empty.
const KEPT_INPUT_BYTES_MAX: usize = 8192;

impl Http {
    /// Bytes came in.
    pub(in crate::connection) fn received(
        &mut self,
        link: &mut Link,
        bytes: &[u8],
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        let room = self.take_in(bytes);
        self.active_micros = cx.now.micros;
        if self.preface_due {
            self.read_preface(link, cx);
        }
        self.read_requests(link, api, cx);
        if !self.input.is_empty() {
            self.input_held.set(room);
        }
    }

    /// Adds bytes to the input. Returns how many it has room for.
    fn take_in(&mut self, bytes: &[u8]) -> usize {
        let needed = self.input.len() + bytes.len();
        if !self.input.is_empty() && needed > self.input.capacity() {
            // By itself, it would take twice as much as it has.
            let room = needed.next_multiple_of(INPUT_STEP_BYTES);
            let input = std::mem::replace(&mut self.input, BytesMut::with_capacity(room));
            self.input.extend_from_slice(&input);
        }
        self.input.extend_from_slice(bytes);
        self.input.capacity()
    }

    /// Reads whom a proxy relays the connection for, before the first request.
    fn read_preface(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        let before = self.input.len();
        let preface = take_preface(&mut self.input);
        self.note_taken(before);
        self.preface_due = preface == Preface::Partial;
        match preface {
            Preface::Partial | Preface::Peer => {}
            Preface::Client(address) => self.door.peer = address,
            Preface::Malformed => self.refuse_and_close(link, &Refusal::MALFORMED_PREFACE, cx),
        }
    }

    /// Takes the requests that have arrived, as far as they may be begun now.
    pub(super) fn read_requests(&mut self, link: &mut Link, api: Api<'_>, cx: &mut Context<'_>) {
        while !link.is_closing() && !self.preface_due {
            self.halted = link.is_full() && !self.input.is_empty();
            if link.is_full() || !self.wants_request() {
                break;
            }
            match self.next_request() {
                Progress::Partial => break,
                Progress::Continue => {
                    self.continue_due = true;
                    self.continue_if_due(link, cx);
                }
                Progress::Request(request) => self.begin_request(link, request, api, cx),
                Progress::Refused(refusal) => self.refuse_and_close(link, &refusal, cx),
            }
        }
        if link.is_closing() {
            self.drop_input();
        } else {
            self.note_arrival(cx);
            self.end_if_answered(link, cx);
        }
    }

    fn next_request(&mut self) -> Progress {
        let before = self.input.len();
        let progress = self.reader.next(&mut self.input);
        self.note_taken(before);
        progress
    }

    /// Notes what was used of an input of so many bytes.
    fn note_taken(&mut self, before: usize) {
        if let Some(owed) = &mut self.owed_bytes {
            *owed = owed.saturating_sub(before - self.input.len());
        }
    }

    /// Nothing of what has arrived is used any more.
    pub(super) fn drop_input(&mut self) {
        self.input = BytesMut::new();
        self.input_held.set(0);
        self.held = None;
        self.holds_since_micros = None;
    }

    /// Notes since when a request has been arriving, for its deadline, and since when anything is held.
    fn note_arrival(&mut self, cx: &Context<'_>) {
        let arriving = self.wants_input() && self.reader.in_request(&self.input);
        if self.input.is_empty() {
            self.input_held.set(0);
            if self.input.capacity() > KEPT_INPUT_BYTES_MAX {
                self.input = BytesMut::new();
            }
        }
        let began = self.request_began_micros.unwrap_or(cx.now.micros);
        self.request_began_micros = arriving.then_some(began);
        let holds = !self.input.is_empty() || self.held.is_some();
        let since = self.holds_since_micros.unwrap_or(cx.now.micros);
        self.holds_since_micros = holds.then_some(since);
    }

    /// Resumes requests that had to wait for a reply, or were paused by a full outbox.
    pub(in crate::connection) fn go_on(
        &mut self,
        link: &mut Link,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        if link.is_closing() {
            return;
        }
        if self.replies.is_empty()
            && let Some(held) = self.held.take()
        {
            self.begin_request(link, held.request, api, cx);
        }
        if link.is_closing() {
            return;
        }
        if self.input.is_empty() {
            self.end_if_answered(link, cx);
        } else {
            self.read_requests(link, api, cx);
        }
        link.resume_if(self.wants_input(), cx);
    }
}
