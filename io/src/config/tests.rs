#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod combinations;
mod compose;
mod documented;
mod layers;
mod machine;
mod refusals;
