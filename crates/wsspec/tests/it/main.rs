//! The tests of the suite, in one program: one link instead of nine.

mod causes;
mod clauses;
#[path = "../../src/content.rs"]
mod content;
mod corpus;
mod corpus_of_compression;
mod endings;
mod known;
mod mutants;
mod results;
mod select;
#[path = "../support/mod.rs"]
mod support;
mod table;
#[cfg(unix)]
mod target;
mod url;
mod words;
