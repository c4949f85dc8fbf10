#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod combinations;
mod compose;
mod layers;
mod machine;
mod refusals;
