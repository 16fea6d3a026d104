//! The tests of `rfc9113`, in one program.

mod corpus;
mod h2;
mod heads;
mod hpack;
mod wire_format;
