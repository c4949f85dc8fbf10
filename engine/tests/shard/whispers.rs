//! Who types, and who is there: what is told, to whom, and what happens to that under pressure.

mod presence;
mod typing;
