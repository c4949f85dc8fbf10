//! Why what a client said is refused, to the place in it.

use rookery_schema::event::put_json_text;

use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;

/// A refusal of a request or a message, with what only its reader can tell.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) problem: Problem,
    /// Boxed: few have it, and whoever reads a request has room for one.
    specifics: Option<Box<Specifics>>,
}

#[derive(Debug)]
struct Specifics {
    /// For people, instead of the problem's.
    detail: String,
    /// Where the text breaks its rules.
    place: Option<Place>,
}

/// A place in a text. Both count from 1; columns are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// Where so many bytes have passed.
    pub(crate) fn behind(passed: &[u8]) -> Self {
        let line = passed.split(|byte| *byte == b'\n').next_back();
        Self {
            line: 1 + passed.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + line.map_or(0, <[u8]>::len),
        }
    }
}

impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            specifics: None,
        }
    }
}

impl Rejection {
    /// A problem with a sentence of its own.
    pub(crate) fn in_detail(problem: Problem, detail: String) -> Self {
        let place = None;
        Self {
            problem,
            specifics: Some(Box::new(Specifics { detail, place })),
        }
    }

    /// The same, at a place.
    pub(crate) fn at(problem: Problem, why: &str, place: Place) -> Self {
        let Place { line, column } = place;
        let detail = format!("line {line}, column {column}: {why}");
        Self {
            problem,
            specifics: Some(Box::new(Specifics {
                detail,
                place: Some(place),
            })),
        }
    }

    /// What it says to people.
    pub(crate) fn detail(&self) -> &str {
        match &self.specifics {
            Some(specifics) => &specifics.detail,
            None => self.problem.detail,
        }
    }

    /// Appends the members of a JSON object that say where the fault is, each behind a comma.
    pub(crate) fn put_place(&self, out: &mut Vec<u8>) {
        put_errors(out, &self.problem, self.detail());
        let place = self.specifics.as_ref().and_then(|it| it.place);
        if let Some(Place { line, column }) = place {
            out.extend_from_slice(format!(r#","line":{line},"column":{column}"#).as_bytes());
        }
    }
}

/// Refuses a field whose text is empty, or too long.
pub(crate) fn check_bytes(
    text: &str,
    bytes_max: usize,
    field: Field,
    refusal: &'static str,
) -> Result<(), Problem> {
    let fault = match text.len() {
        0 => Fault::TooShort,
        bytes if bytes > bytes_max => Fault::TooLong,
        _ => return Ok(()),
    };
    Err(Problem::out_of_bounds(refusal).about(field, fault))
}

/// Appends the errors of fields, behind a comma: a list (RFC 9457, section 3), of which one is found at a time.
fn put_errors(out: &mut Vec<u8>, problem: &Problem, detail: &str) {
    if let Some(error) = problem.field {
        let (field, code) = (error.field.name(), error.fault.code());
        let head = format!(r#","errors":[{{"field":"{field}","code":"{code}","detail":"#);
        out.extend_from_slice(head.as_bytes());
        put_json_text(out, detail);
        out.extend_from_slice(b"}]");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_one() {
        for (passed, line, column) in [("", 1, 1), ("ab", 1, 3), ("ab\n", 2, 1), ("\n\nx", 3, 2)] {
            let place = Place::behind(passed.as_bytes());
            assert_eq!(place, Place { line, column }, "{passed:?}");
        }
    }
}
