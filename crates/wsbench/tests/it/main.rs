//! The tests of `wsbench`, in one program.

mod compare;
mod floor;
mod report;
mod run;
mod schema;
