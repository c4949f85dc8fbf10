//! The files of the web pages, which the build script has compressed.

use rookery_engine::assets::{Asset, Assets, Representation};

/// What is below `io/web`.
pub static ASSETS: Assets = include!(concat!(env!("OUT_DIR"), "/assets/table.rs"));
