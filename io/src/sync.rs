//! What [`crate::mailbox`] is built from. The models in `io/loom` replace this module by one whose types
//! try every interleaving of the threads.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize};
pub(crate) use std::thread;

pub(crate) use atomic_waker::AtomicWaker;
pub(crate) use crossbeam::queue::ArrayQueue;
